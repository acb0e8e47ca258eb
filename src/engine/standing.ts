import { type Backend, nothingRepaired, type Repair } from '../backends/backend.ts';
import type { Rule } from '../domain/rule.ts';
import type { Whitelist } from '../domain/whitelist.ts';
import type { AuditEntry } from './audit.ts';
import { rfwItself } from './changes.ts';
import { type Clock, type ClockReading, readClock } from './clock.ts';
import { isOver, type Protection, protectionKey } from './decide.ts';
import type { WriterEvent } from './events.ts';
import type { ExpiryQueue } from './expiry.ts';
import type { Entry, Journal } from './journal.ts';
import { Lists, type StoredLists } from './lists.ts';
import { type Flushed, inOrder, type ListPlan, type Plan, planLists, planProtection, recordOf } from './plan.ts';
import { enforced, guardsOf, isDrift, nothingWanted, Reconciler, type Wanted } from './reconcile.ts';
import { RuleSet } from './ruleset.ts';
import type { Snapshot } from './snapshot.ts';
import type { DocumentWrite, Mutation, StoredState } from './store/store.ts';

/** What is recorded with another protection, by the rules that it displaces. */
export type EntryOf = (displaced: readonly Rule[]) => Entry;

export interface StandingOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly protection: Protection;
  /** Kept in step with the rules that stand. */
  readonly expiries: ExpiryQueue;
  readonly onEvent: (event: WriterEvent) => void;
}

/**
 * What should stand: the rules, the lists and what protects from them. Brings kernel and disk to it as a whole, at the start, for another
 * protection, and after whatever went wrong.
 */
export class Standing {
  readonly reconciler: Reconciler;
  readonly #backend: Backend;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #expiries: ExpiryQueue;
  readonly #onEvent: (event: WriterEvent) => void;
  #rules = new RuleSet();
  #lists = Lists.none;
  #protection: Protection;
  /** Whether nothing is to be in the kernel, no guard either, until there is a rule again or another protection. */
  #flushed = false;
  /** What the run before has handed over, until the start is done. */
  #snapshot: Snapshot | undefined;

  constructor({ backend, clock, protection, expiries, onEvent }: StandingOptions, journal: Journal) {
    this.reconciler = new Reconciler(backend);
    this.#backend = backend;
    this.#journal = journal;
    this.#clock = clock;
    this.#protection = protection;
    this.#expiries = expiries;
    this.#onEvent = onEvent;
  }

  get rules(): RuleSet {
    return this.#rules;
  }

  get lists(): Lists {
    return this.#lists;
  }

  get protection(): Protection {
    return this.#protection;
  }

  /** Whether nothing at all is to be in the kernel. */
  get flushed(): boolean {
    return this.#flushed;
  }

  /** Takes over what is stored. */
  load({ rules, intended, guard, snapshot }: StoredState, lists: StoredLists): void {
    // Only an engine of this version has handed it to the store.
    this.#snapshot = snapshot as Snapshot | undefined;
    this.#rules = this.#snapshot === undefined ? new RuleSet(rules) : RuleSet.from(this.#snapshot.rules);
    const sameCut = this.#snapshot?.protection === protectionKey(this.#protection);
    this.#lists = Lists.of(lists, this.#protection.whitelist, sameCut ? this.#snapshot?.lists : undefined);
    this.reconciler.expect(intended);
    this.reconciler.expect({ guards: guard === null ? [] : [guard] });
  }

  /** What the next run can go on from. */
  snapshot(): Snapshot | undefined {
    if (this.reconciler.degraded !== undefined || this.#flushed || this.#journal.owes) return undefined;
    return {
      rules: this.#rules.state(),
      lists: this.#lists.state(),
      memory: this.#backend.memory(),
      protection: protectionKey(this.#protection),
    };
  }

  /** Follows what kernel and disk have taken. */
  commit(mutations: readonly Mutation[]): void {
    this.#rules.commit(mutations);
    for (const { kind, rule } of mutations) if (kind !== 'delete') this.#expiries.add(rule);
    // Rules that went or got another expiry have left entries behind.
    if (this.#expiries.size > 2 * this.#rules.size + 1000) this.#expiries.rebuild(this.#rules);
  }

  /** Follows what kernel and disk have taken of lists. */
  commitLists(lists: Lists): void {
    this.#lists = lists;
  }

  /** Notes the expiry of a rule that wasn't due after all, unless it is gone. */
  noteExpiry(rule: Rule): void {
    const standing = this.#rules.get(rule);
    if (standing?.seq === rule.seq) this.#expiries.add(standing);
  }

  /** Moves the expiries by as much as the wall clock was set, and stores how the clocks stand now. */
  async moveExpiries(milliseconds: number): Promise<ClockReading> {
    const reading = readClock(this.#clock);
    const lists = this.#lists.moved(milliseconds);
    await this.#journal.moveExpiries(milliseconds, reading, milliseconds === 0 ? [] : lists.expiring);
    this.#lists = lists;
    this.#rules.moveExpiries(milliseconds);
    this.#expiries.rebuild(this.#rules);
    return reading;
  }

  /**
   * Brings the kernel to the rules and lists that were loaded, but for those that are over or conflict with the whitelist. When that
   * fails nothing is brought back: what stood before this run isn't known.
   */
  async begin(): Promise<Repair> {
    if (await this.#resume()) return nothingRepaired;
    const plan = this.#plan(this.#protection);
    const repair = await this.#bring(plan);
    this.#adopt(plan);
    return repair;
  }

  /** Goes on where the run before has stopped, when the kernel still holds just what that has left. */
  async #resume(): Promise<boolean> {
    const snapshot = this.#snapshot;
    this.#snapshot = undefined;
    if (snapshot?.memory === undefined || snapshot.protection !== protectionKey(this.#protection)) return false;
    const { remaining } = this.#lists.part(this.#clock.wall());
    const desired = { ...this.#wanted(), lists: remaining.enforced, stale: this.reconciler.strays };
    if (!(await this.#backend.resume(snapshot.memory, desired))) return false;
    this.#expiries.rebuild(this.#rules);
    return true;
  }

  /** The rules that another whitelist would displace. */
  conflicts(whitelist: Whitelist): readonly Rule[] {
    return planProtection(this.#rules, { ...this.#protection, whitelist }, this.#clock.wall()).displaced;
  }

  /**
   * Brings the kernel to another protection. On failure the former one is back.
   * @param entryOf what is recorded with that
   * @returns the rules that conflict with it
   */
  async protect(protection: Protection, entryOf: EntryOf = () => ({})): Promise<readonly Rule[]> {
    const plan = this.#plan(protection);
    let repair: Repair;
    try {
      repair = await this.#bring(plan, entryOf(plan.displaced));
    } catch (error) {
      this.reconciler.expect({ guards: guardsOf(protection) });
      await this.restore();
      throw error;
    }
    this.#adopt(plan);
    if (repair.missing.length + repair.moved > 0) this.#onEvent({ kind: 'drift', repair });
    return plan.displaced;
  }

  /**
   * Brings rules that are gone back to the places that they had in the order, but for those that can't be there any more. On
   * failure all is as it was.
   */
  async reinsert(rules: readonly Rule[]): Promise<void> {
    const { whitelist } = this.#protection;
    const now = this.#clock.wall();
    const wanted = rules.filter((rule) => !isOver(rule, now) && whitelist.conflict(rule) === undefined);
    const missing = wanted.filter((rule) => this.#rules.get(rule) === undefined).sort((a, b) => a.seq - b.seq);
    if (missing.length === 0) return;
    const all = new RuleSet(inOrder(this.#rules.all(), missing));
    try {
      if (!this.#backend.marksItsOwn) {
        await this.#journal.intend({ add: missing, remove: [] }, this.reconciler.strays);
      }
      await this.#watched(() => this.reconciler.bring({ ...this.#wanted(), rules: all.all() }));
      const changes = missing.map((rule) => ({ kind: 'created', rule, by: rfwItself }) as const);
      await this.#journal.append(
        missing.map((rule) => ({ kind: 'insert', rule })),
        { guard: this.#protection.guard, changes },
      );
    } catch (error) {
      this.reconciler.expect({ rules: missing });
      await this.restore();
      throw error;
    }
    this.#flushed = false;
    this.#rules = all;
    this.#expiries.rebuild(this.#rules);
    for (const rule of missing) this.#onEvent({ kind: 'created', rule, origin: rfwItself });
  }

  /**
   * Takes everything out of the kernel, guard and whitelist too, and all rules and lists out of the store. On failure all is as it was.
   */
  async flush(documents: readonly DocumentWrite[]): Promise<Flushed> {
    const { size } = this.#rules;
    const lists = this.#lists.size;
    if (!this.#backend.marksItsOwn) {
      this.reconciler.expect({ rules: [...this.#rules.all()], guards: guardsOf(this.#protection) });
    }
    let removed: readonly string[];
    try {
      removed = await this.#watched(() => this.reconciler.clear());
      const changes = [{ kind: 'flushed', rules: size, by: rfwItself } as const];
      const audit = [flushEntry(this.#clock.wall(), size, lists)];
      await this.#journal.clear({ changes, documents: [...this.#lists.deletions, ...documents], audit });
    } catch (error) {
      await this.restore();
      throw error;
    }
    this.#flushed = true;
    this.#rules = new RuleSet();
    this.#lists = this.#lists.emptied;
    this.#expiries.rebuild(this.#rules);
    this.#onEvent({ kind: 'flushed', rules: size, lists });
    return { removed, rules: size, lists, guard: this.#protection.guard };
  }

  /** Brings the kernel back to the rules and lists that stand; undefined when it can't be. */
  restore(): Promise<Repair | undefined> {
    return this.#watched(() => this.reconciler.restore(this.#flushed ? nothingWanted : this.#wanted()));
  }

  /** Brings the kernel to what stands, but with these lists. @throws RfwError; then nobody has brought it back yet */
  bringLists({ enforced: lists }: Lists): Promise<Repair> {
    return this.#watched(() => this.reconciler.bring({ ...this.#wanted(), lists }));
  }

  /** Whether the kernel holds the rules and lists that stand. */
  holds(): Promise<boolean> {
    return this.reconciler.holds(this.#wanted());
  }

  #wanted(): Wanted {
    return { rules: this.#rules.all(), ...enforced(this.#protection), lists: this.#lists.enforced };
  }

  /** Brings the kernel back if it doesn't hold the rules that stand any more. @returns whether it did hold them */
  async mend(): Promise<boolean> {
    if (this.#flushed) return true;
    const intact = await this.holds();
    if (!intact) this.reportDrift(await this.restore());
    return intact;
  }

  reportDrift(repair: Repair | undefined): void {
    if (repair !== undefined && isDrift(repair)) this.#onEvent({ kind: 'drift', repair });
  }

  #plan(protection: Protection): Plan & ListPlan {
    const now = this.#clock.wall();
    return { ...planProtection(this.#rules, protection, now), ...planLists(this.#lists, protection, now) };
  }

  /** Enforces and stores a plan. */
  async #bring(plan: Plan & ListPlan, entry: Entry = {}): Promise<Repair> {
    const { protection, expired, displaced, remaining, mutations, lists } = plan;
    this.reconciler.expect({ rules: [...expired, ...displaced], guards: guardsOf(this.#protection) });
    const { rules, guards } = this.reconciler.strays;
    const leftovers = { rules, guards: [...guards, ...guardsOf(protection)] };
    if (!this.#backend.marksItsOwn) {
      await this.#journal.intend({ add: [], remove: [...expired, ...displaced] }, leftovers);
    }
    const wanted = { rules: remaining, ...enforced(protection), lists: lists.enforced };
    const repair = await this.#watched(() => this.reconciler.bring(wanted));
    await this.#journal.append(mutations, recordOf(plan, entry));
    return repair;
  }

  #adopt({ protection, expired, displaced, mutations, lists, over }: Plan & ListPlan): void {
    this.#protection = protection;
    this.#lists = lists;
    this.#flushed = false;
    this.#rules.commit(mutations);
    this.#expiries.rebuild(this.#rules);
    for (const rule of expired) this.#onEvent({ kind: 'expired', rule });
    for (const rule of displaced) this.#onEvent({ kind: 'displaced', rule });
    for (const list of over) this.#onEvent({ kind: 'list-expired', list, origin: rfwItself });
  }

  /** Says so when something brings the engine out of order or back into it. */
  async #watched<T>(reconcile: () => Promise<T>): Promise<T> {
    const before = this.reconciler.degraded;
    try {
      return await reconcile();
    } finally {
      const after = this.reconciler.degraded;
      if (after !== undefined && before === undefined) this.#onEvent({ kind: 'degraded', reason: after });
      if (after === undefined && before !== undefined) this.#onEvent({ kind: 'recovered' });
    }
  }
}

/** A flush, for the audit log: whoever may use the control socket may do all. */
function flushEntry(at: number, rules: number, lists: number): AuditEntry {
  const whence = { at, principal: rfwItself, address: '', door: 'control', requestId: '' } as const;
  return { ...whence, operation: 'flush', target: '', before: { rules, lists }, after: null, result: 'deleted' };
}
