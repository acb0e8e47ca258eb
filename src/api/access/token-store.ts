import type { AuditEntry } from '../../engine/audit.ts';
import type { Engine } from '../../engine/engine.ts';
import type { DocumentWrite, Store } from '../../engine/store/store.ts';
import type { TokenRecord } from './token.ts';

/** Where tokens are kept. A promise that is fulfilled means that the change is on disk. */
export interface TokenStore {
  all(): Promise<TokenRecord[]>;
  /** Adds a record, or takes the place of the one with its id. @param audit what the audit log says of it, with that */
  put(record: TokenRecord, audit?: readonly AuditEntry[]): Promise<void>;
  /** Does nothing where there is none. */
  delete(id: string, audit?: readonly AuditEntry[]): Promise<void>;
}

const kind = 'token';

/** Keeps tokens in the store of the daemon, in one transaction with what the audit log says of them. */
export class StoredTokens implements TokenStore {
  readonly #documents: Pick<Store, 'documents'>;
  readonly #engine: Promise<Pick<Engine, 'write'>>;

  /** @param engine writes, when it has started */
  constructor(documents: Pick<Store, 'documents'>, engine: Promise<Pick<Engine, 'write'>>) {
    this.#documents = documents;
    this.#engine = engine;
    // Whoever waits for the start of the engine is told when it fails.
    engine.catch(() => {});
  }

  async all(): Promise<TokenRecord[]> {
    const documents = await this.#documents.documents(kind);
    return [...documents.values()].map((body) => JSON.parse(String(body)) as TokenRecord);
  }

  put(record: TokenRecord, audit: readonly AuditEntry[] = []): Promise<void> {
    return this.#write({ kind, id: record.id, body: JSON.stringify(record) }, audit);
  }

  delete(id: string, audit: readonly AuditEntry[] = []): Promise<void> {
    return this.#write({ kind, id, body: null }, audit);
  }

  async #write(document: DocumentWrite, audit: readonly AuditEntry[]): Promise<void> {
    const engine = await this.#engine;
    await engine.write({ commands: [], atomic: true, record: () => ({ documents: [document], audit }) });
  }
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
