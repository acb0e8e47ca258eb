import type { Leftovers } from '../../backends/backend.ts';
import type { PortGuard } from '../../domain/guard.ts';
import type { Rule, RuleSpec } from '../../domain/rule.ts';
import type { AuditEntry, AuditQuery, AuditRecord } from '../audit.ts';
import type { ChangePage, NumberedChange } from '../changes.ts';
import type { ClockReading } from '../clock.ts';
import type { Holder } from './holder.ts';

/** One durable change of one rule. */
export type Mutation =
  | { readonly kind: 'insert'; readonly rule: Rule }
  /** Another expiry or comment; the rest stays. */
  | { readonly kind: 'update'; readonly rule: Rule }
  | { readonly kind: 'delete'; readonly rule: Rule };

/** A change that is about to be made in the kernel. */
export interface Intention extends Leftovers {
  /** Rules that are about to be taken out. */
  readonly removed: readonly RuleSpec[];
}

/** What an earlier run left. */
export interface StoredState {
  /** Oldest first; read when it is gone through. */
  readonly rules: Iterable<Rule>;
  /** What the last run gave to `close`, when what is stored hasn't changed since. */
  readonly snapshot?: unknown;
  /** The guard that was last in the kernel. */
  readonly guard: PortGuard | null;
  /** What was about to be changed in the kernel when the last run ended; whether it was is unknown. */
  readonly intended: Intention;
  /** The highest `seq` ever given out. */
  readonly lastSeq: number;
  /** The number of the last recorded change; 0 when there is none. */
  readonly lastChange: number;
  /** The clocks when the expiries were last moved; undefined in a new store. */
  readonly clock: ClockReading | undefined;
}

/** A text or bytes by kind and id: what is stored beside the rules, such as tokens and lists. */
export interface StoredDocument {
  readonly kind: string;
  readonly id: string;
  readonly body: string | Uint8Array;
}

/** A document that is written or, without a body, deleted. */
export type DocumentWrite = StoredDocument | { readonly kind: string; readonly id: string; readonly body: null };

/** What is stored in one transaction with mutations. */
export interface Beside {
  /** The guard that is in the kernel. */
  readonly guard?: PortGuard | null;
  /** Numbered one after the other. */
  readonly changes?: readonly NumberedChange[];
  readonly documents?: readonly DocumentWrite[];
  readonly audit?: readonly AuditEntry[];
}

/**
 * Where rules survive. Every method rejects with RfwError `store-failed`, and then nothing of it is stored.
 */
export interface Store {
  load(): Promise<StoredState>;
  /**
   * Notes, before the kernel is changed, what it may hold or lack from now on. The note replaces the one before. It survives the
   * end of the process, but needn't survive that of the machine: neither does what the kernel holds.
   */
  intend(intention: Intention): Promise<void>;
  /**
   * Stores the mutations, and what is given beside them, as one transaction, and forgets what was intended. It is on
   * disk when the promise resolves.
   */
  append(mutations: readonly Mutation[], beside?: Beside): Promise<void>;
  /** Deletes all rules, the guard and what was intended, and stores what is given beside, as one transaction. */
  clear(beside?: Beside): Promise<void>;
  /** At most so many of the recorded changes after the one with this number. */
  changes(after: number, limit: number): Promise<ChangePage>;
  /** What somebody did or tried to do, newest first. */
  audit(query: AuditQuery): Promise<readonly AuditRecord[]>;
  /** The documents of a kind, by their ids in ascending order. */
  documents(kind: string): Promise<ReadonlyMap<string, string | Uint8Array>>;
  /**
   * Moves every expiry of a rule by so many milliseconds, because the wall clock was set by as much, and stores the reading and
   * what else has an expiry.
   */
  moveExpiries(milliseconds: number, clock: ClockReading, documents?: readonly DocumentWrite[]): Promise<void>;
  /**
   * The packet filters that may hold something of rfw's. The rules, the guard and the notes of the store are about the first;
   * what the others hold stands beside them.
   */
  holders(): Promise<readonly Holder[]>;
  /** Replaces them; it is on disk when the promise resolves. */
  setHolders(holders: readonly Holder[]): Promise<void>;
  /** @param snapshot what the next run may go on from, as long as nobody else changes what is stored meanwhile */
  close(snapshot?: unknown): Promise<void>;
}
