import type { ListMatch, ListName } from '../domain/list.ts';
import type { Rule } from '../domain/rule.ts';
import type { List } from './list.ts';

/** What happened to one rule. `displaced`: it had to go because of the whitelist. */
export const ruleChangeKinds = ['created', 'updated', 'deleted', 'expired', 'displaced'] as const;
export type RuleChangeKind = (typeof ruleChangeKinds)[number];

/** Who is said to have made a change that nobody asked for, such as an expiry. */
export const rfwItself = 'rfw';

/** What happened to one rule, who asked for it, and how the rule is after that; one that went, as it was. */
export interface RuleChange {
  readonly kind: RuleChangeKind;
  readonly rule: Rule;
  readonly by: string;
}

/** What happened to a list: how it is described after that, or one that went, before. */
export interface ListChange {
  readonly kind: 'list-replaced' | 'list-changed' | 'list-deleted' | 'list-expired';
  readonly name: string;
  readonly list: ListDescription;
  readonly by: string;
}

/** A JSON value; instants are as in RFC 3339. */
export interface ListDescription extends ListMatch {
  readonly name: ListName;
  readonly comment: string;
  readonly expiresAt: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly origin: string;
  readonly version: number;
  /** The fewest prefixes that hold its addresses. */
  readonly entries: number;
}

/** What describes a list to those who read of it; its addresses are too many. */
export function describeList(list: List): ListDescription {
  const { name, action, chain, in: into, out, side, comment, origin, version, addresses } = list;
  const timestamp = (at: number): string => new Date(at).toISOString();
  return {
    name,
    action,
    chain,
    in: into,
    out,
    side,
    comment,
    expiresAt: list.expiresAt === null ? null : timestamp(list.expiresAt),
    createdAt: timestamp(list.createdAt),
    updatedAt: timestamp(list.updatedAt),
    origin,
    version,
    entries: addresses.prefixCount(),
  };
}

export function listChange(kind: ListChange['kind'], list: List, by: string): ListChange {
  return { kind, name: list.name, list: describeList(list), by };
}

export interface WhitelistChange {
  readonly kind: 'whitelist-added' | 'whitelist-removed';
  readonly entry: string;
  readonly by: string;
}

/** Everything was taken out, so many rules and all lists. */
export interface FlushChange {
  readonly kind: 'flushed';
  readonly rules: number;
  readonly by: string;
}

/** A change of what should be enforced, as it is recorded in the same transaction as the change itself. */
export type RecordedChange = RuleChange | ListChange | WhitelistChange | FlushChange;

/** A recorded change and its place among all of them, from 1, without gaps. */
export interface NumberedChange {
  readonly number: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly change: RecordedChange;
}

/** Some of the recorded changes. */
export interface ChangePage {
  /** Ascending. */
  readonly changes: readonly NumberedChange[];
  /** The first one that is still there; one more than `last` when there is none. Those before were compacted away. */
  readonly oldest: number;
  /** The last one that there is; 0 when there never was any. */
  readonly last: number;
}

export function isRuleChange(change: RecordedChange): change is RuleChange {
  return 'rule' in change;
}
