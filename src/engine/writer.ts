import { type Backend, type Change, hasRepaired, isEmpty, nothingRepaired } from '../backends/backend.ts';
import { RfwError } from '../domain/errors.ts';
import type { Rule } from '../domain/rule.ts';
import type { AuditEntry } from './audit.ts';
import type { RecordedChange } from './changes.ts';
import type { Clock } from './clock.ts';
import { type Circumstances, decideAll, type Result } from './decide.ts';
import { Draft } from './draft.ts';
import { changesOf, eventsOf, type WriterEvent } from './events.ts';
import { type Entry, Journal } from './journal.ts';
import { ListWriter } from './list-writer.ts';
import { loadLists } from './lists.ts';
import { type Decided, type Group, halves, isRefusal, type Pending, partsOf, rejectAll } from './pending.ts';
import { degradedError } from './reconcile.ts';
import type { RuleStep } from './rule-step.ts';
import { Standing, type StandingOptions } from './standing.ts';
import type { DocumentWrite, Mutation, Store, StoredState } from './store/store.ts';
import { isGone } from './undo.ts';

const nothing = { add: [], remove: [] };
const noChange: Change = { add: [], remove: [], refresh: [], renew: [] };

/** Milliseconds before what is owed to the disk is tried again. */
const owedRetry = 1000;

export interface WriterOptions extends StandingOptions {
  readonly store: Store;
  /** Called whenever recorded changes are on disk. */
  readonly onRecorded: () => void;
}

/**
 * The one writer: takes kernel, store and memory together from one state to the next. Its methods, and those of what stands,
 * must not run at the same time; the engine's queue sees to that.
 */
export class Writer {
  readonly standing: Standing;
  readonly lists: ListWriter;
  readonly #backend: Backend;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #onEvent: (event: WriterEvent) => void;
  readonly #journal: Journal;
  #seq = 0;

  constructor(options: WriterOptions) {
    this.#backend = options.backend;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#onEvent = options.onEvent;
    this.#journal = new Journal(options.store, () => options.clock.wall(), options.onRecorded);
    this.standing = new Standing(options, this.#journal);
    this.lists = new ListWriter(options, this.standing, this.#journal);
  }

  /** Reads what is stored. @throws RfwError `store-failed` */
  async load(): Promise<StoredState> {
    const state = await this.#store.load();
    this.standing.load(state, await loadLists(this.#store));
    this.#seq = state.lastSeq;
    this.#journal.continueFrom(state.lastChange);
    return state;
  }

  /** Why the kernel doesn't hold what it should; undefined when it does. */
  get degraded(): string | undefined {
    return this.standing.reconciler.degraded;
  }

  /** The number of the last recorded change. */
  get lastChange(): number {
    return this.#journal.lastChange;
  }

  /** Milliseconds to wait before another try to recover, or to store what is owed; undefined when there is no need. */
  get retryDelay(): number | undefined {
    if (this.degraded !== undefined) return this.standing.reconciler.retryDelay;
    return this.#journal.owes ? owedRetry : undefined;
  }

  /** Brings all commands to their effect, or to an error each. While the kernel can't be recovered none has any. */
  async write(batch: readonly Pending[]): Promise<void> {
    if (this.degraded !== undefined) this.standing.reportDrift(await this.standing.restore());
    if (this.degraded === undefined) await this.#commit(batch, true);
    else rejectAll(batch, degradedError(this.degraded));
    // The record of anything forgets the note of what may be left in the kernel: not before that is out.
    if (batch.length === 0 && this.degraded === undefined) await this.#journal.settle();
  }

  /**
   * Decides, applies, appends and answers. When the kernel refuses, it is brought back to what it should hold. If that
   * found drift, the same batch is tried once more; otherwise in halves, so that a command that is refused never fails
   * its neighbours.
   */
  async #commit(batch: readonly Pending[], mayRetry: boolean): Promise<void> {
    const { draft, decided } = this.#decide(batch);
    const waiting = decided.map(({ pending }) => pending);
    const mutations = draft.mutations();
    const change = draft.change(mutations);
    if (!isEmpty(change)) {
      try {
        if (this.standing.flushed && change.add.length > 0) await this.standing.protect(this.standing.protection);
        await this.#note(change);
      } catch (error) {
        return rejectAll(waiting, error);
      }
      const [first, second] = this.#inTwo(change);
      try {
        await this.#backend.apply(first);
      } catch (error) {
        return this.#refused(waiting, change.add, error, mayRetry);
      }
      try {
        await this.#append(mutations, entryOf(decided));
      } catch (error) {
        return this.#unstored(decided, change.add, error);
      }
      if (!isEmpty(second)) await this.#shorten(second);
    } else {
      try {
        await this.#append(mutations, entryOf(decided));
      } catch (error) {
        return rejectAll(waiting, error);
      }
    }
    this.#answer(decided);
  }

  /**
   * What goes to the kernel before the disk, and after it. A kernel that ends rules by itself learns of an end that comes
   * sooner only when that is on disk: it would keep it although the disk refuses. One that comes later does no harm, since
   * the engine ends the rule on time.
   */
  #inTwo(change: Change): readonly [Change, Change] {
    if (!this.#backend.marksItsOwn) return [change, noChange];
    const sooner = (rule: Rule): boolean => {
      const before = this.standing.rules.get(rule)?.expiresAt ?? Number.POSITIVE_INFINITY;
      return (rule.expiresAt ?? Number.POSITIVE_INFINITY) < before;
    };
    const shorter = change.renew.filter(sooner);
    const renew = change.renew.filter((rule) => !sooner(rule));
    return [
      { ...change, refresh: [...change.refresh, ...shorter], renew },
      { ...noChange, renew: shorter },
    ];
  }

  /** Has the kernel end rules sooner by itself, should the engine not come to it. They are stored already. */
  async #shorten(change: Change): Promise<void> {
    try {
      await this.#backend.apply(change);
    } catch {
      this.standing.reportDrift(await this.standing.restore());
    }
  }

  #decide(batch: readonly Pending[]): { draft: Draft; decided: Decided[] } {
    const draft = new Draft(this.standing.rules);
    const circumstances = this.#circumstances(() => ++this.#seq);
    const decided: Decided[] = [];
    for (const pending of batch) {
      const results = decideAll(draft, pending.commands, pending.atomic, circumstances);
      // What has nothing to wait for is answered at once.
      if (pending.record === undefined && results.every(isError)) pending.resolve(results);
      else decided.push({ pending, results, changes: changesOf(pending.commands, results) });
    }
    return { draft, decided };
  }

  /** What would become of commands if they were written now. Changes nothing. */
  preview({ commands, atomic }: Group): Result[] {
    let seq = this.#seq;
    const circumstances = this.#circumstances(() => ++seq);
    return decideAll(new Draft(this.standing.rules), commands, atomic, circumstances);
  }

  /** Takes a change of rules back. @throws RfwError when not all of it could be; it can be tried again */
  async revert(steps: readonly RuleStep[]): Promise<void> {
    const commands = steps
      .filter(({ after }) => after !== undefined)
      .map((step) => ({ kind: 'revert', step }) as const);
    const results = await new Promise<readonly Result[]>((resolve, reject) => {
      void this.write([{ commands, atomic: false, resolve, reject }]);
    });
    const failure = results.find((result) => result instanceof RfwError);
    if (failure !== undefined) throw failure;
    await this.standing.reinsert(steps.flatMap((step) => (isGone(step) ? (step.before ?? []) : [])));
  }

  /** Stores, beside nothing. @throws RfwError `store-failed` */
  async record(entry: Entry): Promise<void> {
    // The record of anything forgets the note of what may be left in the kernel: not before that is out.
    if (this.degraded !== undefined) this.standing.reportDrift(await this.standing.restore());
    if (this.degraded !== undefined) throw degradedError(this.degraded);
    await this.#journal.append([], entry);
  }

  #circumstances(nextSeq: () => number): Circumstances {
    return { now: this.#clock.wall(), whitelist: this.standing.protection.whitelist, nextSeq };
  }

  /**
   * Notes a change before it is made, where the kernel doesn't tell what is rfw's; what was refused is forgotten by the note
   * of nothing.
   */
  async #note({ add, remove }: Pick<Change, 'add' | 'remove'>): Promise<void> {
    if (this.#backend.marksItsOwn) return;
    if (add.length > 0) await this.#journal.intend({ add, remove }, this.standing.reconciler.strays);
    else await this.#journal.release(remove, this.standing.reconciler.strays);
  }

  async #append(mutations: readonly Mutation[], entry: Entry): Promise<void> {
    if (mutations.length === 0 && entry.documents?.length === 0 && entry.audit?.length === 0) return;
    await this.#journal.append(mutations, entry);
    this.standing.commit(mutations);
  }

  #answer(decided: readonly Decided[]): void {
    for (const { pending, results, changes } of decided) {
      // First the answer: what is done is done, whatever becomes of those who only listen.
      pending.resolve(results);
      for (const event of eventsOf(changes)) this.#onEvent(event);
    }
  }

  /**
   * Takes back what the disk didn't take, but for expiries: those are on disk as instants, a restart honours them, and a
   * rule whose time is up must not come back. Their deletion is owed.
   */
  async #unstored(decided: readonly Decided[], added: readonly Rule[], error: unknown): Promise<void> {
    const isExpiry = ({ pending }: Decided): boolean => pending.commands[0]?.kind === 'expire';
    const ended = decided.filter(isExpiry);
    const others = decided.filter((one) => !isExpiry(one));
    const draft = new Draft(this.standing.rules);
    const changes = ended.flatMap((one) => one.changes);
    for (const { rule } of changes) draft.remove(rule);
    const deletions = draft.mutations();
    this.#journal.owe(deletions, changes);
    this.standing.commit(deletions);
    this.#answer(ended);
    if (others.length === 0) return;
    this.standing.reconciler.expect({ rules: added });
    if ((await this.standing.restore()) !== undefined) await this.#note(nothing);
    rejectAll(
      others.map(({ pending }) => pending),
      error,
    );
  }

  async #refused(
    waiting: readonly Pending[],
    added: readonly Rule[],
    error: unknown,
    mayRetry: boolean,
  ): Promise<void> {
    // A refusal changed nothing. After anything else the rules may be in the kernel all the same.
    if (!isRefusal(error)) this.standing.reconciler.expect({ rules: added });
    const untouched = isRefusal(error) && this.#backend.marksItsOwn && (await this.standing.holds());
    const repair = untouched ? nothingRepaired : await this.standing.restore();
    this.standing.reportDrift(repair);
    if (repair === undefined) return rejectAll(waiting, error);
    if (mayRetry && hasRepaired(repair)) return this.#commit(waiting, false);
    await this.#note(nothing);
    if (waiting.reduce((parts, pending) => parts + partsOf(pending), 0) <= 1) return rejectAll(waiting, error);
    for (const half of halves(waiting)) {
      if (this.degraded === undefined) await this.#commit(half, false);
      else rejectAll(half, degradedError(this.degraded));
    }
  }
}

/** What is recorded of commands that have been decided. */
function entryOf(decided: readonly Decided[]): Entry {
  const documents: DocumentWrite[] = [];
  const audit: AuditEntry[] = [];
  const changes: RecordedChange[] = [];
  for (const { pending, results, changes: some } of decided) {
    for (const change of some) changes.push(change);
    const recording = pending.record?.(results);
    for (const document of recording?.documents ?? []) documents.push(document);
    for (const entry of recording?.audit ?? []) audit.push(entry);
  }
  return { changes, documents, audit };
}

function isError(result: Result): boolean {
  return result instanceof RfwError;
}
