import type { ConfirmRequest } from './confirmations.ts';
import type { Result } from './decide.ts';
import type { Group } from './pending.ts';

/**
 * Commands of a bulk that are best written at once: some 20 ms for whoever comes meanwhile, and few commits for a million.
 */
export const bulkLength = 4000;

type Write = (group: Group, confirm?: ConfirmRequest) => Promise<readonly Result[]>;

/**
 * The way of large groups into the queue: one at a time, however many there are. So nobody else waits for more than one of them,
 * and those who wait to write one hold no place in the queue.
 */
export class Bulk {
  readonly #write: Write;
  #last: Promise<unknown> = Promise.resolve();

  constructor(write: Write) {
    this.#write = write;
  }

  /** Brings commands to their effect, as `Engine.write`, when those have theirs that came here before. It is never overloaded. */
  write(group: Group, confirm?: ConfirmRequest): Promise<readonly Result[]> {
    const turn = this.#last.then(() => this.#write(group, confirm));
    this.#last = turn.catch(() => {});
    return turn;
  }
}
