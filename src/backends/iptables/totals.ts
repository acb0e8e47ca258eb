import { actions, chains } from '../../domain/rule.ts';
import type { RuleState, Total } from '../backend.ts';

/** What the rules have met together, by chain and action. */
export function totalsOf(states: readonly RuleState[]): Total[] {
  return chains.flatMap((chain) =>
    actions.map((action) => {
      const met = states.filter(({ spec }) => spec.chain === chain && spec.action === action);
      const sumOf = (counter: 'packets' | 'bytes'): bigint => met.reduce((sum, state) => sum + state[counter], 0n);
      return { chain, action, packets: sumOf('packets'), bytes: sumOf('bytes') };
    }),
  );
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
