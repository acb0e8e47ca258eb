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
import type { Undo } from './undo.ts';

/** What is stored with a change of the whitelist, by the rules that it displaces. */
export type RecordingOf = (displaced: readonly Rule[]) => Recording;

export interface WhitelistingOptions {
  readonly standing: Standing;
  /** What the settings protect. */
  readonly base: Protection;
  readonly additions: Additions;
  readonly confirmations: Confirmations;
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
  readonly #alone: WhitelistingOptions['alone'];
  #base: Protection;
  #additions: Additions;

  constructor({ standing, base, additions, confirmations, alone }: WhitelistingOptions) {
    this.#standing = standing;
    this.#base = base;
    this.#additions = additions;
    this.#confirmations = confirmations;
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

  /** The rules that would have to go for another entry. Changes nothing. */
  conflicts(added: AddedEntry): Promise<readonly Rule[]> {
    return this.#alone(async () => this.#standing.conflicts(this.#additions.with(added).protect(this.#base).whitelist));
  }

  /**
   * Adds an entry, or takes the place of the one with its text.
   * @param confirm has that undone, unless it is confirmed in time
   * @returns the rules that had to go
   */
  add(added: AddedEntry, recordingOf: RecordingOf, confirm?: ConfirmRequest): Promise<readonly Rule[]> {
    const change = () => this.#change(this.#additions.with(added), [added.entry.text], added.by, recordingOf, confirm);
    return this.#confirmations.around(confirm, () => this.#alone(change));
  }

  /** Removes an entry that was added. @returns whether there was one */
  remove(text: string, by: string, recordingOf: RecordingOf, confirm?: ConfirmRequest): Promise<boolean> {
    const change = async (): Promise<boolean> => {
      if (this.#additions.get(text) === undefined) return false;
      await this.#change(this.#additions.without(text), [text], by, recordingOf, confirm);
      return true;
    };
    return this.#confirmations.around(confirm, () => this.#alone(change));
  }

  /** Brings entries back to how they were stored. Only between two batches. */
  async restore(documents: readonly DocumentWrite[]): Promise<void> {
    const former = documents.reduce((additions, document) => additions.restored(document), this.#additions);
    const texts = documents.map(({ id }) => id);
    await this.#change(former, texts, rfwItself, () => ({}));
  }

  async #change(
    next: Additions,
    texts: readonly string[],
    by: string,
    recordingOf: RecordingOf,
    confirm?: ConfirmRequest,
  ): Promise<readonly Rule[]> {
    const before = texts.map((text) => this.#additions.document(text));
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
