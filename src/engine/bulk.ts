import type { ConfirmRequest } from './confirmations.ts';
import type { Result } from './decide.ts';
import type { Group } from './pending.ts';

/**
 * How many commands of a bulk are written at once: few commits for a million while nobody else asks for anything, and else few
 * milliseconds for whoever comes meanwhile.
 */
const [alone, besideOthers] = [4000, 1000];

type Write = (group: Group, confirm?: ConfirmRequest) => Promise<readonly Result[]>;

/**
 * The way of large groups into the queue: one at a time, however many there are. So nobody else waits for more than one of them,
 * and those who wait to write one hold no place in the queue.
 */
export class Bulk {
  readonly #write: Write;
  #last: Promise<unknown> = Promise.resolve();
  /** Whether others have come since a group began its way, and whether they had while the one before was on it. */
  readonly #others = { now: false, before: false };

  constructor(write: Write) {
    this.#write = write;
  }

  /** How many commands are best in a group now. */
  get length(): number {
    return this.#others.now || this.#others.before ? besideOthers : alone;
  }

  /** Notes that somebody else asks for something. */
  meetOthers(): void {
    this.#others.now = true;
  }

  /** Brings commands to their effect, as `Engine.write`, when those have theirs that came here before. It is never overloaded. */
  write(group: Group, confirm?: ConfirmRequest): Promise<readonly Result[]> {
    const turn = this.#last.then(() => {
      this.#others.before = this.#others.now;
      this.#others.now = false;
      return this.#write(group, confirm);
    });
    this.#last = turn.catch(() => {});
    return turn;
  }
}
