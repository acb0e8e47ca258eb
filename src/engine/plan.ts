import type { PortGuard } from '../domain/guard.ts';
import type { Rule } from '../domain/rule.ts';
import { isOver, type Protection } from './decide.ts';
import type { RuleSet } from './ruleset.ts';
import type { Mutation } from './store/store.ts';

/** What a protection makes of the rules. */
export interface Plan {
  readonly protection: Protection;
  /** Rules whose time is up. */
  readonly expired: readonly Rule[];
  /** Rules that conflict with the whitelist. */
  readonly displaced: readonly Rule[];
  /** Oldest first. */
  readonly remaining: Iterable<Rule>;
  readonly mutations: readonly Mutation[];
}

/** What a flush has done. */
export interface Flushed {
  /** For people, each thing that was taken out of the kernel. */
  readonly removed: readonly string[];
  /** How many rules were taken out of the store. */
  readonly rules: number;
  /** The guard that comes back with the next rule. */
  readonly guard: PortGuard | null;
}

/** Sorts the rules under a protection into those that remain and those that have to go. */
export function planProtection(rules: RuleSet, protection: Protection, now: number): Plan {
  const expired: Rule[] = [];
  const displaced: Rule[] = [];
  const mutations: Mutation[] = [];
  for (const rule of rules.all()) {
    const over = isOver(rule, now);
    if (!over && protection.whitelist.conflict(rule) === undefined) continue;
    (over ? expired : displaced).push(rule);
    mutations.push({ kind: 'delete', rule });
  }
  const gone = new Set(mutations.map(({ rule }) => rule.seq));
  return { protection, expired, displaced, remaining: without(rules, gone), mutations };
}

/** The rules but for some, by their places in the order. */
function without(rules: RuleSet, gone: ReadonlySet<number>): Iterable<Rule> {
  if (gone.size === 0) return rules.all();
  return {
    *[Symbol.iterator]() {
      for (const rule of rules.all()) if (!gone.has(rule.seq)) yield rule;
    },
  };
}
