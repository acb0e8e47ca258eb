import { type Chain, chains } from '../../domain/rule.ts';
import type { Message } from '../../netlink/message.ts';
import { addRule, flushChain, type Statements } from '../../netlink/nftables/commands.ts';
import type { StandingList } from './list-sets.ts';
import type { Mirror } from './mirror.ts';
import type { PairChain } from './pairs.ts';
import { guardEntry, guardRules, type Protection, whitelistRules } from './protection.ts';
import type { ScopedSet } from './scoped-sets.ts';
import { listStatements, pairsStatements, type RejectOptions, setStatements } from './statements.ts';
import { guardChain, rfwTable } from './table.ts';

/** What the chains look up. */
export interface Layout {
  readonly protection: Protection;
  readonly sets: readonly ScopedSet[];
  readonly pairs: readonly PairChain[];
  /** The first one is met first. */
  readonly lists: readonly StandingList[];
}

/** @param lists those that are to be looked up, where they aren't those of the mirror */
export function layoutOf(mirror: Mirror, protection: Protection, lists = mirror.lists.all): Layout {
  return { protection, sets: [...mirror.sets.all()], pairs: [...mirror.pairs.all()], lists };
}

/** Empties base chains and what they lead to, after which nothing is looked up any more. */
export function emptyChains(which: Iterable<Chain> = chains): Message[] {
  return Array.from(which, (chain) => (chain === 'forward' ? [chain] : [chain, guardChain(chain)]))
    .flat()
    .map((name) => flushChain(rfwTable, name));
}

/**
 * Fills a base chain and what it leads to, which must be empty: guard, whitelist, then the strata from the highest down, and
 * the lists. What holds nothing has no rule.
 */
export function fillChain(chain: Chain, { protection, sets, pairs, lists }: Layout, options: RejectOptions): Message[] {
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
  const strata = placed.flatMap(({ rules }) => rules);
  const listed = lists
    .filter((list) => list.chain === chain)
    .flatMap((list) => list.sets.flatMap((set) => listStatements(list, set, options)));
  return [
    ...(chain === 'forward' ? [] : rulesOf(guardChain(chain), guardRules(protection, chain))),
    ...rulesOf(chain, [...guardEntry(protection, chain), ...whitelistRules(protection, chain), ...strata, ...listed]),
  ];
}

function rulesOf(chain: string, rules: readonly Statements[]): Message[] {
  return rules.map((statements) => addRule(rfwTable, chain, statements));
}
