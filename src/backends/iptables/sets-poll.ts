/** Milliseconds between two looks, which with a look at the lines after it is a second. */
const interval = 750;

/** The interval is at least so many times what a look took: with sets of a million entries that is 20 ms each. */
const leisure = 50;

export interface SetsPollOptions {
  /** Whether the sets hold what they should. It may reject: then somebody has to look. */
  readonly look: () => Promise<boolean>;
  readonly disturbed: () => void;
}

/** Tells when others change the sets of lists, of which the kernel tells nobody, until closed. */
export class SetsPoll {
  readonly #options: SetsPollOptions;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: SetsPollOptions) {
    this.#options = options;
    this.#wait(interval);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #wait(milliseconds: number): void {
    if (!this.#closed) this.#timer = setTimeout(() => void this.#poll(), milliseconds).unref();
  }

  async #poll(): Promise<void> {
    const began = performance.now();
    const holds = await this.#options.look().catch(() => false);
    if (this.#closed) return;
    this.#wait(Math.max(interval, leisure * (performance.now() - began)));
    if (!holds) this.#options.disturbed();
  }
}
