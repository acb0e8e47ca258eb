import type { Family } from '../../domain/address.ts';
import { familyOf, ruleKey } from '../../domain/rule.ts';
import type { Desired } from '../backend.ts';
import { guardLines, type Line, ruleLine } from './line.ts';
import { listLine } from './list-line.ts';

/** The chains of the filter table that rfw has rules in. */
export const tableChains = ['INPUT', 'OUTPUT', 'FORWARD'] as const;
export type TableChain = (typeof tableChains)[number];

/** The lines of one chain. */
export function inChain<L extends Line>(lines: readonly L[], chain: TableChain): L[] {
  return lines.filter((line) => line.chain === chain);
}

/** The lines of lists in one chain, top to bottom. A list has none where it holds nothing of the family. */
export function listLines(lists: Desired['lists'], family: Family, chain: TableChain): Line[] {
  return lists
    .filter((list) => list.chain.toUpperCase() === chain && list.addresses.prefixCount(family) > 0)
    .map((list) => listLine(list, family));
}

/** rfw's lines of one chain, top to bottom: the guard, then the rules, newest first, then the lists. */
export function wantedLines(desired: Desired, family: Family, chain: TableChain): Line[] {
  const rules = Array.from(desired.rules)
    .filter((rule) => rule.chain.toUpperCase() === chain && familyOf(rule) === family)
    .map((rule) => ruleLine(rule, family));
  const guard = chain === 'FORWARD' ? [] : guardLines(desired.guard, family, chain);
  return [...guard, ...rules.reverse(), ...listLines(desired.lists, family, chain)];
}

/** The keys of what nobody wants any more in one chain. */
export function staleKeys(desired: Desired, family: Family, chain: TableChain): ReadonlySet<string> {
  const guards = chain === 'FORWARD' ? [] : desired.stale.guards.flatMap((guard) => guardLines(guard, family, chain));
  const rules = desired.stale.rules.filter((spec) => familyOf(spec) === family && spec.chain.toUpperCase() === chain);
  const keys = new Set<string>([...guards.map((line) => line.key), ...rules.map(ruleKey)]);
  for (const line of wantedLines(desired, family, chain)) keys.delete(line.key);
  return keys;
}

/** The keys of the lines of lists that nobody wants. */
export function staleLists(current: readonly Line[], wanted: readonly Line[]): Set<string> {
  const keys = new Set(wanted.map(({ key }) => key));
  return new Set(current.flatMap(({ key, list }) => (list && !keys.has(key) ? [key] : [])));
}
