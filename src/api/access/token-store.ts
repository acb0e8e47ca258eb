import type { TokenRecord } from './token.ts';

/** Where tokens are kept. A promise that is fulfilled means that the change is on disk. */
export interface TokenStore {
  all(): Promise<TokenRecord[]>;
  /** Adds a record, or takes the place of the one with its id. */
  put(record: TokenRecord): Promise<void>;
  /** Does nothing where there is none. */
  delete(id: string): Promise<void>;
}

/** Keeps tokens for as long as the process runs, as a disk would: as text. */
export class MemoryTokenStore implements TokenStore {
  readonly #texts = new Map<string, string>();

  async all(): Promise<TokenRecord[]> {
    return [...this.#texts.values()].map((text) => JSON.parse(text) as TokenRecord);
  }

  async put(record: TokenRecord): Promise<void> {
    this.#texts.set(record.id, JSON.stringify(record));
  }

  async delete(id: string): Promise<void> {
    this.#texts.delete(id);
  }
}
