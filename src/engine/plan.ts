import type { PortGuard } from '../domain/guard.ts';
import type { Rule } from '../domain/rule.ts';
import { listChange, type RecordedChange, rfwItself } from './changes.ts';
import { isOver, type Protection } from './decide.ts';
import type { Entry } from './journal.ts';
import type { List } from './list.ts';
import { type Lists, listDeletions } from './lists.ts';
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

/** What a protection makes of the lists. */
export interface ListPlan {
  /** Those whose time is up. */
  readonly over: readonly List[];
  readonly lists: Lists;
}

/** What a flush has done. */
export interface Flushed {
  /** For people, each thing that was taken out of the kernel. */
  readonly removed: readonly string[];
  /** How many rules were taken out of the store. */
  readonly rules: number;
  /** How many lists were. */
  readonly lists: number;
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

/** Cuts out of the lists what a whitelist covers, and leaves out those that are over. */
export function planLists(lists: Lists, { whitelist }: Protection, now: number): ListPlan {
  const { over, remaining } = lists.part(now);
  return { over, lists: remaining.beside(whitelist) };
}

/** What is recorded of a plan, and what is given beside. */
export function recordOf({ protection, expired, displaced, over }: Plan & ListPlan, entry: Entry): Entry {
  const changeOf =
    (kind: 'expired' | 'displaced') =>
    (rule: Rule): RecordedChange => ({ kind, rule, by: rfwItself });
  const changes = [
    ...expired.map(changeOf('expired')),
    ...displaced.map(changeOf('displaced')),
    ...over.map((list) => listChange('list-expired', list, rfwItself)),
    ...(entry.changes ?? []),
  ];
  const documents = [...over.flatMap(({ name }) => listDeletions(name)), ...(entry.documents ?? [])];
  return { ...entry, guard: protection.guard, changes, documents };
}

/** Two sequences of rules, both oldest first, as one. */
export function* inOrder(standing: Iterable<Rule>, missing: readonly Rule[]): Generator<Rule> {
  let next = 0;
  for (const rule of standing) {
    for (let first = missing[next]; first !== undefined && first.seq < rule.seq; first = missing[++next]) yield first;
    yield rule;
  }
  yield* missing.slice(next);
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
