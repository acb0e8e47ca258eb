import { type Backend, type Change, hasRepaired, isEmpty, type Repair } from '../backends/backend.ts';
import { type Rule, ruleKey } from '../domain/rule.ts';
import { type Clock, type ClockReading, readClock } from './clock.ts';
import { decide, type Protection } from './decide.ts';
import { eventOf, type WriterEvent } from './events.ts';
import type { ExpiryQueue } from './expiry.ts';
import { Journal } from './journal.ts';
import { asRfwError, type Decided, isRefusal, type Pending, rejectAll } from './pending.ts';
import { type Flushed, type Plan, planProtection } from './plan.ts';
import { degradedError, enforced, guardsOf, isDrift, nothingWanted, Reconciler } from './reconcile.ts';
import { Draft, RuleSet } from './ruleset.ts';
import type { Mutation, Store, StoredState } from './store/store.ts';

const nothing = { add: [], remove: [] };

/** Milliseconds before what is owed to the disk is tried again. */
const owedRetry = 1000;

export interface WriterOptions {
  readonly backend: Backend;
  readonly store: Store;
  readonly clock: Clock;
  readonly protection: Protection;
  /** Kept in step with the rules that stand. */
  readonly expiries: ExpiryQueue;
  readonly onEvent: (event: WriterEvent) => void;
}

/**
 * The one writer: takes kernel, store and memory together from one state to the next. Its methods must not run at the same
 * time; the engine's queue sees to that.
 */
export class Writer {
  readonly #backend: Backend;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #expiries: ExpiryQueue;
  readonly #onEvent: (event: WriterEvent) => void;
  readonly #reconciler: Reconciler;
  readonly #journal: Journal;
  #rules = new RuleSet();
  #protection: Protection;
  /** Whether nothing is to be in the kernel, no guard either, until there is a rule again or another protection. */
  #flushed = false;
  #seq = 0;

  constructor(options: WriterOptions) {
    this.#backend = options.backend;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#expiries = options.expiries;
    this.#onEvent = options.onEvent;
    this.#protection = options.protection;
    this.#reconciler = new Reconciler(options.backend);
    this.#journal = new Journal(options.store);
  }

  /** Reads what is stored. @throws RfwError `store-failed` */
  async load(): Promise<StoredState> {
    const state = await this.#store.load();
    const { rules, lastSeq, intended, guard } = state;
    this.#rules = new RuleSet(rules);
    this.#seq = lastSeq;
    this.#reconciler.expect(intended);
    this.#reconciler.expect({ guards: guard === null ? [] : [guard] });
    return state;
  }

  /** How many rules stand. */
  get size(): number {
    return this.#rules.size;
  }

  /** Why the kernel doesn't hold what it should; undefined when it does. */
  get degraded(): string | undefined {
    return this.#reconciler.degraded;
  }

  /** Milliseconds to wait before another try to recover, or to store what is owed; undefined when there is no need. */
  get retryDelay(): number | undefined {
    if (this.degraded !== undefined) return this.#reconciler.retryDelay;
    return this.#journal.owes ? owedRetry : undefined;
  }

  /** Brings all commands to their effect, or to an error each. While the kernel can't be recovered none has any. */
  async write(batch: readonly Pending[]): Promise<void> {
    if (this.degraded !== undefined) this.#reportDrift(await this.#restore());
    if (this.degraded === undefined) await this.#commit(batch, true);
    else rejectAll(batch, degradedError(this.degraded));
    // The record of anything forgets the note of what may be left in the kernel: not before that is out.
    if (batch.length === 0 && this.degraded === undefined) await this.#journal.settle();
  }

  /**
   * Decides, applies, appends and answers. When the kernel refuses, it is brought back to what it should hold. If that
   * found drift, the same batch is tried once more; otherwise each command alone, so that one that is refused
   * never fails its neighbours.
   */
  async #commit(batch: readonly Pending[], mayRetry: boolean): Promise<void> {
    const { draft, decided } = this.#decide(batch);
    const waiting = decided.map(({ pending }) => pending);
    const change = draft.change();
    if (!isEmpty(change)) {
      try {
        if (this.#flushed && change.add.length > 0) await this.protect(this.#protection);
        await this.#note(change);
      } catch (error) {
        return rejectAll(waiting, error);
      }
      try {
        await this.#backend.apply(change);
      } catch (error) {
        return this.#refused(waiting, change.add, error, mayRetry);
      }
      try {
        await this.#append(draft);
      } catch (error) {
        return this.#unstored(decided, change.add, error);
      }
    }
    this.#answer(decided);
  }

  #answer(decided: readonly Decided[]): void {
    for (const { pending, outcome } of decided) {
      // First the answer: what is done is done, whatever becomes of those who only listen.
      pending.resolve(outcome);
      const event = eventOf(pending.command, outcome);
      if (event !== undefined) this.#onEvent(event);
    }
  }

  /**
   * Takes back what the disk didn't take, but for expiries: those are on disk as instants, a restart honours them, and a
   * rule whose time is up must not come back. Their deletion is owed.
   */
  async #unstored(decided: readonly Decided[], added: readonly Rule[], error: unknown): Promise<void> {
    const ended = decided.filter(({ outcome }) => outcome.status === 'expired');
    const others = decided.filter(({ outcome }) => outcome.status !== 'expired');
    const draft = new Draft(this.#rules);
    for (const { outcome } of ended) if (outcome.status === 'expired') draft.remove(outcome.rule);
    this.#journal.owe(draft.mutations());
    this.#rules.commit(draft);
    this.#answer(ended);
    if (others.length === 0) return;
    this.#reconciler.expect({ rules: added });
    if ((await this.#restore()) !== undefined) await this.#note(nothing);
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
    if (!isRefusal(error)) this.#reconciler.expect({ rules: added });
    const repair = await this.#restore();
    this.#reportDrift(repair);
    if (repair === undefined) return rejectAll(waiting, error);
    if (mayRetry && hasRepaired(repair)) return this.#commit(waiting, false);
    await this.#note(nothing);
    if (waiting.length === 1) return rejectAll(waiting, error);
    for (const pending of waiting) {
      if (this.degraded === undefined) await this.#commit([pending], false);
      else rejectAll([pending], degradedError(this.degraded));
    }
  }

  /** Notes a change before it is made; what was refused is forgotten by the note of nothing. */
  async #note({ add, remove }: Pick<Change, 'add' | 'remove'>): Promise<void> {
    if (add.length > 0) await this.#journal.intend({ add, remove }, this.#reconciler.strays);
    else await this.#journal.release(remove, this.#reconciler.strays);
  }

  #decide(batch: readonly Pending[]): { draft: Draft; decided: Decided[] } {
    const draft = new Draft(this.#rules);
    const now = this.#clock.wall();
    const circumstances = { now, whitelist: this.#protection.whitelist, nextSeq: () => ++this.#seq };
    const decided: Decided[] = [];
    for (const pending of batch) {
      try {
        decided.push({ pending, outcome: decide(draft, pending.command, circumstances) });
      } catch (error) {
        pending.reject(asRfwError(error));
      }
    }
    return { draft, decided };
  }

  async #append(draft: Draft): Promise<void> {
    const mutations = draft.mutations();
    if (mutations.length === 0) return;
    await this.#journal.append(mutations);
    this.#rules.commit(draft);
    for (const { kind, rule } of mutations) if (kind !== 'delete') this.#expiries.add(rule);
    // Rules that went or got another expiry have left entries behind.
    if (this.#expiries.size > 2 * this.#rules.size + 1000) this.#expiries.rebuild(this.#rules.all());
  }

  /**
   * Brings the kernel to the rules that were loaded, but for those that are over or conflict with the whitelist. When that
   * fails nothing is brought back: what stood before this run isn't known.
   */
  async begin(): Promise<Repair> {
    const plan = this.#plan(this.#protection);
    const repair = await this.#bring(plan);
    this.#adopt(plan);
    return repair;
  }

  /** Brings the kernel to another protection. On failure the former one is back. @returns the rules that conflict with it */
  async protect(protection: Protection): Promise<readonly Rule[]> {
    const plan = this.#plan(protection);
    let repair: Repair;
    try {
      repair = await this.#bring(plan);
    } catch (error) {
      this.#reconciler.expect({ guards: guardsOf(protection) });
      await this.#restore();
      throw error;
    }
    this.#adopt(plan);
    if (repair.missing.length + repair.moved > 0) this.#onEvent({ kind: 'drift', repair });
    return plan.displaced;
  }

  /**
   * Takes everything out of the kernel, guard and whitelist too, and all rules out of the store. On failure all is as it was.
   */
  async flush(): Promise<Flushed> {
    const rules = this.#rules.all();
    const deletions = rules.map((rule): Mutation => ({ kind: 'delete', rule }));
    this.#reconciler.expect({ rules, guards: guardsOf(this.#protection) });
    let removed: readonly string[];
    try {
      removed = await this.#watched(() => this.#reconciler.clear());
      await this.#journal.append(deletions, null);
    } catch (error) {
      await this.#restore();
      throw error;
    }
    this.#flushed = true;
    this.#rules = new RuleSet();
    this.#expiries.rebuild([]);
    this.#onEvent({ kind: 'flushed', rules: rules.length });
    return { removed, rules: rules.length, guard: this.#protection.guard };
  }

  #plan(protection: Protection): Plan {
    return planProtection(this.#rules, protection, this.#clock.wall());
  }

  /** Enforces and stores a plan. */
  async #bring({ protection, expired, displaced, remaining, mutations }: Plan): Promise<Repair> {
    this.#reconciler.expect({ rules: [...expired, ...displaced], guards: guardsOf(this.#protection) });
    const { rules, guards } = this.#reconciler.strays;
    const leftovers = { rules, guards: [...guards, ...guardsOf(protection)] };
    await this.#journal.intend({ add: [], remove: [...expired, ...displaced] }, leftovers);
    const repair = await this.#watched(() =>
      this.#reconciler.bring({ rules: remaining.all(), ...enforced(protection) }),
    );
    await this.#journal.append(mutations, protection.guard);
    return repair;
  }

  #adopt({ protection, expired, displaced, remaining }: Plan): void {
    this.#protection = protection;
    this.#flushed = false;
    this.#rules = remaining;
    this.#expiries.rebuild(remaining.all());
    for (const rule of expired) this.#onEvent({ kind: 'expired', rule });
    for (const rule of displaced) this.#onEvent({ kind: 'displaced', rule });
  }

  /** Brings the kernel back to the rules that stand; undefined when it can't be. */
  #restore(): Promise<Repair | undefined> {
    const standing = { rules: this.#rules.all(), ...enforced(this.#protection) };
    return this.#watched(() => this.#reconciler.restore(this.#flushed ? nothingWanted : standing));
  }

  /** Brings the kernel back if it doesn't hold the rules that stand any more. @returns whether it did hold them */
  async mend(): Promise<boolean> {
    if (this.#flushed) return true;
    const intact = await this.#reconciler.holds({ rules: this.#rules.all(), ...enforced(this.#protection) });
    if (!intact) this.#reportDrift(await this.#restore());
    return intact;
  }

  /** Says so when something brings the engine out of order or back into it. */
  async #watched<T>(reconcile: () => Promise<T>): Promise<T> {
    const before = this.degraded;
    try {
      return await reconcile();
    } finally {
      const after = this.degraded;
      if (after !== undefined && before === undefined) this.#onEvent({ kind: 'degraded', reason: after });
      if (after === undefined && before !== undefined) this.#onEvent({ kind: 'recovered' });
    }
  }

  #reportDrift(repair: Repair | undefined): void {
    if (repair !== undefined && isDrift(repair)) this.#onEvent({ kind: 'drift', repair });
  }

  /** Notes the expiry of a rule that wasn't due after all, unless it is gone. */
  noteExpiry(rule: Rule): void {
    const standing = this.#rules.get(ruleKey(rule));
    if (standing?.seq === rule.seq) this.#expiries.add(standing);
  }

  /** Moves the expiries by as much as the wall clock was set, and stores how the clocks stand now. */
  async moveExpiries(milliseconds: number): Promise<ClockReading> {
    const reading = readClock(this.#clock);
    await this.#journal.moveExpiries(milliseconds, reading);
    this.#rules.moveExpiries(milliseconds);
    this.#expiries.rebuild(this.#rules.all());
    return reading;
  }
}
