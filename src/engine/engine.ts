import { type Backend, everyState, type Repair, type RuleState, type Total } from '../backends/backend.ts';
import { chunksOf } from '../domain/chunks.ts';
import { RfwError } from '../domain/errors.ts';
import { type Chain, type Rule, type RuleSpec, ruleKey } from '../domain/rule.ts';
import { Alarm } from './alarm.ts';
import { type Clock, type ClockReading, readClock, stepSince } from './clock.ts';
import type { DeleteCommand, Outcome, Protection, PutCommand, RuleCommand, RuleOutcome } from './decide.ts';
import { DriftWatch } from './drift.ts';
import type { EngineEvent, WriterEvent } from './events.ts';
import { ExpiryQueue } from './expiry.ts';
import { asRfwError, type Pending, rejectAll } from './pending.ts';
import type { Flushed } from './plan.ts';
import { WorkQueue } from './queue.ts';
import { SharedRead } from './shared-read.ts';
import type { Snapshot } from './snapshot.ts';
import type { Store } from './store/store.ts';
import { Tally } from './tally.ts';
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

/** The most expiries that wait to be worked on. */
const dueLimit = 5000;

/** Commands of a bulk that go into the queue at once: about 10 ms for whoever comes meanwhile. */
const bulkLimit = 500;

/** The most commands in a batch, so that no batch keeps the next callers waiting for long. */
const batchLimit = 1000;

/**
 * One queue, one writer. A batch takes all that waits: decide, apply to the kernel, append to the store, answer. An
 * answer means enforced and durable.
 */
export class Engine {
  readonly #clock: Clock;
  readonly #onEvent: (event: EngineEvent) => void;
  readonly #writer: Writer;
  readonly #expiries = new ExpiryQueue();
  readonly #alarm: Alarm;
  readonly #queue = new WorkQueue<Pending>((batch) => this.#work(batch), batchLimit);
  readonly #drift = new DriftWatch(() => this.#mend());
  #clockReading: ClockReading;
  readonly #backend: Backend;
  readonly #reads: SharedRead<RuleState[]>;
  #drifts = 0;
  #stopping = false;
  /** When the kernel may be tried again while the engine is degraded, on the scale of performance.now(). */
  #retryAt = 0;

  private constructor(options: EngineOptions) {
    this.#backend = options.backend;
    this.#reads = new SharedRead(() => everyState(options.backend.read(this.#writer.standing.rules.newestFirst())));
    this.#clock = options.clock;
    this.#onEvent = options.onEvent;
    this.#writer = new Writer({ ...options, expiries: this.#expiries, onEvent: (event) => this.#tell(event) });
    this.#alarm = new Alarm(options.clock, this.#expiries, () => this.#tick());
    this.#clockReading = readClock(options.clock);
  }

  /**
   * Reads what is stored and brings the kernel to it: what has expired or now conflicts with the whitelist goes, what an
   * interrupted change left behind goes, what is missing comes back.
   * @throws RfwError `store-failed`, `kernel-refused`, `kernel-unavailable`
   */
  static async start(options: EngineOptions): Promise<Engine> {
    const engine = new Engine(options);
    const { clock: earlier, intended } = await engine.#writer.load();
    await engine.#setClock(earlier === undefined ? 0 : stepSince(earlier, engine.#clockReading));
    const repair = await engine.#writer.standing.begin();
    const wasFilled = earlier?.bootId === options.clock.bootId && options.moving !== true;
    if (wasFilled) engine.#reportDrift(repair, intended.removed);
    await engine.#expireDue();
    engine.#setAlarm();
    engine.#drift.start((disturbed) => options.backend.watch(disturbed));
    return engine;
  }

  /** Takes out what has ended while nothing ran: a start gives no rule more time than it has. */
  async #expireDue(): Promise<void> {
    for (let due = this.#takeDue(); due.length > 0; due = this.#takeDue()) {
      this.#queue.pushAll(due.map((rule) => this.#expiryOf(rule)));
      await this.#queue.idle();
    }
  }

  /** How many rules stand. */
  get size(): number {
    return this.#writer.standing.rules.size;
  }

  /** How many changes wait for their turn. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Why the kernel doesn't hold what it should; undefined when it does. */
  get degraded(): string | undefined {
    return this.#writer.degraded;
  }

  /** How often somebody else's changes of rfw's rules were repaired since the start. */
  get drifts(): number {
    return this.#drifts;
  }

  /**
   * The rules in the kernel, of one chain or of all, with their counters, some at a time.
   * @throws RfwError `kernel-refused`, `kernel-unavailable`
   */
  async *list(chain?: Chain): AsyncGenerator<readonly RuleState[]> {
    if (this.#backend.marksItsOwn) {
      yield* this.#backend.read(ofChain(this.#writer.standing.rules.newestFirst(), chain));
      return;
    }
    const states = await this.#reads.next();
    yield chain === undefined ? states : states.filter(({ spec }) => spec.chain === chain);
  }

  /** What rules have met so far, by chain and action. @throws RfwError as `list` */
  totals(): Promise<readonly Total[]> {
    return this.#backend.totals();
  }

  /**
   * Puts or deletes a rule. The promise resolves when that is enforced and durable.
   * @throws RfwError `whitelist-conflict`, `unsupported`, `kernel-refused`, `kernel-unavailable`, `store-failed`, `stopping`
   */
  submit(command: PutCommand | DeleteCommand): Promise<RuleOutcome> {
    // A put or delete is never decided as an expiry.
    return this.#enqueue(command) as Promise<RuleOutcome>;
  }

  /**
   * Puts and deletes many rules, in their order, some hundred at a time: whoever else asks for something meanwhile waits for
   * those at most. Those that are refused are counted, and the others go on.
   * @throws RfwError `stopping`; what was done until then is enforced and durable
   */
  async submitAll(commands: Iterable<PutCommand | DeleteCommand>): Promise<Tally> {
    const tally = new Tally();
    for (const chunk of chunksOf(commands, bulkLimit)) {
      if (this.#stopping) throw stoppingError();
      await new Promise<void>((resolve) => this.#queue.pushAll(tally.count(chunk, resolve)));
      await nextTurn();
    }
    return tally;
  }

  /**
   * Sets the whitelist and the guard.
   * @returns the rules that had to go because they conflict with the whitelist
   * @throws RfwError as `submit`; the protection is then as it was
   */
  protect(protection: Protection): Promise<readonly Rule[]> {
    return this.#alone(() => this.#writer.standing.protect(protection));
  }

  /**
   * Takes everything out of the kernel, guard and whitelist too, and all rules out of the store. The guard and the whitelist
   * come back with the next rule, or with `protect`.
   * @throws RfwError as `submit`; all is then as it was
   */
  flush(): Promise<Flushed> {
    return this.#alone(() => this.#writer.standing.flush());
  }

  /** Runs a task between two batches. */
  #alone<T>(task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#stopping) return reject(stoppingError());
      this.#queue.run(async () => {
        try {
          await this.#followClock();
          resolve(await task());
        } catch (error) {
          reject(asRfwError(error));
        }
        this.#setAlarm();
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
    this.#alarm.stop();
    await this.#queue.idle();
    return this.#writer.standing.snapshot();
  }

  #enqueue(command: RuleCommand): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      if (this.#stopping) return reject(stoppingError());
      this.#queue.push({ command, resolve, reject });
    });
  }

  async #work(batch: readonly Pending[]): Promise<void> {
    try {
      await this.#followClock();
      await this.#writer.write(batch);
    } catch (error) {
      rejectAll(batch, error);
      this.#alarm.hold();
    }
    this.#setAlarm();
  }

  #clockWasSet(): boolean {
    return stepSince(this.#clockReading, readClock(this.#clock)) !== 0;
  }

  /** Moves the expiries along when the wall clock was set, so that what was asked for ten minutes lasts ten minutes. */
  async #followClock(): Promise<void> {
    const step = stepSince(this.#clockReading, readClock(this.#clock));
    if (step !== 0) await this.#setClock(step);
  }

  async #setClock(step: number): Promise<void> {
    this.#clockReading = await this.#writer.standing.moveExpiries(step);
    if (step !== 0) this.#onEvent({ kind: 'clock-set', milliseconds: step });
  }

  #setAlarm(): void {
    this.#retryAt = performance.now() + (this.#writer.retryDelay ?? 0);
    this.#keepAlarm();
  }

  /** Sets the alarm without putting off what is to be tried again. */
  #keepAlarm(): void {
    const untilRetry = this.#writer.retryDelay === undefined ? undefined : this.#retryAt - performance.now();
    this.#alarm.set(untilRetry, this.degraded === undefined);
  }

  /** Takes out what is due, follows the clock, tries to recover. What is due has to wait until the kernel is recovered. */
  #tick(): void {
    const clockWasSet = this.#clockWasSet();
    const due = clockWasSet || this.degraded !== undefined ? [] : this.#takeDue();
    const retries = this.#writer.retryDelay !== undefined && performance.now() >= this.#retryAt;
    // One command each, so that a rule that the kernel doesn't let go keeps no other; pushed together, they share a batch.
    this.#queue.pushAll(due.map((rule) => this.#expiryOf(rule)));
    // An empty batch follows the clock and tries to recover like any other; then what had to wait has its turn.
    if (due.length === 0 && (clockWasSet || retries)) this.#queue.run(() => this.#work([]).then(() => this.#tick()));
    else this.#keepAlarm();
  }

  /** The rules whose time has come, not more than the queue takes: the others have their turn when those are gone. */
  #takeDue(): Rule[] {
    const places = this.#alarm.takeDue(Math.max(0, dueLimit - this.#queue.length));
    return places.flatMap((seq) => this.#writer.standing.rules.at(seq) ?? []);
  }

  /** Looks between two batches whether the kernel still holds the rules. A degraded engine doesn't have to: it tries again by itself. */
  #mend(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#queue.run(async () => {
        if (this.degraded !== undefined) return resolve(true);
        resolve(await this.#writer.standing.mend());
        this.#setAlarm();
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

  #expiryOf(rule: Rule): Pending {
    const goOn = (act: () => void): void => {
      act();
      this.#keepAlarm();
    };
    return {
      command: { kind: 'expire', rule },
      resolve: ({ status }) => status === 'not-due' && goOn(() => this.#writer.standing.noteExpiry(rule)),
      // The kernel or the disk refused: the rule still stands and its time is still up.
      reject: () => goOn(() => this.#alarm.postpone(rule)),
    };
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The rules of one chain, or all. */
function ofChain(rules: Iterable<RuleSpec>, chain: Chain | undefined): Iterable<RuleSpec> {
  if (chain === undefined) return rules;
  return {
    *[Symbol.iterator]() {
      for (const rule of rules) if (rule.chain === chain) yield rule;
    },
  };
}

function stoppingError(): RfwError {
  return new RfwError('stopping', 'rfw is stopping: try again in a moment');
}
