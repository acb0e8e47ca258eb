import { type Chain, chains } from '../../domain/rule.ts';
import type { Message } from '../../netlink/message.ts';
import { addRule, flushChain, type Statements } from '../../netlink/nftables/commands.ts';
import type { PairChain } from './pairs.ts';
import { type Protection, protectionRules } from './protection.ts';
import type { ScopedSet } from './scoped-sets.ts';
import { pairsStatements, type RejectOptions, setStatements } from './statements.ts';
import { rfwTable } from './table.ts';

/** What the base chains look up. */
export interface Layout {
  readonly protection: Protection;
  readonly sets: Iterable<ScopedSet>;
  readonly pairs: Iterable<PairChain>;
}

/** Empties the base chains, after which nothing is looked up any more. */
export function emptyChains(which: Iterable<Chain> = chains): Message[] {
  return Array.from(which, (chain) => flushChain(rfwTable, chain));
}

/**
 * Fills a base chain, which must be empty: guard, whitelist, then the strata from the highest down. Only what holds anything
 * has a rule.
 */
export function fillChain(chain: Chain, { protection, sets, pairs }: Layout, options: RejectOptions): Message[] {
  const placed: { readonly stratum: number; readonly rules: readonly Statements[] }[] = [];
  for (const set of sets) {
    if (set.scope.chain === chain && set.count > 0) {
      placed.push({ stratum: set.stratum, rules: setStatements(set, options) });
    }
  }
  if (chain === 'forward') {
    for (const { name, stratum, pairs: held } of pairs) {
      if (held.size > 0) placed.push({ stratum, rules: [pairsStatements(name)] });
    }
  }
  placed.sort((a, b) => b.stratum - a.stratum);
  return [...protectionRules(protection, chain), ...placed.flatMap(({ rules }) => rules)].map((statements) =>
    addRule(rfwTable, chain, statements),
  );
}
