import type { PortGuard } from '../domain/guard.ts';
import type { Rule, RuleSpec } from '../domain/rule.ts';

export type BackendName = 'iptables' | 'memory';

/** What this kernel can do, found out by trying. */
export interface Capabilities {
  /** What was found, for people: `iptables v1.8.9 (nf_tables)`. */
  readonly summary: string;
  /** Whether IPv6 rules can be enforced. */
  readonly ipv6: boolean;
}

/** A rule in the kernel, as a listing shows it. */
export interface RuleState {
  readonly spec: RuleSpec;
  /** The place in its chain, from 1; a packet meets 1 first. */
  readonly position: number;
  readonly packets: bigint;
  readonly bytes: bigint;
}

/** One step from one desired state to the next. It happens as a whole or not at all. */
export interface Change {
  /** Oldest first: each goes to the head of its chain, below the guard, so the last one is met first. */
  readonly add: readonly Rule[];
  readonly remove: readonly RuleSpec[];
  /** Rules that stand already and were put again, perhaps with another expiry. The kernel must still hold them. */
  readonly refresh: readonly Rule[];
}

export function isEmpty(change: Change): boolean {
  return change.add.length + change.remove.length + change.refresh.length === 0;
}

/** Everything that the kernel should hold for rfw. */
export interface Desired {
  /** Oldest first, as they were put. */
  readonly rules: readonly Rule[];
  readonly guard: PortGuard | null;
  /** What earlier runs and unfinished changes may have left in the kernel and nobody wants any more. */
  readonly stale: Leftovers;
}

/** What may be in the kernel though nobody wants it. */
export interface Leftovers {
  readonly rules: readonly RuleSpec[];
  readonly guards: readonly PortGuard[];
}

/** What a `replace` had to change. */
export interface Repair {
  /** Rules that were missing and are there again. */
  readonly missing: readonly RuleSpec[];
  /** How many rules stood in the wrong order. */
  readonly moved: number;
  /** How many stale rules were taken out. */
  readonly removed: number;
  /** How many lines of the guard were put in, moved or taken out. */
  readonly guard: number;
}

/** Whether the kernel held something else than it should. */
export function hasRepaired(repair: Repair): boolean {
  return repair.missing.length + repair.moved + repair.removed + repair.guard > 0;
}

/**
 * A packet filter that enforces rules. It takes desired states and changes, never a method per rule.
 *
 * Every method may reject with RfwError: `kernel-refused` when the kernel or its tool says no to what was asked,
 * `kernel-unavailable` when it can't be asked at all, `unsupported` when this kernel lacks what a rule needs.
 */
export interface Backend {
  readonly name: BackendName;
  /** Finds out what the kernel can do. Changes nothing. An inconclusive probe rejects. */
  probe(): Promise<Capabilities>;
  /** The rules in the kernel that have the shape of rfw's own, with their counters, in the order a packet meets them. */
  read(): Promise<RuleState[]>;
  /** Takes one step. On rejection the kernel holds what it held before. */
  apply(change: Change): Promise<void>;
  /**
   * Brings the kernel to the desired state, whatever it holds now, with the fewest changes. The one way of recovery. Rules of
   * a family that this kernel can't filter are left out: better those alone than all.
   */
  replace(desired: Desired): Promise<Repair>;
}
