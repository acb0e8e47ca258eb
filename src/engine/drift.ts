/** Milliseconds from one repair to the next look while somebody keeps changing rfw's rules: doubled at each, up to the most. */
const backoff = { first: 250, most: 30_000 };

/** Milliseconds after a repair in which nothing had to be repaired, and all is forgotten. */
const quiet = 60_000;

/**
 * Milliseconds from a look that found nothing to the next, so that somebody who changes rules of his own all the time
 * keeps rfw busy for a tenth of it at most; but never so long that a change isn't noticed within a second.
 */
const rest = { least: 100, most: 750, timesTheLook: 10 };

/**
 * When to look whether the kernel still holds rfw's rules: at once when it was disturbed, but with back-off while another
 * program keeps fighting. What is disturbed before it may be looked at again is looked at then.
 */
export class DriftWatch {
  readonly #look: () => Promise<boolean>;
  #end: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Since the last look began. */
  #disturbed = false;
  #looking = false;
  /** Instants on the scale of performance.now(). */
  #notBefore = 0;
  #repairedAt = Number.NEGATIVE_INFINITY;
  #pause = 0;

  /** @param look tells whether all was as it should be, and else has tried to bring it back. It must not reject. */
  constructor(look: () => Promise<boolean>) {
    this.#look = look;
  }

  /** @param watch as `Backend.watch` */
  start(watch: (disturbed: () => void) => () => void): void {
    this.#end = watch(() => {
      this.#disturbed = true;
      this.#arm();
    });
    this.#arm();
  }

  stop(): void {
    this.#end?.();
    this.#end = undefined;
    clearTimeout(this.#timer);
  }

  /** Has a look taken as soon as there may be one. While one is under way its end sees to that. */
  #arm(): void {
    if (this.#end === undefined || this.#looking || !this.#disturbed) return;
    clearTimeout(this.#timer);
    const wait = this.#notBefore - performance.now();
    if (wait > 0) this.#timer = setTimeout(() => this.#arm(), wait);
    else void this.#take();
  }

  async #take(): Promise<void> {
    this.#disturbed = false;
    this.#looking = true;
    const began = performance.now();
    const intact = await this.#look();
    const now = performance.now();
    const pause = intact ? Math.max(rest.least, rest.timesTheLook * (now - began)) : this.#nextPause(now);
    this.#notBefore = now + (intact ? Math.min(pause, rest.most) : pause);
    // In one go with the last look at what was disturbed: nothing can come in between and be forgotten.
    this.#looking = false;
    this.#arm();
  }

  #nextPause(now: number): number {
    const forgotten = now - this.#repairedAt > quiet;
    this.#repairedAt = now;
    this.#pause = forgotten ? backoff.first : Math.min(2 * this.#pause, backoff.most);
    return this.#pause;
  }
}
