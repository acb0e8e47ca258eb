import { RfwError, reasonOf } from '../domain/errors.ts';
import type { AuditEntry } from './audit.ts';
import { rfwItself } from './changes.ts';
import { type Clock, readClock, stepSince } from './clock.ts';
import type { Group, Recording } from './pending.ts';
import type { DocumentWrite, Store } from './store/store.ts';
import { isNothing, movedUndo, readUndo, storedUndo, touchedBy, type Undo, undoOf } from './undo.ts';

/** That a change is undone unless somebody confirms it in time. */
export interface ConfirmRequest {
  /** Not used before. */
  readonly id: string;
  /** From now. */
  readonly seconds: number;
  /** Who asked for the change. */
  readonly by: string;
}

/** A change that waits to be confirmed. */
export interface Confirmation {
  readonly id: string;
  readonly by: string;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
}

interface Waiting extends Confirmation {
  readonly undo: Undo;
  /** Higher for whatever was asked for later. */
  readonly order: number;
  /** How wall clock and uptime stood to each other: `ClockReading.offset`. */
  readonly offset: number;
  /** When time is up by the time since the machine started, as `Clock.uptime` says. */
  readonly uptime: number;
  readonly bootId: string;
}

export interface ConfirmationsOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Runs a task between two batches. */
  readonly alone: <T>(task: () => Promise<T>) => Promise<T>;
  /** Takes a change back, and stores the recording once that is done. */
  readonly revert: (undo: Undo, recording: Recording) => Promise<void>;
  /** Stores. */
  readonly record: (recording: Recording) => Promise<void>;
  readonly onUndone: (confirmation: Confirmation, failure: string | undefined) => void;
}

const kind = 'confirmation';

/** The most changes that wait, of one who asks and of all, and the most rules that these are about. */
const [mostOfOne, mostOfAll, mostRules] = [100, 1000, 200_000];

/** Milliseconds before a change that could not be undone is tried again. */
const retry = 1000;

/** The longest that a timer of Node waits, in milliseconds. */
const longestTimer = 2 ** 31 - 1;

/**
 * Changes that are undone by themselves unless they are confirmed. They are stored in the transaction of the change, so that
 * the deadline holds over a crash.
 */
export class Confirmations {
  readonly #options: ConfirmationsOptions;
  readonly #waiting = new Map<string, Waiting>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #stopped = false;

  constructor(options: ConfirmationsOptions) {
    this.#options = options;
  }

  /** Goes on with what an earlier run left: what is due is undone before this resolves. */
  async begin(): Promise<void> {
    for (const [id, body] of await this.#options.store.documents(kind))
      this.#waiting.set(id, readWaiting(String(body)));
    for (const waiting of [...this.#waiting.values()]) {
      if (this.#left(waiting) <= 0) await this.#expire(waiting.id);
      else this.#setTimer(waiting);
    }
  }

  /** All that wait, the earliest deadline first. */
  get waiting(): readonly Confirmation[] {
    return [...this.#waiting.values()]
      .map(({ id, by, deadline }) => ({ id, by, deadline }))
      .sort((a, b) => a.deadline - b.deadline);
  }

  /** The same commands, with what undoes them stored beside. */
  guarded(group: Group, request: ConfirmRequest): Group {
    return {
      ...group,
      // Parted, it would be enforced before what undoes it is stored.
      whole: true,
      record: (results) => this.with(group.record?.(results) ?? {}, request, undoOf(results)),
    };
  }

  /** A recording, and with it what undoes the change that it is about. */
  with(recording: Recording, { id, seconds, by }: ConfirmRequest, undo: Undo): Recording {
    // What was begun in another form, and refused, is no longer what there is to undo.
    this.#waiting.delete(id);
    if (isNothing(undo)) return recording;
    const { clock } = this.#options;
    const waiting: Waiting = {
      id,
      by,
      deadline: clock.wall() + 1000 * seconds,
      uptime: clock.uptime() + 1000 * seconds,
      order: 1 + Math.max(0, ...[...this.#waiting.values()].map(({ order }) => order)),
      ...readClock(clock),
      undo,
    };
    this.#waiting.set(id, waiting);
    return { ...recording, documents: [...(recording.documents ?? []), documentOf(waiting)] };
  }

  /** The entries of the whitelist that go again when nothing is confirmed. */
  get passing(): readonly string[] {
    const documents = [...this.#waiting.values()].flatMap(({ undo }) => undo.whitelist ?? []);
    return documents.flatMap(({ id, body }) => (body === null ? [id] : []));
  }

  /**
   * Makes a change, and begins to wait for its confirmation when it is made.
   * @param rules how many rules it may change
   * @throws RfwError `overloaded` when too much waits already: what undoes it is in memory, and comes back with a restart
   */
  async around<T>(request: ConfirmRequest | undefined, change: () => Promise<T>, rules = 1): Promise<T> {
    if (request === undefined) return change();
    this.#requireRoom(request, rules);
    try {
      const done = await change();
      const waiting = this.#waiting.get(request.id);
      if (waiting !== undefined) this.#setTimer(waiting);
      return done;
    } catch (error) {
      this.#waiting.delete(request.id);
      throw error;
    }
  }

  /**
   * Lets the change stand for good.
   * @returns whether there was one that waited
   * @throws RfwError `store-failed`; then it goes on waiting
   */
  confirm(id: string, recording: Recording = {}): Promise<boolean> {
    return this.#options.alone(async () => {
      if (!this.#waiting.has(id)) return false;
      const documents = [...(recording.documents ?? []), { kind, id, body: null }];
      await this.#options.record({ ...recording, documents });
      this.#forget(id);
      return true;
    });
  }

  #requireRoom({ by }: ConfirmRequest, rules: number): void {
    const all = [...this.#waiting.values()];
    const held = all.reduce((sum, { undo }) => sum + undo.rules.length, rules);
    const own = all.filter((waiting) => waiting.by === by).length;
    if (own < mostOfOne && all.length < mostOfAll && (all.length === 0 || held <= mostRules)) return;
    throw new RfwError(
      'overloaded',
      'Too much waits to be confirmed already: confirm that, or wait until it is undone',
    );
  }

  /**
   * What is stored of all that waits when everything is flushed. Rules and lists are gone for good then, and only what was
   * changed of the whitelist is still to be undone.
   */
  flushed(): { readonly documents: readonly DocumentWrite[]; readonly done: () => void } {
    const left = [...this.#waiting.values()].map(afterFlush);
    return {
      documents: left.map(documentOf),
      done: () => {
        for (const waiting of left) {
          if (isNothing(waiting.undo)) this.#forget(waiting.id);
          else this.#waiting.set(waiting.id, waiting);
        }
      },
    };
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #forget(id: string): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    this.#waiting.delete(id);
  }

  /** Milliseconds left. The time since the machine started can't be set; it is of no use after a restart of the machine. */
  #left({ deadline, uptime, bootId }: Waiting): number {
    const { clock } = this.#options;
    return bootId === clock.bootId ? uptime - clock.uptime() : deadline - clock.wall();
  }

  #setTimer(waiting: Waiting, left = this.#left(waiting)): void {
    // The next run goes on waiting.
    if (this.#stopped) return;
    clearTimeout(this.#timers.get(waiting.id));
    const ring = (): void => {
      if (this.#left(waiting) > 0) this.#setTimer(waiting);
      else void this.#expire(waiting.id);
    };
    this.#timers.set(waiting.id, setTimeout(ring, Math.min(Math.max(left, 0), longestTimer)));
  }

  /**
   * Changes of the same things that were made later, the last one first, and wait too. They go on from what is undone, so
   * they are undone before it: by themselves they would bring back later what nobody has confirmed.
   */
  #madeOn({ order, undo }: Waiting): Waiting[] {
    const touched = touchedBy(undo);
    return [...this.#waiting.values()]
      .filter((other) => other.order > order && [...touchedBy(other.undo)].some((thing) => touched.has(thing)))
      .sort((a, b) => b.order - a.order);
  }

  async #undo(waiting: Waiting): Promise<void> {
    const { clock } = this.#options;
    await this.#options.revert(movedUndo(waiting.undo, stepSince(waiting, readClock(clock))), {
      documents: [{ kind, id: waiting.id, body: null }],
      audit: [undone(waiting, clock.wall())],
    });
    this.#forget(waiting.id);
    this.#options.onUndone(waiting, undefined);
  }

  /** Undoes a change that nobody has confirmed. What fails is tried again until it doesn't. */
  async #expire(id: string): Promise<void> {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    try {
      await this.#options.alone(async () => {
        // It may have been confirmed, or flushed, while this waited for its turn.
        const due = this.#waiting.get(id);
        if (due === undefined) return;
        for (const later of this.#madeOn(due)) await this.#undo(later);
        await this.#undo(due);
      });
    } catch (error) {
      this.#options.onUndone(waiting, reasonOf(error));
      this.#setTimer(waiting, retry);
    }
  }
}

function readWaiting(body: string): Waiting {
  const { undo, ...rest } = JSON.parse(body) as Omit<Waiting, 'undo'> & { readonly undo: unknown };
  return { ...rest, undo: readUndo(undo) };
}

function documentOf(waiting: Waiting): DocumentWrite {
  const { id, undo } = waiting;
  return { kind, id, body: isNothing(undo) ? null : JSON.stringify({ ...waiting, undo: storedUndo(undo) }) };
}

function afterFlush({ undo: { whitelist }, ...waiting }: Waiting): Waiting {
  return { ...waiting, undo: { rules: [], ...(whitelist && { whitelist }) } };
}

/** What a flush without a daemon leaves of the changes that wait. @throws RfwError `store-failed` */
export async function flushedConfirmations(store: Pick<Store, 'documents'>): Promise<DocumentWrite[]> {
  const stored = await store.documents(kind);
  return [...stored.values()].map((body) => documentOf(afterFlush(readWaiting(String(body)))));
}

/** What the audit log says of a change that nobody confirmed. */
function undone({ id, by, deadline }: Confirmation, at: number): AuditEntry {
  return {
    ...{ at, principal: rfwItself, address: '', door: 'engine', requestId: '' },
    ...{ operation: 'confirmations.undo', target: id, result: 'undone' },
    ...{ before: { by, deadline: new Date(deadline).toISOString() }, after: null },
  };
}
