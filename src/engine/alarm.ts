import type { Clock } from './clock.ts';
import type { Expiry, ExpiryQueue } from './expiry.ts';

/** Milliseconds between two looks at the wall clock while a rule or a list waits for its expiry: somebody may set it. */
const clockWatch = 1000;

/** Milliseconds before an expiry that failed is tried again. */
const expiryRetry = 1000;

/**
 * One timer for whatever comes first: the earliest expiry, a look at the clock, or another try to recover.
 */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  readonly #expiries: ExpiryQueue;
  readonly #nextList: () => number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  /** On the scale of performance.now(). */
  #notBefore = 0;

  /**
   * @param ring called when it may be time; what is due then, `takeDue` and `isListDue` say
   * @param nextList when the next list ends, in milliseconds since the epoch
   */
  constructor(clock: Clock, expiries: ExpiryQueue, ring: () => void, nextList: () => number | undefined) {
    this.#clock = clock;
    this.#expiries = expiries;
    this.#ring = ring;
    this.#nextList = nextList;
  }

  /**
   * Takes rules whose time has come, at most so many; some may have another expiry by now.
   * @returns their places in the order
   */
  takeDue(most: number): number[] {
    return performance.now() < this.#notBefore ? [] : this.#expiries.takeDue(this.#clock.wall(), most);
  }

  /** Whether the time of a list has come. */
  get isListDue(): boolean {
    const next = this.#nextList();
    return next !== undefined && next <= this.#clock.wall() && performance.now() >= this.#notBefore;
  }

  /** Takes back a rule whose removal failed, to be tried again in a moment. */
  postpone({ seq }: Pick<Expiry, 'seq'>): void {
    this.#expiries.add({ seq, expiresAt: this.#clock.wall() + expiryRetry });
  }

  /** Lets nothing be due for a moment, because something failed. */
  hold(): void {
    this.#notBefore = performance.now() + expiryRetry;
  }

  /**
   * Sets the timer anew.
   * @param retryDelay milliseconds until another try to recover, where one is needed
   * @param mayExpire whether anything can expire before that
   */
  set(retryDelay: number | undefined, mayExpire = true): void {
    clearTimeout(this.#timer);
    const next = earlier(this.#expiries.next, this.#nextList());
    if (this.#stopped || (next === undefined && retryDelay === undefined)) return;
    const never = Number.POSITIVE_INFINITY;
    const dueAt = mayExpire ? (next ?? never) : never;
    const untilDue = Math.max(dueAt - this.#clock.wall(), this.#notBefore - performance.now(), 0);
    const untilLook = next === undefined ? never : clockWatch;
    this.#timer = setTimeout(this.#ring, Math.min(untilDue, untilLook, Math.max(0, retryDelay ?? never)));
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
