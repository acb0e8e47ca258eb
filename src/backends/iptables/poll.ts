/** Milliseconds between two looks. With what a look takes, a change is noticed within a second. */
export const interval = 750;

export interface PollOptions {
  /** Milliseconds before the first look. */
  readonly first: number;
  /** The interval is at least so many times what a look took, so that a poll stays cheap however much there is to see. */
  readonly leisure: number;
  /** Must not reject. @returns whether others may have changed something */
  readonly look: () => Promise<boolean>;
  readonly disturbed: () => void;
}

/** Looks again and again whether others have changed something that the kernel tells nobody of, until closed. */
export class Poll {
  readonly #options: PollOptions;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: PollOptions) {
    this.#options = options;
    this.#wait(options.first);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #wait(milliseconds: number): void {
    if (!this.#closed) this.#timer = setTimeout(() => void this.#poll(), milliseconds).unref();
  }

  async #poll(): Promise<void> {
    const { leisure, look, disturbed } = this.#options;
    const began = performance.now();
    const changed = await look();
    if (this.#closed) return;
    this.#wait(Math.max(interval, leisure * (performance.now() - began)));
    if (changed) disturbed();
  }
}
