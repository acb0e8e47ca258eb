import type { Principal } from './principal.ts';

interface Bucket {
  /** Requests that may still come at once; a fraction, since it fills all the time. */
  left: number;
  /** Milliseconds, monotonic: when `left` was so. */
  at: number;
}

/** So many principals are kept in mind. Those that asked last stay; one that is forgotten begins with a full bucket. */
const mostBuckets = 10_000;

/** Holds each principal to the rate of its limits: a token bucket for each name. */
export class Buckets {
  readonly #buckets = new Map<string, Bucket>();
  readonly #now: () => number;

  /** @param now milliseconds, monotonic */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Takes one request from the principal's bucket.
   * @returns 0 when there was one, else the whole seconds after which there will be one again
   */
  take({ name, limits: { rate } }: Principal): number {
    if (rate === undefined) return 0;
    const now = this.#now();
    const { left, at } = this.#buckets.get(name) ?? { left: rate.burst, at: now };
    const filled = Math.min(rate.burst, left + ((now - at) / 1000) * rate.perSecond);
    const granted = filled >= 1;
    this.#remember(name, { left: granted ? filled - 1 : filled, at: now });
    return granted ? 0 : Math.max(1, Math.ceil((1 - filled) / rate.perSecond));
  }

  #remember(name: string, bucket: Bucket): void {
    this.#buckets.delete(name);
    this.#buckets.set(name, bucket);
    if (this.#buckets.size <= mostBuckets) return;
    for (const eldest of this.#buckets.keys()) return void this.#buckets.delete(eldest);
  }
}
