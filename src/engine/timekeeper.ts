import { RfwError } from '../domain/errors.ts';
import type { Rule } from '../domain/rule.ts';
import { Alarm } from './alarm.ts';
import { type Clock, type ClockReading, readClock, stepSince } from './clock.ts';
import type { WriterEvent } from './events.ts';
import type { ExpiryQueue } from './expiry.ts';
import type { Pending } from './pending.ts';
import type { WorkQueue } from './queue.ts';
import type { Writer } from './writer.ts';

/** The most expiries that wait to be worked on. */
const dueLimit = 5000;

export interface TimekeeperOptions {
  readonly clock: Clock;
  readonly expiries: ExpiryQueue;
  readonly writer: Writer;
  readonly queue: WorkQueue<Pending>;
  /** Works on an empty batch, which tries to recover and to store what is owed. */
  readonly recover: () => Promise<void>;
  readonly onEvent: (event: WriterEvent) => void;
}

/** Ends rules and lists on time, follows a wall clock that is set, and has the engine try again what failed. */
export class Timekeeper {
  readonly #clock: Clock;
  readonly #writer: Writer;
  readonly #queue: WorkQueue<Pending>;
  readonly #recover: () => Promise<void>;
  readonly #onEvent: (event: WriterEvent) => void;
  readonly #alarm: Alarm;
  #clockReading: ClockReading;
  /** Whether lists that are over have their turn soon. */
  #endsLists = false;
  /** When the kernel may be tried again while the engine is degraded, on the scale of performance.now(). */
  #retryAt = 0;

  constructor({ clock, expiries, writer, queue, recover, onEvent }: TimekeeperOptions) {
    this.#clock = clock;
    this.#writer = writer;
    this.#queue = queue;
    this.#recover = recover;
    this.#onEvent = onEvent;
    this.#alarm = new Alarm(
      clock,
      expiries,
      () => this.#tick(),
      () => this.#nextList,
    );
    this.#clockReading = readClock(clock);
  }

  /** Moves the expiries along when the wall clock was set since the run before. */
  async begin(earlier: ClockReading | undefined): Promise<void> {
    await this.#setClock(earlier === undefined ? 0 : stepSince(earlier, this.#clockReading));
  }

  /** Takes out what has ended while nothing ran: a start gives no rule more time than it has. */
  async expireDue(): Promise<void> {
    for (let due = this.#takeDue(); due.length > 0; due = this.#takeDue()) {
      this.#queue.pushAll(due.map((rule) => this.#expiryOf(rule)));
      await this.#queue.idle();
    }
    await this.#expireLists();
  }

  /** Moves the expiries along when the wall clock was set, so that what was asked for ten minutes lasts ten minutes. */
  async followClock(): Promise<void> {
    const step = stepSince(this.#clockReading, readClock(this.#clock));
    if (step !== 0) await this.#setClock(step);
  }

  /** Sets the alarm for whatever comes first. */
  setAlarm(): void {
    this.#retryAt = performance.now() + (this.#writer.retryDelay ?? 0);
    this.keepAlarm();
  }

  /** Lets nothing be due for a moment, because something failed. */
  hold(): void {
    this.#alarm.hold();
  }

  stop(): void {
    this.#alarm.stop();
  }

  #clockWasSet(): boolean {
    return stepSince(this.#clockReading, readClock(this.#clock)) !== 0;
  }

  async #setClock(step: number): Promise<void> {
    this.#clockReading = await this.#writer.standing.moveExpiries(step);
    if (step !== 0) this.#onEvent({ kind: 'clock-set', milliseconds: step });
  }

  /** Sets the alarm without putting off what is to be tried again. */
  keepAlarm(): void {
    const untilRetry = this.#writer.retryDelay === undefined ? undefined : this.#retryAt - performance.now();
    this.#alarm.set(untilRetry, this.#writer.degraded === undefined);
  }

  /** Takes out what is due, follows the clock, tries to recover. What is due has to wait until the kernel is recovered. */
  #tick(): void {
    const clockWasSet = this.#clockWasSet();
    const due = clockWasSet || this.#writer.degraded !== undefined ? [] : this.#takeDue();
    const retries = this.#writer.retryDelay !== undefined && performance.now() >= this.#retryAt;
    // One command each, so that a rule that the kernel doesn't let go keeps no other; pushed together, they share a batch.
    this.#queue.pushAll(due.map((rule) => this.#expiryOf(rule)));
    if (!clockWasSet && this.#writer.degraded === undefined && this.#alarm.isListDue) this.#endLists();
    // An empty batch follows the clock and tries to recover like any other; then what had to wait has its turn.
    if (due.length === 0 && (clockWasSet || retries)) this.#queue.run(() => this.#recover().then(() => this.#tick()));
    else this.keepAlarm();
  }

  get #nextList(): number | undefined {
    return this.#endsLists ? undefined : this.#writer.standing.lists.nextExpiry;
  }

  /** Has lists that are over taken out, between two batches. */
  #endLists(): void {
    this.#endsLists = true;
    this.#queue.run(async () => {
      await this.#expireLists();
      this.#endsLists = false;
      this.setAlarm();
    });
  }

  /** Takes out lists that are over. What the kernel doesn't let go has another try in a moment. */
  async #expireLists(): Promise<void> {
    try {
      await this.followClock();
      await this.#writer.lists.expireDue();
    } catch {
      this.#alarm.hold();
    }
  }

  /** The rules whose time has come, not more than the queue takes: the others have their turn when those are gone. */
  #takeDue(): Rule[] {
    const places = this.#alarm.takeDue(Math.max(0, dueLimit - this.#queue.length));
    return places.flatMap((seq) => this.#writer.standing.rules.at(seq) ?? []);
  }

  #expiryOf(rule: Rule): Pending {
    const goOn = (act: () => void): void => {
      act();
      this.keepAlarm();
    };
    return {
      commands: [{ kind: 'expire', rule }],
      atomic: true,
      resolve: ([result]) => {
        if (result instanceof RfwError || result?.status !== 'not-due') return;
        goOn(() => this.#writer.standing.noteExpiry(rule));
      },
      // The kernel or the disk refused: the rule still stands and its time is still up.
      reject: () => goOn(() => this.#alarm.postpone(rule)),
    };
  }
}
