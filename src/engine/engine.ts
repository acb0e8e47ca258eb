import type { Backend, Repair, Total } from '../backends/backend.ts';
import { asRfwError, RfwError } from '../domain/errors.ts';
import { type Rule, type RuleSpec, ruleKey } from '../domain/rule.ts';
import { Additions } from './additions.ts';
import { Bulk } from './bulk.ts';
import type { Clock } from './clock.ts';
import { Confirmations, type ConfirmRequest } from './confirmations.ts';
import type { AskedCommand, Protection, Result, RuleOutcome } from './decide.ts';
import { DriftWatch } from './drift.ts';
import type { EngineEvent, WriterEvent } from './events.ts';
import { ExpiryQueue } from './expiry.ts';
import { Listing } from './listing.ts';
import { type Group, type Pending, type Recording, rejectAll, stoppingError } from './pending.ts';
import type { Flushed } from './plan.ts';
import { WorkQueue } from './queue.ts';
import { Reader } from './reader.ts';
import type { RuleCount } from './ruleset.ts';
import { Signal } from './signal.ts';
import type { Snapshot } from './snapshot.ts';
import type { Store } from './store/store.ts';
import { Timekeeper } from './timekeeper.ts';
import type { Undo } from './undo.ts';
import { Whitelisting } from './whitelisting.ts';
import { Writer } from './writer.ts';

export interface EngineOptions {
  readonly backend: Backend;
  readonly store: Store;
  readonly clock: Clock;
  readonly protection: Protection;
  readonly onEvent: (event: EngineEvent) => void;
  /** Whether the rules are only now brought into this backend, so that it isn't anybody's doing when they are missing. */
  readonly moving?: boolean;
}

/** The most commands of several callers in a batch, so that no batch keeps the next ones waiting for long. */
const batchLimit = 1000;

/** How many commands may wait: some 50 MB, and for whoever comes last a few seconds. */
const waitingLimit = 50_000;

/** Something to record takes its time too. */
const weightOf = ({ commands }: Pending): number => Math.max(1, commands.length);

/**
 * One queue, one writer. A batch takes all that waits: decide, apply to the kernel, append to the store, answer. An
 * answer means enforced and durable.
 */
export class Engine {
  readonly #onEvent: (event: EngineEvent) => void;
  readonly #writer: Writer;
  readonly #time: Timekeeper;
  readonly #queue = new WorkQueue<Pending>((batch) => this.#work(batch), batchLimit, weightOf);
  readonly #drift = new DriftWatch(() => this.#mend());
  readonly #backend: Backend;
  /** What was recorded so far. */
  readonly history: Pick<Store, 'changes' | 'audit' | 'documents'>;
  /** The way for groups of thousands. */
  readonly bulk = new Bulk((group, confirm) => this.#write(group, confirm));
  /** Answers questions about the rules. */
  readonly reader: Reader;
  /** Whoever wants to know when changes have been recorded. */
  readonly recorded = new Signal();
  /** Changes that are undone unless they are confirmed. */
  readonly confirmations: Confirmations;
  /** The whitelist, and what was added to it. */
  readonly whitelisting: Whitelisting;
  readonly listing: Listing;
  #drifts = 0;
  #stopping = false;

  private constructor(options: EngineOptions, additions: Additions) {
    this.#backend = options.backend;
    this.history = options.store;
    this.#onEvent = options.onEvent;
    const expiries = new ExpiryQueue();
    this.#writer = new Writer({
      ...options,
      protection: additions.protect(options.protection),
      expiries,
      onEvent: (event) => this.#tell(event),
      onRecorded: () => this.recorded.tell(),
    });
    this.reader = new Reader(options.backend, this.#writer.standing);
    this.confirmations = new Confirmations({
      store: options.store,
      clock: options.clock,
      alone: (task) => this.#alone(task),
      revert: (undo, recording) => this.#revert(undo, recording),
      record: (recording) => this.#writer.record(recording),
      onUndone: ({ id, by }, failure) => this.#onEvent({ kind: 'undone', id, by, failure }),
    });
    this.whitelisting = new Whitelisting({
      standing: this.#writer.standing,
      base: options.protection,
      additions,
      confirmations: this.confirmations,
      record: (entry) => this.#writer.record(entry),
      alone: (task) => this.#alone(task),
    });
    this.listing = new Listing({
      ...options,
      writer: this.#writer,
      confirmations: this.confirmations,
      alone: (task) => this.#alone(task),
      onEvent: (event) => this.#tell(event),
    });
    this.#time = new Timekeeper({
      clock: options.clock,
      expiries,
      writer: this.#writer,
      queue: this.#queue,
      recover: () => this.#work([]),
      onEvent: (event) => this.#tell(event),
    });
  }

  /**
   * Reads what is stored and brings the kernel to it: what has expired or now conflicts with the whitelist goes, what an
   * interrupted change left behind goes, what is missing comes back.
   * @throws RfwError `store-failed`, `kernel-refused`, `kernel-unavailable`
   */
  static async start(options: EngineOptions): Promise<Engine> {
    const engine = new Engine(options, await Additions.load(options.store));
    const { clock: earlier, intended } = await engine.#writer.load();
    await engine.#time.begin(earlier);
    const repair = await engine.#writer.standing.begin();
    const wasFilled = earlier?.bootId === options.clock.bootId && options.moving !== true;
    if (wasFilled) engine.#reportDrift(repair, intended.removed);
    await engine.#time.expireDue();
    await engine.confirmations.begin();
    engine.#time.setAlarm();
    engine.#drift.start((disturbed) => options.backend.watch(disturbed));
    return engine;
  }

  /** How many rules stand. */
  get size(): number {
    return this.#writer.standing.rules.size;
  }

  /** How many rules each action has in each chain. */
  counts(): readonly RuleCount[] {
    return this.#writer.standing.rules.counts();
  }

  /** What rules have met so far, by chain and action. @throws RfwError `kernel-refused`, `kernel-unavailable` */
  totals(): Promise<readonly Total[]> {
    return this.#backend.totals();
  }

  /** Why the kernel doesn't hold what it should; undefined when it does. */
  get degraded(): string | undefined {
    return this.#writer.degraded;
  }

  /** The number of the last recorded change; 0 when there never was one. */
  get lastChange(): number {
    return this.#writer.lastChange;
  }

  /** How many changes wait. */
  get waiting(): number {
    return this.#queue.weight;
  }

  /** How often somebody else's changes of rfw's rules were repaired since the start. */
  get drifts(): number {
    return this.#drifts;
  }

  /**
   * Puts or deletes a rule. The promise resolves when that is enforced and durable.
   * @throws RfwError `whitelist-conflict`, `unsupported`, `kernel-refused`, `kernel-unavailable`, `store-failed`, `stopping`,
   * `overloaded`
   */
  async submit(command: AskedCommand): Promise<RuleOutcome> {
    const [result] = await this.write({ commands: [command], atomic: true });
    if (result instanceof RfwError) throw result;
    // What a caller asks for is never decided as an expiry.
    return result as RuleOutcome;
  }

  /**
   * Brings commands to their effect, in one transaction with what they ask to record. The promise resolves when that is
   * enforced and durable.
   * @param confirm has what was done undone, unless that is confirmed in time
   * @returns what became of each, or why it was refused
   * @throws RfwError as `submit`, when kernel or disk refuse; then nothing is done, of an atomic group
   */
  async write(group: Group, confirm?: ConfirmRequest): Promise<readonly Result[]> {
    this.#requireRoom();
    this.bulk.meetOthers();
    return this.#write(group, confirm);
  }

  async #write(group: Group, confirm?: ConfirmRequest): Promise<readonly Result[]> {
    const make = (): Promise<readonly Result[]> => {
      const guarded = confirm === undefined ? group : this.confirmations.guarded(group, confirm);
      return new Promise((resolve, reject) => {
        if (this.#stopping) return reject(stoppingError());
        this.#queue.push({ ...guarded, resolve, reject });
      });
    };
    return this.confirmations.around(confirm, make, group.commands.length);
  }

  /** What would become of commands if they came now. Changes nothing. @throws RfwError `stopping`, `overloaded` */
  async preview(group: Group): Promise<readonly Result[]> {
    this.#requireRoom();
    return this.#alone(async () => this.#writer.preview(group));
  }

  /** @throws RfwError `overloaded` */
  #requireRoom(): void {
    if (this.#queue.weight < waitingLimit) return;
    throw new RfwError('overloaded', `${waitingLimit} changes wait already: try again in a moment`);
  }

  /**
   * Sets the whitelist and the guard.
   * @returns the rules that had to go because they conflict with the whitelist
   * @throws RfwError as `submit`; the protection is then as it was
   */
  protect(protection: Protection): Promise<readonly Rule[]> {
    return this.whitelisting.protect(protection);
  }

  async #revert({ rules, whitelist, lists = [] }: Undo, recording: Recording): Promise<void> {
    // First the whitelist: rules that it has displaced can come back only after that.
    if (whitelist !== undefined) await this.whitelisting.restore(whitelist);
    await this.#writer.revert(rules);
    await this.listing.restore(lists);
    await this.#writer.record(recording);
  }

  /**
   * Takes everything out of the kernel, guard and whitelist too, and all rules and lists out of the store. The guard and the whitelist
   * come back with the next rule, or with `protect`.
   * @throws RfwError as `submit`; all is then as it was
   */
  flush(): Promise<Flushed> {
    return this.#alone(async () => {
      const { documents, done } = this.confirmations.flushed();
      const flushed = await this.#writer.standing.flush(documents);
      done();
      return flushed;
    });
  }

  /** Runs a task between two batches. */
  #alone<T>(task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#stopping) return reject(stoppingError());
      this.#queue.run(async () => {
        try {
          await this.#time.followClock();
          resolve(await task());
        } catch (error) {
          reject(asRfwError(error));
        }
        this.#time.keepAlarm();
      });
    });
  }

  /**
   * Finishes what was submitted and takes nothing more. The rules stay enforced.
   * @returns what the next run can go on from, for `Store.close`
   */
  async stop(): Promise<Snapshot | undefined> {
    this.#stopping = true;
    this.#drift.stop();
    this.#time.stop();
    this.confirmations.stop();
    await this.#queue.idle();
    return this.#writer.standing.snapshot();
  }

  async #work(batch: readonly Pending[]): Promise<void> {
    try {
      await this.#time.followClock();
      await this.#writer.write(batch);
    } catch (error) {
      rejectAll(batch, error);
      this.#time.hold();
    }
    this.#time.setAlarm();
  }

  /** Looks between two batches whether the kernel still holds the rules. A degraded engine doesn't have to: it tries again by itself. */
  #mend(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#queue.run(async () => {
        if (this.degraded !== undefined) return resolve(true);
        resolve(await this.#writer.standing.mend());
        this.#time.keepAlarm();
      });
    });
  }

  /**
   * Tells of rules that were missing at the start, unless they are what the last run was about to take out. After a restart of
   * the machine the kernel is empty, and that is nobody's doing.
   */
  #reportDrift(repair: Repair, expected: readonly RuleSpec[]): void {
    const known = new Set(expected.map(ruleKey));
    const missing = repair.missing.filter((spec) => !known.has(ruleKey(spec)));
    if (missing.length + repair.moved > 0) this.#tell({ kind: 'drift', repair: { ...repair, missing } });
  }

  /** Hands on what the writer tells, and counts repairs of drift. */
  #tell(event: WriterEvent): void {
    this.#onEvent(event.kind === 'drift' ? { ...event, count: ++this.#drifts } : event);
  }
}
