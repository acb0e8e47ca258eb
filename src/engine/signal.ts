/** Calls those who listen, without saying more than that something happened. */
export class Signal {
  readonly #listeners = new Set<() => void>();

  /** @returns ends it */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
