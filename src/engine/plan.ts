import type { PortGuard } from '../domain/guard.ts';
import type { Rule } from '../domain/rule.ts';
import { isOver, type Protection } from './decide.ts';
import { Draft, RuleSet } from './ruleset.ts';
import type { Mutation } from './store/store.ts';

/** What a protection makes of the rules. */
export interface Plan {
  readonly protection: Protection;
  /** Rules whose time is up. */
  readonly expired: readonly Rule[];
  /** Rules that conflict with the whitelist. */
  readonly displaced: readonly Rule[];
  readonly remaining: RuleSet;
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
  const remaining: Rule[] = [];
  const draft = new Draft(rules);
  for (const rule of rules.all()) {
    const conflicts = protection.whitelist.conflict(rule) !== undefined;
    const fate = isOver(rule, now) ? expired : conflicts ? displaced : remaining;
    fate.push(rule);
    if (fate !== remaining) draft.remove(rule);
  }
  return { protection, expired, displaced, remaining: new RuleSet(remaining), mutations: draft.mutations() };
}
