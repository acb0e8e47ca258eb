import { release } from 'node:os';
import { RfwError } from '../../domain/errors.ts';
import { guardKey } from '../../domain/guard.ts';
import type { EnforcedList } from '../../domain/list.ts';
import { chains, type Rule, type RuleSpec } from '../../domain/rule.ts';
import { NetlinkError } from '../../netlink/errno.ts';
import type { Message, Reply } from '../../netlink/message.ts';
import {
  type Backend,
  type Capabilities,
  type Change,
  changedLists,
  type Desired,
  isEmpty,
  type ListCount,
  nothingRepaired,
  type Repair,
  type RuleState,
  type Total,
} from '../backend.ts';
import { type Reading, readListCounts, readPages, readPairChain, readRules, readTotals } from './counts.ts';
import { difference } from './difference.ts';
import { type Features, shortcomingsOf } from './features.ts';
import { KernelTable, refusing, requireOurs, type TableIdentity } from './kernel-table.ts';
import { lapsedOf } from './lapsed.ts';
import { emptyChains, fillChain, layoutOf } from './layout.ts';
import { replaceLists } from './list-step.ts';
import { Mirror, type MirrorState } from './mirror.ts';
import { type Pair, type PairReading, readPairs } from './pairs.ts';
import { type Count, type PlanOptions, plan, type Step } from './plan.ts';
import { type Protection, protectionKey, unprotected, withoutProtection, withProtection } from './protection.ts';
import { rebuild } from './rebuild.ts';
import { isUnknown } from './refusal.ts';

export interface NftablesOptions {
  /** Whether rules count what they meet: `nftables.counters`. */
  readonly counters: boolean;
  /** How many do at most; all by default. A counter costs the kernel four times the time of the element itself. */
  readonly countAtMost?: number;
  /** Whether reject answers TCP with a reset: `reject.tcp.reset`. */
  readonly rejectTcpWithReset: boolean;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Features of the kernel to do without, as on an older one. */
  readonly without?: Partial<Record<keyof Features, true>>;
}

/** What `memory` hands over; of this version of rfw alone, which whoever keeps it has to see to. */
interface Memory {
  readonly table: TableIdentity;
  readonly options: string;
  readonly protection: Protection;
  readonly mirror: MirrorState;
}

const nothing: Change = { add: [], remove: [], refresh: [], renew: [] };

/** Elements from which on the kernel works beside the event loop: it takes about a microsecond for each. */
const manyElements = 500;

/** Rules that may be put in by one transaction; more are built anew, beside what stands. */
const fewMissing = 20_000;

/**
 * Rules as elements of sets in a table of rfw's own, by netlink and without the nft program: a packet costs the same with ten
 * rules as with a million. The table is owned: while rfw runs nobody else can change it, and it outlives rfw.
 */
export class NftablesBackend implements Backend {
  readonly name = 'nftables';
  readonly marksItsOwn = true;
  readonly #options: NftablesOptions;
  #table: KernelTable | undefined;
  /** What the kernel holds; undefined when that isn't known. */
  #mirror: Mirror | undefined;
  #protection: Protection = unprotected;

  constructor(options: NftablesOptions) {
    this.#options = options;
  }

  async probe(): Promise<Capabilities> {
    this.#table ??= KernelTable.open(this.#options.without ?? {});
    const { features } = this.#table;
    const how = features.owner ? 'table inet rfw, owned' : 'table inet rfw';
    return {
      summary: `nftables (Linux ${release()}, ${how})`,
      shortcomings: shortcomingsOf(features, this.#options),
      ipv6: true,
      lists: true,
    };
  }

  async *read(standing: Iterable<RuleSpec>): AsyncIterable<readonly RuleState[]> {
    yield* readPages(standing, async (specs) => (this.#counts ? this.#readRules(specs) : new Map()));
  }

  totals(): Promise<readonly Total[]> {
    return refusing(() => readTotals(this.#kernel().questions));
  }

  async apply(change: Change): Promise<void> {
    await refusing(async () => {
      requireOurs(this.#kernel());
      await this.#follow(this.#known(), change, this.#protection);
    });
  }

  async setLists(lists: readonly EnforcedList[]): Promise<void> {
    await refusing(async () => {
      requireOurs(this.#kernel());
      await this.#replaceLists(this.#known(), lists);
    });
  }

  listCounts(): Promise<readonly ListCount[]> {
    return refusing(() => readListCounts(this.#kernel().questions, this.#mirror?.lists.all ?? []));
  }

  async replace(desired: Desired): Promise<Repair> {
    return refusing(async () => {
      const guard = guardKey(desired.guard) === guardKey(this.#protection.guard) ? 0 : 1;
      // What others have changed is not what this knows; a repair that fails must not leave that in doubt.
      if (!this.#kernel().isOurs()) this.#mirror = undefined;
      if (this.#mirror === undefined) {
        await this.#rebuild(desired);
        return { ...nothingRepaired, rebuilt: true };
      }
      const { add, remove, moved } = difference(this.#mirror, desired.rules);
      const lists = changedLists(this.#mirror.lists.all, desired.lists);
      if (moved > 0 || add.length > fewMissing) {
        await this.#rebuild(desired);
      } else {
        await this.#follow(this.#mirror, { add, remove, refresh: [], renew: [] }, desired);
        await this.#replaceLists(this.#known(), desired.lists);
      }
      return { ...nothingRepaired, missing: add, moved, removed: remove.length, guard, lists };
    });
  }

  async intact({ lists }: Desired): Promise<boolean> {
    if (this.#mirror === undefined || !this.#kernel().isOurs()) return false;
    return changedLists(this.#mirror.lists.all, lists) === 0;
  }

  watch(disturbed: () => void): () => void {
    return this.#kernel().watch(disturbed);
  }

  async teardown(): Promise<readonly string[]> {
    return refusing(() => {
      this.#mirror = undefined;
      this.#protection = unprotected;
      return this.#kernel().delete() ? ['table inet rfw'] : [];
    });
  }

  memory(): Memory | undefined {
    const table = this.#mirror && this.#table?.identity();
    if (this.#mirror === undefined || table === undefined) return undefined;
    return {
      table,
      options: this.#optionsKey(),
      protection: this.#protection,
      mirror: this.#mirror.state(),
    };
  }

  async resume(memory: unknown, desired: Desired): Promise<boolean> {
    // Whoever kept it has seen to it that it is what an earlier `memory` gave.
    const { table, options, protection, mirror } = memory as Memory;
    if (options !== this.#optionsKey()) return false;
    return refusing(async () => {
      if (!this.#takeOver(table)) return false;
      this.#mirror = Mirror.from(mirror);
      this.#protection = protection;
      await this.#follow(this.#known(), nothing, desired);
      await this.#replaceLists(this.#known(), desired.lists);
      return true;
    });
  }

  close(): void {
    this.#table?.close();
    this.#table = undefined;
    this.#mirror = undefined;
  }

  #kernel(): KernelTable {
    if (this.#table) return this.#table;
    throw new RfwError('kernel-unavailable', 'nf_tables has not been probed');
  }

  get #counts(): boolean {
    return this.#options.counters && this.#kernel().features.counters;
  }

  #optionsKey(): string {
    return `counters ${this.#counts} ${this.#options.countAtMost}, reset ${this.#options.rejectTcpWithReset}`;
  }

  #planOptions(): PlanOptions {
    return {
      countAtMost: this.#counts ? (this.#options.countAtMost ?? Number.POSITIVE_INFINITY) : 0,
      destroys: this.#kernel().features.destroys,
      rejectTcpWithReset: this.#options.rejectTcpWithReset,
      now: (this.#options.now ?? Date.now)(),
    };
  }

  /** Claims the table if it is the one that was left. */
  #takeOver(left: TableIdentity): boolean {
    if (!this.#kernel().isStill(left)) return false;
    try {
      return this.#kernel().claim(left.generation) === 'taken-over';
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'ERESTART') return false;
      throw error;
    }
  }

  async #readRules<S extends RuleSpec>(specs: readonly S[]): Promise<Map<S, Reading>> {
    return this.#mirror === undefined ? new Map() : readRules(this.#kernel().questions, this.#mirror, specs);
  }

  async #rebuild(desired: Desired): Promise<void> {
    const table = this.#kernel();
    // Should it fail, sets may be left beside those that stand, whose names must not be used again: the next one sees them.
    this.#mirror = undefined;
    const claim = table.claim();
    const { mirror, pairs } = await rebuild(table, claim, desired, () => this.#planOptions());
    this.#mirror = mirror;
    this.#protection = { guard: desired.guard, whitelist: desired.whitelist };
    await this.#learnHandles(pairs);
  }

  async #replaceLists(mirror: Mirror, lists: readonly EnforcedList[]): Promise<void> {
    const forget = (): void => {
      this.#mirror = undefined;
    };
    const step = { lists, protection: this.#protection, options: () => this.#planOptions(), forget };
    await replaceLists(this.#kernel(), mirror, step);
  }

  /** Takes a step, and brings another protection where it differs. */
  async #follow(mirror: Mirror, change: Change, wanted: Protection): Promise<void> {
    const same = wanted === this.#protection || protectionKey(wanted) === protectionKey(this.#protection);
    const protection = same ? this.#protection : { guard: wanted.guard, whitelist: wanted.whitelist };
    if (same && isEmpty(change)) return;
    await mirror.prepare(change.add);
    const options = this.#planOptions();
    const counts =
      this.#counts && change.renew.length > 0 ? await this.#readRules(change.renew) : new Map<Rule, Count>();
    const leaving = [...change.remove, ...change.renew];
    const lapsed = await lapsedOf(leaving, (specs) => this.#readRules(specs), options.destroys);
    await this.#take(plan(mirror, change, counts, options, lapsed), protection, isLarge(change));
  }

  /** Has the kernel follow a step; when it refuses, nothing has happened. */
  async #take(step: Step, protection: Protection, large: boolean): Promise<void> {
    let echoes: readonly Reply[];
    try {
      echoes = await this.#kernel().transact([...step.before, ...this.#rewire(step, protection), ...step.after], large);
    } catch (error) {
      if (isUnknown(error)) this.#mirror = undefined;
      else step.undo();
      throw error;
    }
    step.commit();
    this.#protection = protection;
    await this.#learnHandles(step.pairs, readPairs(echoes));
  }

  /** Writes the base chains anew that look up sets which come or go: all of them for another protection. */
  #rewire({ chains: touched }: Step, protection: Protection): Message[] {
    const another = protection !== this.#protection;
    const written = another ? chains : [...touched];
    if (written.length === 0) return [];
    const layout = layoutOf(this.#known(), protection);
    return [
      ...emptyChains(written),
      ...(another ? [...withoutProtection(this.#protection), ...withProtection(protection)] : []),
      ...written.flatMap((chain) => fillChain(chain, layout, this.#planOptions())),
    ];
  }

  #known(): Mirror {
    if (this.#mirror) return this.#mirror;
    throw new RfwError('kernel-unavailable', 'What table inet rfw holds is not known');
  }

  /**
   * Learns what the kernel calls the rules of new pairs: from its echoes, or where those are too many by reading the chains.
   * Without that they can't be taken out again, and so all is forgotten.
   */
  async #learnHandles(pairs: readonly Pair[], echoed: readonly PairReading[] = []): Promise<void> {
    try {
      const readings = [...echoed];
      if (readings.length === 0) {
        for (const chain of new Set(pairs.map((pair) => pair.chain))) readings.push(...(await readPairChain(chain)));
      }
      const handles = new Map<number, bigint[]>();
      for (const { id, handle } of readings) handles.set(id, [...(handles.get(id) ?? []), handle]);
      for (const pair of pairs) pair.handles = handles.get(pair.id) ?? [];
    } catch {
      this.#mirror = undefined;
    }
  }
}

/** Whether the kernel needs more than a moment for the change. */
function isLarge({ add, remove, renew }: Change): boolean {
  return add.length + remove.length + renew.length > manyElements;
}
