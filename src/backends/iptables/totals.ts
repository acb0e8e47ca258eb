import { actions, chains } from '../../domain/rule.ts';
import type { Total } from '../backend.ts';
import type { SavedLine } from './line.ts';

/** What rules and lists have met together, by chain and action. */
export function totalsOf(lines: readonly SavedLine[]): Total[] {
  return chains.flatMap((chain) =>
    actions.map((action) => {
      const met = lines.filter(({ spec, list }) => {
        const counted = spec ?? list;
        return counted?.chain === chain && counted.action === action;
      });
      const sumOf = (counter: 'packets' | 'bytes'): bigint => met.reduce((sum, line) => sum + line[counter], 0n);
      return { chain, action, packets: sumOf('packets'), bytes: sumOf('bytes') };
    }),
  );
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
