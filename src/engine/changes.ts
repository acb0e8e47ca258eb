import type { Rule } from '../domain/rule.ts';

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
  /** What describes the list, as a JSON value. */
  readonly list: unknown;
  readonly by: string;
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
