import type { Rule } from '../domain/rule.ts';
import type { Whitelist } from '../domain/whitelist.ts';
import type { AddedEntry, Additions } from './additions.ts';
import { type RecordedChange, rfwItself } from './changes.ts';
import type { Confirmations, ConfirmRequest } from './confirmations.ts';
import type { Protection } from './decide.ts';
import type { Entry } from './journal.ts';
import type { Recording } from './pending.ts';
import type { Standing } from './standing.ts';
import type { DocumentWrite } from './store/store.ts';
import type { Undo, WhitelistStep } from './undo.ts';

/** An entry that somebody asks for. */
export interface AskedEntry extends Omit<AddedEntry, 'comment'> {
  /** Without one a new entry has none, and one that is there keeps its own. */
  readonly comment?: string | undefined;
}

/** What became of an entry that was asked for. */
export interface Addition {
  /** How it was; undefined when it is new. */
  readonly before: AddedEntry | undefined;
  readonly added: AddedEntry;
  /** The rules that had to go. */
  readonly displaced: readonly Rule[];
}

/** An entry that is taken away. */
export interface Removal {
  readonly removed: AddedEntry;
  /** What is whitelisted without it. */
  readonly left: Whitelist;
}

export interface WhitelistingOptions {
  readonly standing: Standing;
  /** What the settings protect. */
  readonly base: Protection;
  readonly additions: Additions;
  readonly confirmations: Confirmations;
  /** Stores. */
  readonly record: (entry: Entry) => Promise<void>;
  /** Runs a task between two batches. */
  readonly alone: <T>(task: () => Promise<T>) => Promise<T>;
}

/**
 * The whitelist: the entries of its file, and those that were added since, which survive restarts. Each method rejects with
 * the RfwError of a change of rules, and then all is as it was.
 */
export class Whitelisting {
  readonly #standing: Standing;
  readonly #confirmations: Confirmations;
  readonly #record: WhitelistingOptions['record'];
  readonly #alone: WhitelistingOptions['alone'];
  #base: Protection;
  #additions: Additions;

  constructor({ standing, base, additions, confirmations, record, alone }: WhitelistingOptions) {
    this.#standing = standing;
    this.#base = base;
    this.#additions = additions;
    this.#confirmations = confirmations;
    this.#record = record;
    this.#alone = alone;
  }

  /** All that is in force. */
  get all(): Whitelist {
    return this.#standing.protection.whitelist;
  }

  /** The entries of the file. */
  get file(): Whitelist {
    return this.#base.whitelist;
  }

  /** The entries that were added. */
  get added(): readonly AddedEntry[] {
    return this.#additions.all;
  }

  /** Follows other settings. @returns the rules that had to go */
  protect(base: Protection): Promise<readonly Rule[]> {
    return this.#alone(async () => {
      const displaced = await this.#standing.protect(this.#additions.protect(base));
      this.#base = base;
      return displaced;
    });
  }

  /** What would become of an entry. Changes nothing. */
  previewAddition(asked: AskedEntry): Promise<Addition> {
    return this.#alone(async () => {
      const { before, added } = this.#entryOf(asked);
      const displaced = before === undefined ? this.#standing.conflicts(this.#protectionOf(added).whitelist) : [];
      return { before, added, displaced };
    });
  }

  /**
   * Adds an entry. One that is there by its text gets the comment, and keeps the rest.
   * @param recordingOf what is stored with that
   * @param confirm has that undone, unless it is confirmed in time
   */
  add(asked: AskedEntry, recordingOf: (addition: Addition) => Recording, confirm?: ConfirmRequest): Promise<Addition> {
    const change = async (): Promise<Addition> => {
      const { before, added } = this.#entryOf(asked);
      const next = this.#additions.with(added);
      const addition = (displaced: readonly Rule[]): Addition => ({ before, added, displaced });
      if (before !== undefined) {
        await this.#describe(next, before, added, recordingOf(addition([])), confirm);
        return addition([]);
      }
      const texts = [added.entry.text];
      const displaced = await this.#change(next, texts, asked.by, (those) => recordingOf(addition(those)), confirm);
      return addition(displaced);
    };
    return this.#confirmations.around(confirm, () => this.#alone(change));
  }

  /** What would become of the whitelist without an entry; undefined when it wasn't added. Changes nothing. */
  previewRemoval(text: string): Promise<Removal | undefined> {
    return this.#alone(async () => this.#removal(text));
  }

  /**
   * Removes an entry that was added.
   * @param permit throws what is to keep it
   * @returns what it was; undefined when there is none
   */
  remove(
    text: string,
    by: string,
    permit: (removal: Removal | undefined) => void,
    recordingOf: (removal: Removal) => Recording,
    confirm?: ConfirmRequest,
  ): Promise<Removal | undefined> {
    const change = async (): Promise<Removal | undefined> => {
      const removal = this.#removal(text);
      permit(removal);
      if (removal === undefined) return undefined;
      await this.#change(this.#additions.without(text), [text], by, () => recordingOf(removal), confirm);
      return removal;
    };
    return this.#confirmations.around(confirm, () => this.#alone(change));
  }

  #entryOf(asked: AskedEntry): Pick<Addition, 'before' | 'added'> {
    const before = this.#additions.get(asked.entry.text);
    const comment = asked.comment ?? before?.comment ?? '';
    return { before, added: { ...(before ?? asked), comment } };
  }

  #removal(text: string): Removal | undefined {
    const removed = this.#additions.get(text);
    // What waits to be confirmed may be gone in a moment.
    const lasting = [text, ...this.#confirmations.passing].reduce((left, id) => left.without(id), this.#additions);
    return removed && { removed, left: lasting.protect(this.#base).whitelist };
  }

  #protectionOf(added: AddedEntry): Protection {
    return this.#additions.with(added).protect(this.#base);
  }

  /** Stores another comment, which nothing in the kernel depends on; where it is the same, only what is recorded with that. */
  async #describe(
    next: Additions,
    before: AddedEntry,
    { entry: { text }, comment }: AddedEntry,
    recording: Recording,
    confirm: ConfirmRequest | undefined,
  ): Promise<void> {
    if (comment === before.comment) return this.#record(recording);
    const undo: Undo = { rules: [], whitelist: [stepOf(this.#additions, next, text)] };
    const { documents = [], ...rest } =
      confirm === undefined ? recording : this.#confirmations.with(recording, confirm, undo);
    await this.#record({ ...rest, documents: [next.document(text), ...documents] });
    this.#additions = next;
  }

  /** Brings entries back to how they were stored. Only between two batches. */
  async restore(steps: readonly WhitelistStep[]): Promise<void> {
    // An entry that is another one by now is left alone.
    const documents = steps.flatMap(({ after, ...document }): DocumentWrite[] => {
      const { body } = this.#additions.document(document.id);
      return body !== document.body && isSameEntry(body, after) ? [document] : [];
    });
    if (documents.length === 0) return;
    const former = documents.reduce((additions, document) => additions.restored(document), this.#additions);
    const texts = documents.map(({ id }) => id);
    if (texts.every((text) => former.get(text) !== undefined && this.#additions.get(text) !== undefined)) {
      await this.#record({ documents });
      this.#additions = former;
      return;
    }
    await this.#change(former, texts, rfwItself, () => ({}));
  }

  async #change(
    next: Additions,
    texts: readonly string[],
    by: string,
    recordingOf: (displaced: readonly Rule[]) => Recording,
    confirm?: ConfirmRequest,
  ): Promise<readonly Rule[]> {
    const before = texts.map((text) => stepOf(this.#additions, next, text));
    const entryOf = (displaced: readonly Rule[]): Entry => {
      const undo: Undo = { rules: displaced.map((rule) => ({ before: rule })), whitelist: before };
      const recording = recordingOf(displaced);
      const { documents = [], ...rest } =
        confirm === undefined ? recording : this.#confirmations.with(recording, confirm, undo);
      const changes = texts.map((entry): RecordedChange => {
        const kind = next.get(entry) === undefined ? 'whitelist-removed' : 'whitelist-added';
        return { kind, entry, by };
      });
      return { ...rest, documents: [...texts.map((text) => next.document(text)), ...documents], changes };
    };
    const displaced = await this.#standing.protect(next.protect(this.#base), entryOf);
    this.#additions = next;
    return displaced;
  }
}

function stepOf(before: Additions, after: Additions, text: string): WhitelistStep {
  return { ...before.document(text), after: after.document(text).body };
}

/** Whether two stored entries are of one addition, whatever its comment is; or there is none in both cases. */
function isSameEntry(a: DocumentWrite['body'], b: DocumentWrite['body']): boolean {
  if (a === null || b === null) return a === b;
  const [one, other] = [a, b].map((body) => JSON.parse(String(body)) as Pick<AddedEntry, 'by' | 'createdAt'>);
  return one?.by === other?.by && one?.createdAt === other?.createdAt;
}
