import type {
  Backend,
  Capabilities,
  Change,
  Desired,
  Leftovers,
  ListCount,
  Repair,
  RuleState,
  Total,
} from '../backends/backend.ts';
import { RfwError } from '../domain/errors.ts';
import type { EnforcedList } from '../domain/list.ts';
import type { RuleSpec } from '../domain/rule.ts';
import { ruleKey } from '../domain/rule.ts';
import type { AuditQuery, AuditRecord } from './audit.ts';
import type { ChangePage } from './changes.ts';
import type { ClockReading } from './clock.ts';
import type { Holder } from './store/holder.ts';
import type { Beside, DocumentWrite, Intention, Mutation, Store, StoredState } from './store/store.ts';

/** What goes wrong around one call: it may leave the call out, and it may lose the answer. */
export type Fault = <T>(call: () => Promise<T>) => Promise<T>;

export const passes: Fault = (call) => call();

/** The kernel can't be asked. */
export const isDown: Fault = async () => {
  throw new RfwError('kernel-unavailable', 'the kernel is away');
};

/** The kernel says no. */
export const isRefused: Fault = async () => {
  throw new RfwError('kernel-refused', 'the kernel says no');
};

/** It happened, but nobody learns that: a program that was killed after its commit. */
export const losesAnswer: Fault = async (call) => {
  await call();
  return isDown(call);
};

/** The disk takes nothing. */
export const isFull: Fault = async () => {
  throw new RfwError('store-failed', 'the disk is full');
};

/** The process ends before the call. */
export const diesBefore: Fault = <T>() => new Promise<T>(() => {});

/** The process ends after the call. */
export const diesAfter: Fault = async (call) => {
  await call();
  return diesBefore(call);
};

/** A backend whose state can be read as text. */
export interface Kernel extends Backend {
  dump(): string;
  /** Met first come first. */
  readonly lists: readonly EnforcedList[];
}

/** A backend that fails as it is told. The list of faults is used up, one a call. */
export class FaultyBackend implements Kernel {
  readonly name = 'memory';
  /** As iptables: the harder case. */
  readonly marksItsOwn = false;
  readonly applies: Fault[] = [];
  readonly replaces: Fault[] = [];
  readonly listings: Fault[] = [];
  readonly looks: Fault[] = [];
  readonly teardowns: Fault[] = [];
  /** Keys of rules that the kernel does not let in. */
  readonly refused = new Set<string>();
  /** Keys of rules that the kernel does not let go. */
  readonly stuck = new Set<string>();
  down = false;
  /** Every call so far: `apply +1 -0 ~0`, `replace 3` or `intact`. */
  readonly calls: string[] = [];
  readonly #watchers = new Set<() => void>();
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  probe(): Promise<Capabilities> {
    return this.#kernel.probe();
  }

  read(standing: Iterable<RuleSpec>): AsyncIterable<readonly RuleState[]> {
    return this.#kernel.read(standing);
  }

  totals(): Promise<readonly Total[]> {
    return this.#kernel.totals();
  }

  async intact(desired: Desired): Promise<boolean> {
    this.calls.push('intact');
    return (this.down ? isDown : (this.looks.shift() ?? passes))(() => this.#kernel.intact(desired));
  }

  watch(disturbed: () => void): () => void {
    this.#watchers.add(disturbed);
    return () => this.#watchers.delete(disturbed);
  }

  /** Tells those who watch that somebody may have changed something. */
  disturb(): void {
    for (const disturbed of this.#watchers) disturbed();
  }

  teardown(leftovers: Leftovers): Promise<readonly string[]> {
    this.calls.push(`teardown ${leftovers.rules.length}`);
    const fault = this.teardowns.shift() ?? passes;
    return (this.down ? isDown : fault)(() => this.#kernel.teardown(leftovers));
  }

  memory(): unknown {
    return this.#kernel.memory();
  }

  resume(memory: unknown, desired: Desired): Promise<boolean> {
    return this.#kernel.resume(memory, desired);
  }

  close(): void {
    this.#kernel.close();
  }

  async apply(change: Change): Promise<void> {
    this.calls.push(
      `apply +${change.add.length} -${change.remove.length} ~${change.refresh.length + change.renew.length}`,
    );
    if (this.down) return isDown(async () => {});
    if (this.#refuses(change)) return isRefused(async () => {});
    await (this.applies.shift() ?? passes)(() => this.#kernel.apply(change));
  }

  async setLists(lists: readonly EnforcedList[]): Promise<void> {
    this.calls.push(`lists ${lists.length}`);
    const fault = this.listings.shift() ?? passes;
    return (this.down ? isDown : fault)(() => this.#kernel.setLists(lists));
  }

  listCounts(): Promise<readonly ListCount[]> {
    return this.#kernel.listCounts();
  }

  async replace(desired: Desired): Promise<Repair> {
    this.calls.push(`replace ${[...desired.rules].length}`);
    const fault = this.replaces.shift() ?? passes;
    return (this.down ? isDown : fault)(() => this.#kernel.replace(desired));
  }

  dump(): string {
    return this.#kernel.dump();
  }

  get lists(): readonly EnforcedList[] {
    return this.#kernel.lists;
  }

  #refuses({ add, remove }: Change): boolean {
    return add.some((rule) => this.refused.has(ruleKey(rule))) || remove.some((spec) => this.stuck.has(ruleKey(spec)));
  }

  heal(): void {
    this.down = false;
    this.applies.length = 0;
    this.replaces.length = 0;
    this.listings.length = 0;
    this.looks.length = 0;
    this.teardowns.length = 0;
  }
}

/** A store that fails as it is told. The lists of faults are used up, one a call. */
export class FaultyStore implements Store {
  readonly intends: Fault[] = [];
  readonly appends: Fault[] = [];
  full = false;
  /** How many mutations each append had. */
  readonly appended: number[] = [];
  readonly #disk: Store;

  constructor(disk: Store) {
    this.#disk = disk;
  }

  load(): Promise<StoredState> {
    return this.#disk.load();
  }

  intend(intention: Intention): Promise<void> {
    return this.#fault(this.intends)(() => this.#disk.intend(intention));
  }

  append(mutations: readonly Mutation[], beside?: Beside): Promise<void> {
    this.appended.push(mutations.length);
    return this.#fault(this.appends)(() => this.#disk.append(mutations, beside));
  }

  clear(beside?: Beside): Promise<void> {
    this.appended.push(-1);
    return this.#fault(this.appends)(() => this.#disk.clear(beside));
  }

  changes(after: number, limit: number): Promise<ChangePage> {
    return this.#disk.changes(after, limit);
  }

  audit(query: AuditQuery): Promise<readonly AuditRecord[]> {
    return this.#disk.audit(query);
  }

  documents(kind: string): Promise<ReadonlyMap<string, string | Uint8Array>> {
    return this.#disk.documents(kind);
  }

  moveExpiries(milliseconds: number, clock: ClockReading, documents?: readonly DocumentWrite[]): Promise<void> {
    return (this.full ? isFull : passes)(() => this.#disk.moveExpiries(milliseconds, clock, documents));
  }

  holders(): Promise<readonly Holder[]> {
    return this.#disk.holders();
  }

  setHolders(holders: readonly Holder[]): Promise<void> {
    return (this.full ? isFull : passes)(() => this.#disk.setHolders(holders));
  }

  close(snapshot?: unknown): Promise<void> {
    return this.#disk.close(snapshot);
  }

  heal(): void {
    this.full = false;
    this.intends.length = 0;
    this.appends.length = 0;
  }

  #fault(faults: Fault[]): Fault {
    return this.full ? isFull : (faults.shift() ?? passes);
  }
}
