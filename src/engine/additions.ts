import { parseWhitelistEntry, Whitelist, type WhitelistEntry } from '../domain/whitelist.ts';
import type { Protection } from './decide.ts';
import type { DocumentWrite, Store } from './store/store.ts';

/** An entry of the whitelist that somebody has added to those of its file. */
export interface AddedEntry {
  readonly entry: WhitelistEntry;
  readonly by: string;
  readonly comment: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

const kind = 'whitelist';

/** The entries of the whitelist that aren't from its file. They are stored; by their text, each once, in its order. */
export class Additions {
  readonly #entries: ReadonlyMap<string, AddedEntry>;

  private constructor(entries: ReadonlyMap<string, AddedEntry>) {
    this.#entries = entries;
  }

  /** @throws RfwError `store-failed`, or that of an entry that somebody else has written */
  static async load(store: Store): Promise<Additions> {
    const entries = new Map<string, AddedEntry>();
    for (const [text, body] of await store.documents(kind)) entries.set(text, readEntry(text, String(body)));
    return new Additions(entries);
  }

  get all(): readonly AddedEntry[] {
    return [...this.#entries.values()];
  }

  get(text: string): AddedEntry | undefined {
    return this.#entries.get(text);
  }

  with(added: AddedEntry): Additions {
    const entries = [...new Map(this.#entries).set(added.entry.text, added)];
    // In the order in which they are loaded: by it the next start tells that the protection is still the same.
    return new Additions(new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1))));
  }

  without(text: string): Additions {
    const entries = new Map(this.#entries);
    entries.delete(text);
    return new Additions(entries);
  }

  /** The same, but that an entry is as it was stored once, or absent. */
  restored({ id, body }: Pick<DocumentWrite, 'id' | 'body'>): Additions {
    return body === null ? this.without(id) : this.with(readEntry(id, String(body)));
  }

  /** What brings an entry to the disk, or takes it away. */
  document(text: string): DocumentWrite {
    const added = this.#entries.get(text);
    if (added === undefined) return { kind, id: text, body: null };
    const { by, comment, createdAt } = added;
    return { kind, id: text, body: JSON.stringify({ by, comment, createdAt }) };
  }

  /** What protects, with these entries beside those of the file. The guarded port is open to them too. */
  protect({ whitelist, guard }: Protection): Protection {
    if (this.#entries.size === 0) return { whitelist, guard };
    const all = new Whitelist([...whitelist.entries, ...this.all.map(({ entry }) => entry)]);
    return { whitelist: all, guard: guard === null ? null : { ...guard, allowed: all.prefixes() } };
  }
}

function readEntry(text: string, body: string): AddedEntry {
  return { entry: parseWhitelistEntry(text), ...(JSON.parse(body) as Omit<AddedEntry, 'entry'>) };
}
