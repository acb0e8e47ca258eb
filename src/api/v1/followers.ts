import { RequestError } from '../errors.ts';

/** The most streams of changes that one principal may have open. */
const streamsAtMost = 200;

/** Who has streams of changes open, and how many: each is read for on its own, so that nobody may have any number of them. */
export class Followers {
  readonly #streams = new Map<string, number>();

  /**
   * Counts a stream more of a principal.
   * @returns what is to be called when it has ended; once
   * @throws RequestError `rate-limited` when it has the most already
   */
  add(principal: string): () => void {
    const open = this.#streams.get(principal) ?? 0;
    if (open >= streamsAtMost)
      throw new RequestError(
        'rate-limited',
        `${principal} has ${open} streams open, the most that there may be: end one`,
      );
    this.#streams.set(principal, open + 1);
    return () => this.#remove(principal);
  }

  #remove(principal: string): void {
    const open = this.#streams.get(principal) ?? 0;
    if (open > 1) this.#streams.set(principal, open - 1);
    else this.#streams.delete(principal);
  }
}
