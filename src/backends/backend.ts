import type { Prefix } from '../domain/address.ts';
import type { PortGuard } from '../domain/guard.ts';
import { type EnforcedList, type ListName, listKey } from '../domain/list.ts';
import type { Action, Chain, Rule, RuleSpec } from '../domain/rule.ts';

export type BackendName = 'iptables' | 'nftables' | 'memory';

/** What this kernel can do, found out by trying. */
export interface Capabilities {
  /** What was found, for people: `iptables v1.8.9 (nf_tables)`. */
  readonly summary: string;
  /** What this kernel lacks and how the backend makes do, one sentence each, for the log. */
  readonly shortcomings: readonly string[];
  /** Whether IPv6 rules can be enforced. */
  readonly ipv6: boolean;
  /** Whether lists can be enforced. */
  readonly lists: boolean;
}

/** A rule in the kernel, as a listing shows it. */
export interface RuleState {
  readonly spec: RuleSpec;
  /** The place in its chain, from 1; a packet meets 1 first. */
  readonly position: number;
  readonly packets: bigint;
  readonly bytes: bigint;
}

/** All pages of a reading together. */
export async function everyState(pages: AsyncIterable<readonly RuleState[]>): Promise<RuleState[]> {
  const states: RuleState[] = [];
  for await (const page of pages) for (const state of page) states.push(state);
  return states;
}

/** One step from one desired state to the next. It happens as a whole or not at all. */
export interface Change {
  /** Oldest first: each goes to the head of its chain, below the guard, so the last one is met first. */
  readonly add: readonly Rule[];
  readonly remove: readonly RuleSpec[];
  /** Rules that stand already and were put again as they are. The kernel must still hold them. */
  readonly refresh: readonly Rule[];
  /** Rules that stand already and got another expiry. They keep their place and their counters. */
  readonly renew: readonly Rule[];
}

export function isEmpty({ add, remove, refresh, renew }: Change): boolean {
  return add.length + remove.length + refresh.length + renew.length === 0;
}

/** Everything that the kernel should hold for rfw. */
export interface Desired {
  /** Oldest first, as they were put. Can be gone through several times; a million are never objects at the same time. */
  readonly rules: Iterable<Rule>;
  readonly guard: PortGuard | null;
  /** Addresses that no rule touches, whatever else is in the kernel: disjoint prefixes. */
  readonly whitelist: readonly Prefix[];
  /** Met after all rules, the first one first. No name comes twice. */
  readonly lists: readonly EnforcedList[];
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
  /** How many lists were put in, replaced, moved or taken out. */
  readonly lists: number;
  /** Whether all was brought in anew, because nobody knew what the kernel held, or it held nothing any more. */
  readonly rebuilt: boolean;
}

/** What is said of a kernel that held what it should. */
export const nothingRepaired: Repair = { missing: [], moved: 0, removed: 0, guard: 0, lists: 0, rebuilt: false };

/** Whether the kernel held something else than it should. */
export function hasRepaired(repair: Repair): boolean {
  const { missing, moved, removed, guard, lists, rebuilt } = repair;
  return rebuilt || missing.length + moved + removed + guard + lists > 0;
}

/** How many lists are missing from what stands, or have another version or another place in the order, or are too many. */
export function changedLists(
  standing: readonly Pick<EnforcedList, 'name' | 'version'>[],
  wanted: readonly Pick<EnforcedList, 'name' | 'version'>[],
): number {
  const names = new Set(wanted.map(({ name }) => name));
  const tooMany = standing.filter(({ name }) => !names.has(name));
  const left = standing.filter(({ name }) => names.has(name));
  const known = new Set(standing.map(({ name }) => name));
  let place = 0;
  // What is new shifts nobody.
  const changed = wanted.filter((list) => {
    const found = known.has(list.name) ? left[place++] : undefined;
    return found === undefined || listKey(found) !== listKey(list);
  });
  return tooMany.length + changed.length;
}

/** What all rules of one action in one chain have met, since they were last taken out as a whole. */
export interface Total {
  readonly chain: Chain;
  readonly action: Action;
  readonly packets: bigint;
  readonly bytes: bigint;
}

/** What a list has met since it was first put in; a replacement goes on counting. */
export interface ListCount {
  readonly name: ListName;
  readonly packets: bigint;
  readonly bytes: bigint;
}

/**
 * A packet filter that enforces rules. It takes desired states and changes, never a method per rule.
 *
 * Every method may reject with RfwError: `kernel-refused` when the kernel or its tool says no to what was asked,
 * `kernel-unavailable` when it can't be asked at all, `unsupported` when this kernel lacks what a rule needs.
 */
export interface Backend {
  readonly name: BackendName;
  /** Whether what is in the kernel tells by itself that it is rfw's; otherwise the store has to know, and be told before. */
  readonly marksItsOwn: boolean;
  /** Finds out what the kernel can do. Changes nothing. An inconclusive probe rejects. */
  probe(): Promise<Capabilities>;
  /**
   * The rules in the kernel that have the shape of rfw's own, with their counters, in the order a packet meets them, chain
   * by chain, some at a time.
   * @param standing rfw's rules, newest first: a backend that can't look for rules in the kernel reads the counters of these
   */
  read(standing: Iterable<RuleSpec>): AsyncIterable<readonly RuleState[]>;
  /** What was met so far, by chain and action, lists included; those without a rule or list may be left out. */
  totals(): Promise<readonly Total[]>;
  /** Takes one step. On rejection the kernel holds what it held before. */
  apply(change: Change): Promise<void>;
  /**
   * Brings the lists, and nothing else, to these: new ones are filled beside those that stand, and then all that changes does so
   * at once, so that no packet passes that the list before and the one after both stop. What stands is known by name and version, and isn't
   * looked at. On rejection the kernel holds the lists that it held before. No other call is made meanwhile.
   * @throws RfwError also `lists-unsupported` where this packet filter has no lists
   */
  setLists(lists: readonly EnforcedList[]): Promise<void>;
  /** What the lists that stand have met. */
  listCounts(): Promise<readonly ListCount[]>;
  /**
   * Brings the kernel to the desired state, whatever it holds now, with the fewest changes. The one way of recovery. Rules of
   * a family that this kernel can't filter are left out: better those alone than all.
   */
  replace(desired: Desired): Promise<Repair>;
  /** Whether the kernel still holds the desired state, which was brought there before. Changes nothing. */
  intact(desired: Desired): Promise<boolean>;
  /**
   * Tells whenever somebody else may have changed what rfw put into the kernel; `intact` then knows. Needs no more than a
   * second for that.
   * @returns ends the watch
   */
  watch(disturbed: () => void): () => void;
  /**
   * Takes all that is rfw's out of the kernel; where nothing marks that, what is named. Works without an earlier `replace`.
   * @returns for people, each thing that was taken out as it follows "Removed": `12 rules from the filter table`; empty when
   * there was nothing
   */
  teardown(leftovers: Leftovers): Promise<readonly string[]>;
  /**
   * What this object knows of the kernel, for `resume` by a later process; it can be cloned by the structured clone algorithm.
   * Undefined where nothing is to be gained.
   */
  memory(): unknown;
  /**
   * Takes over what an earlier process left in the kernel, and changes nothing there but for another guard or whitelist. The
   * rules are those that the memory is of.
   * @returns false when the kernel doesn't provably hold that
   */
  resume(memory: unknown, desired: Desired): Promise<boolean>;
  /** Lets go of sockets and watches. What is in the kernel stays. */
  close(): void;
}
