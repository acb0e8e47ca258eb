import { reasonOf } from '../domain/errors.ts';
import type { AuditEntry } from './audit.ts';
import { rfwItself } from './changes.ts';
import type { Clock } from './clock.ts';
import type { Group, Recording } from './pending.ts';
import type { Store } from './store/store.ts';
import { isNothing, readUndo, storedUndo, type Undo, undoOf } from './undo.ts';

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
    for (const [id, body] of await this.#options.store.documents(kind)) {
      const { undo, ...rest } = JSON.parse(String(body)) as Omit<Waiting, 'undo'> & { undo: unknown };
      this.#waiting.set(id, { ...rest, undo: readUndo(undo) });
    }
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
      bootId: clock.bootId,
      undo,
    };
    this.#waiting.set(id, waiting);
    const body = JSON.stringify({ ...waiting, undo: storedUndo(undo) });
    return { ...recording, documents: [...(recording.documents ?? []), { kind, id, body }] };
  }

  /** Makes a change, and begins to wait for its confirmation when it is made. */
  async around<T>(request: ConfirmRequest | undefined, change: () => Promise<T>): Promise<T> {
    if (request === undefined) return change();
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

  /** Undoes a change that nobody has confirmed. What fails is tried again until it doesn't. */
  async #expire(id: string): Promise<void> {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    try {
      await this.#options.alone(async () => {
        // It may have been confirmed while this waited for its turn.
        if (!this.#waiting.has(id)) return;
        await this.#options.revert(waiting.undo, {
          documents: [{ kind, id, body: null }],
          audit: [undone(waiting, this.#options.clock.wall())],
        });
        this.#forget(id);
        this.#options.onUndone(waiting, undefined);
      });
    } catch (error) {
      this.#options.onUndone(waiting, reasonOf(error));
      this.#setTimer(waiting, retry);
    }
  }
}

/** What the audit log says of a change that nobody confirmed. */
function undone({ id, by, deadline }: Confirmation, at: number): AuditEntry {
  return {
    ...{ at, principal: rfwItself, address: '', door: 'engine', requestId: '' },
    ...{ operation: 'confirmations.undo', target: id, result: 'undone' },
    ...{ before: { by, deadline: new Date(deadline).toISOString() }, after: null },
  };
}
