import { type Backend, hasRepaired, isEmpty, type Repair } from '../backends/backend.ts';
import { RfwError, reasonOf } from '../domain/errors.ts';
import type { PortGuard } from '../domain/guard.ts';
import { type Rule, ruleKey } from '../domain/rule.ts';
import { type Clock, type ClockReading, readClock } from './clock.ts';
import { decide, type Outcome, type Protection, type RuleCommand } from './decide.ts';
import type { EngineEvent } from './events.ts';
import type { ExpiryQueue } from './expiry.ts';
import { type Plan, planProtection } from './plan.ts';
import { degradedError, isDrift, Reconciler } from './reconcile.ts';
import { Draft, RuleSet } from './ruleset.ts';
import type { Store } from './store/store.ts';

/** A command that waits for its effect. */
export interface Pending {
  readonly command: RuleCommand;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: RfwError) => void;
}

/** A command that has been decided. */
interface Decided {
  readonly pending: Pending;
  readonly outcome: Outcome;
}

export interface WriterOptions {
  readonly backend: Backend;
  readonly store: Store;
  readonly clock: Clock;
  readonly protection: Protection;
  /** Kept in step with the rules that stand. */
  readonly expiries: ExpiryQueue;
  readonly onEvent: (event: EngineEvent) => void;
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
  readonly #onEvent: (event: EngineEvent) => void;
  readonly #reconciler: Reconciler;
  #rules = new RuleSet();
  #protection: Protection;
  #seq = 0;

  constructor(options: WriterOptions) {
    this.#backend = options.backend;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#expiries = options.expiries;
    this.#onEvent = options.onEvent;
    this.#protection = options.protection;
    this.#reconciler = new Reconciler(options.backend);
  }

  /** Reads what is stored. @returns how the clocks stood then. @throws RfwError `store-failed` */
  async load(): Promise<ClockReading | undefined> {
    const { rules, lastSeq, intended, guard, clock } = await this.#store.load();
    this.#rules = new RuleSet(rules);
    this.#seq = lastSeq;
    this.#reconciler.expect(intended);
    this.#reconciler.expect({ guards: guard === null ? [] : [guard] });
    return clock;
  }

  /** How many rules stand. */
  get size(): number {
    return this.#rules.size;
  }

  /** Why the kernel doesn't hold what it should; undefined when it does. */
  get degraded(): string | undefined {
    return this.#reconciler.degraded;
  }

  /** Milliseconds to wait before another try to recover; undefined when there is no need. */
  get retryDelay(): number | undefined {
    return this.degraded === undefined ? undefined : this.#reconciler.retryDelay;
  }

  /** Brings all commands to their effect, or to an error each. While the kernel can't be recovered none has any. */
  async write(batch: readonly Pending[]): Promise<void> {
    if (this.degraded !== undefined) this.#reportDrift(await this.#restore());
    if (this.degraded === undefined) await this.#commit(batch, true);
    else rejectAll(batch, degradedError(this.degraded));
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
        if (change.add.length > 0) await this.#intend(change.add);
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
        this.#reconciler.expect({ rules: change.add });
        if ((await this.#restore()) !== undefined) await this.#forgetIntention();
        return rejectAll(waiting, error);
      }
    }
    for (const { pending, outcome } of decided) {
      this.#publish(pending.command, outcome);
      pending.resolve(outcome);
    }
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
    await this.#forgetIntention();
    if (waiting.length === 1) return rejectAll(waiting, error);
    for (const pending of waiting) {
      if (this.degraded === undefined) await this.#commit([pending], false);
      else rejectAll([pending], degradedError(this.degraded));
    }
  }

  /** What was refused isn't in the kernel: an equal rule that is there later is somebody else's. */
  async #forgetIntention(): Promise<void> {
    try {
      await this.#intend([]);
    } catch {
      // A disk that takes nothing: the next note takes the place of this one.
    }
  }

  #intend(added: readonly Rule[]): Promise<void> {
    const { strayRules, strayGuards } = this.#reconciler;
    return this.#store.intend({ rules: [...strayRules, ...added], guards: strayGuards });
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
    await this.#store.append(mutations);
    this.#rules.commit(draft);
    for (const { kind, rule } of mutations) if (kind !== 'delete') this.#expiries.add(rule);
    // Rules that went or got another expiry have left entries behind.
    if (this.#expiries.size > 2 * this.#rules.size + 1000) this.#expiries.rebuild(this.#rules.all());
  }

  #publish(command: RuleCommand, outcome: Outcome): void {
    if (outcome.status === 'expired') {
      this.#onEvent({ kind: 'expired', rule: outcome.rule });
    } else if (
      command.kind !== 'expire' &&
      'rule' in outcome &&
      outcome.status !== 'exists' &&
      outcome.status !== 'not-due'
    ) {
      this.#onEvent({ kind: outcome.status, rule: outcome.rule, origin: command.origin });
    }
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

  #plan(protection: Protection): Plan {
    return planProtection(this.#rules, protection, this.#clock.wall());
  }

  /** Enforces and stores a plan. */
  async #bring({ protection, expired, displaced, remaining, mutations }: Plan): Promise<Repair> {
    this.#reconciler.expect({ rules: [...expired, ...displaced], guards: guardsOf(this.#protection) });
    const { strayRules, strayGuards } = this.#reconciler;
    await this.#store.intend({ rules: strayRules, guards: [...strayGuards, ...guardsOf(protection)] });
    const repair = await this.#watched(() =>
      this.#reconciler.bring({ rules: remaining.all(), guard: protection.guard }),
    );
    await this.#store.append(mutations, protection.guard);
    return repair;
  }

  #adopt({ protection, expired, displaced, remaining }: Plan): void {
    this.#protection = protection;
    this.#rules = remaining;
    this.#expiries.rebuild(remaining.all());
    for (const rule of expired) this.#onEvent({ kind: 'expired', rule });
    for (const rule of displaced) this.#onEvent({ kind: 'displaced', rule });
  }

  /** Brings the kernel back to the rules that stand; undefined when it can't be. */
  #restore(): Promise<Repair | undefined> {
    return this.#watched(() => this.#reconciler.restore({ rules: this.#rules.all(), guard: this.#protection.guard }));
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

  /** Notes the expiry of a rule that wasn't due after all, unless it is gone or has another one. */
  noteExpiry(rule: Rule): void {
    const standing = this.#rules.get(ruleKey(rule));
    if (standing?.seq === rule.seq && standing.expiresAt === rule.expiresAt) this.#expiries.add(standing);
  }

  /** Moves the expiries by as much as the wall clock was set, and stores how the clocks stand now. */
  async moveExpiries(milliseconds: number): Promise<ClockReading> {
    const reading = readClock(this.#clock);
    await this.#store.moveExpiries(milliseconds, reading);
    this.#rules.moveExpiries(milliseconds);
    this.#expiries.rebuild(this.#rules.all());
    return reading;
  }
}

function guardsOf(protection: Protection): PortGuard[] {
  return protection.guard === null ? [] : [protection.guard];
}

export function rejectAll(batch: readonly Pending[], error: unknown): void {
  for (const pending of batch) pending.reject(asRfwError(error));
}

function isRefusal(error: unknown): boolean {
  return error instanceof RfwError && (error.code === 'kernel-refused' || error.code === 'unsupported');
}

/** Whatever was thrown as an error of the domain. */
export function asRfwError(error: unknown): RfwError {
  return error instanceof RfwError ? error : new RfwError('kernel-unavailable', reasonOf(error), { cause: error });
}
