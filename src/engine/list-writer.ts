import type { Backend } from '../backends/backend.ts';
import { RfwError } from '../domain/errors.ts';
import { type EnforcedList, listKey } from '../domain/list.ts';
import { listChange, rfwItself } from './changes.ts';
import type { Clock } from './clock.ts';
import type { WriterEvent } from './events.ts';
import type { Entry, Journal } from './journal.ts';
import { type Lists, listDeletions } from './lists.ts';
import { isRefusal } from './pending.ts';
import { degradedError } from './reconcile.ts';
import type { Standing } from './standing.ts';

export interface ListWriterOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly onEvent: (event: WriterEvent) => void;
}

/** Takes kernel, disk and memory together from some lists to others. Only between two batches. */
export class ListWriter {
  readonly #backend: Backend;
  readonly #clock: Clock;
  readonly #onEvent: (event: WriterEvent) => void;
  readonly #standing: Standing;
  readonly #journal: Journal;

  constructor({ backend, clock, onEvent }: ListWriterOptions, standing: Standing, journal: Journal) {
    this.#backend = backend;
    this.#clock = clock;
    this.#onEvent = onEvent;
    this.#standing = standing;
    this.#journal = journal;
  }

  /**
   * Enforces and stores other lists. The promise resolves when that is done.
   * @throws RfwError `lists-unsupported`, `unsupported`, `kernel-refused`, `kernel-unavailable`, `store-failed`; all is then as it
   * was
   */
  async write(next: Lists, entry: Entry): Promise<void> {
    await this.#recover();
    const standing = this.#standing;
    if (standing.flushed && next.size > 0) await standing.protect(standing.protection);
    const changes = await this.#enforce(next);
    try {
      if (!isNothing(entry)) await this.#journal.append([], entry);
    } catch (error) {
      if (changes) await standing.restore();
      throw error;
    }
    standing.commitLists(next);
  }

  /**
   * Takes out lists whose time is up. On disk they end at their instants whatever becomes of that: a disk that doesn't take their
   * deletion is owed it.
   * @throws RfwError when the kernel refuses; they are still there
   */
  async expireDue(): Promise<void> {
    const { over, remaining } = this.#standing.lists.part(this.#clock.wall());
    if (over.length === 0) return;
    await this.#recover();
    await this.#enforce(remaining);
    const documents = over.flatMap(({ name }) => listDeletions(name));
    const changes = over.map((list) => listChange('list-expired', list, rfwItself));
    try {
      await this.#journal.append([], { documents, changes });
    } catch {
      this.#journal.owe([], changes, documents);
    }
    this.#standing.commitLists(remaining);
    for (const list of over) this.#onEvent({ kind: 'list-expired', list, origin: rfwItself });
  }

  /** As a batch of rules does it. */
  async #recover(): Promise<void> {
    const { reconciler } = this.#standing;
    if (reconciler.degraded !== undefined) this.#standing.reportDrift(await this.#standing.restore());
    if (reconciler.degraded !== undefined) throw degradedError(reconciler.degraded);
  }

  /** Brings the kernel to other lists. @returns whether it had to be changed @throws RfwError, and then all is as it was */
  async #enforce(next: Lists): Promise<boolean> {
    const standing = this.#standing;
    const before = standing.lists.enforced;
    if (isSame(before, next.enforced)) return false;
    try {
      await this.#backend.setLists(next.enforced);
    } catch (error) {
      const lacking = error instanceof RfwError && ['lists-unsupported', 'unsupported'].includes(error.code);
      // What this kernel can't have isn't in it: that must keep nobody from taking lists out.
      if (lacking && isPart(next.enforced, before)) await this.#bring(next);
      else {
        await this.#refused(error);
        throw error;
      }
    }
    return true;
  }

  async #bring(next: Lists): Promise<void> {
    try {
      await this.#standing.bringLists(next);
    } catch (error) {
      await this.#standing.restore();
      throw error;
    }
  }

  /** After a refusal the kernel holds what it held, where that is certain. */
  async #refused(error: unknown): Promise<void> {
    const standing = this.#standing;
    if (isRefusal(error) && this.#backend.marksItsOwn && (await standing.holds())) return;
    standing.reportDrift(await standing.restore());
  }
}

function isNothing({ changes = [], documents = [], audit = [] }: Entry): boolean {
  return changes.length + documents.length + audit.length === 0;
}

function isSame(a: readonly EnforcedList[], b: readonly EnforcedList[]): boolean {
  return a.length === b.length && isPart(a, b);
}

/** Whether all of `a` is in `b`, in the same order: places never change. */
function isPart(a: readonly EnforcedList[], b: readonly EnforcedList[]): boolean {
  const keys = new Set(b.map(listKey));
  return a.every((list) => keys.has(listKey(list)));
}
