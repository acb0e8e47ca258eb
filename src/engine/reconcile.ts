import type { Backend, Leftovers, Repair } from '../backends/backend.ts';
import type { Prefix } from '../domain/address.ts';
import { RfwError, reasonOf } from '../domain/errors.ts';
import { guardKey, type PortGuard } from '../domain/guard.ts';
import type { EnforcedList } from '../domain/list.ts';
import { type Rule, type RuleKey, type RuleSpec, ruleKey } from '../domain/rule.ts';
import type { Protection } from './decide.ts';

/** What the kernel should hold. */
export interface Wanted {
  /** Oldest first. */
  readonly rules: Iterable<Rule>;
  readonly guard: PortGuard | null;
  readonly whitelist: readonly Prefix[];
  /** Met first come first. */
  readonly lists: readonly EnforcedList[];
}

/** After a flush. */
export const nothingWanted: Wanted = { rules: [], guard: null, whitelist: [], lists: [] };

/** What the kernel holds of a protection. */
export function enforced({ guard, whitelist }: Protection): Pick<Wanted, 'guard' | 'whitelist'> {
  return { guard, whitelist: whitelist.prefixes() };
}

export function guardsOf({ guard }: Protection): PortGuard[] {
  return guard === null ? [] : [guard];
}

/** Milliseconds before the first and at most before each further try to bring the kernel back. */
const backoff = { first: 250, most: 30_000 };

/**
 * Brings the kernel to what it should hold: at start, after a change that failed, and when drift is seen. There is
 * no other way of recovery. It remembers what may be left in the kernel until a reconcile has taken it out.
 */
export class Reconciler {
  readonly #backend: Backend;
  readonly #rules = new Map<RuleKey, RuleSpec>();
  readonly #guards = new Map<string, PortGuard>();
  #degraded: string | undefined;
  #failures = 0;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Why the kernel doesn't hold what it should; undefined when it does. */
  get degraded(): string | undefined {
    return this.#degraded;
  }

  /** Milliseconds to wait before the next try. */
  get retryDelay(): number {
    return Math.min(backoff.first * 2 ** Math.max(0, this.#failures - 1), backoff.most);
  }

  /** What may be in the kernel though nobody wants it. */
  get strays(): Leftovers {
    return { rules: [...this.#rules.values()], guards: [...this.#guards.values()] };
  }

  /** Notes what may be left in the kernel from now on. */
  expect(leftovers: Partial<Leftovers>): void {
    for (const spec of leftovers.rules ?? []) this.#rules.set(ruleKey(spec), spec);
    for (const guard of leftovers.guards ?? []) this.#guards.set(guardKey(guard), guard);
  }

  /**
   * Brings the kernel to what is wanted.
   * @throws RfwError when it refuses; what may be left in it stays noted
   */
  async bring(wanted: Wanted): Promise<Repair> {
    const repair = await this.#backend.replace({ ...wanted, stale: this.strays });
    this.#settle();
    return repair;
  }

  /**
   * Takes everything out of the kernel, also what may be left in it.
   * @returns for people, each thing that was taken out
   * @throws RfwError when the kernel refuses; what may be left in it stays noted
   */
  async clear(): Promise<readonly string[]> {
    const removed = await this.#backend.teardown(this.strays);
    this.#settle();
    return removed;
  }

  #settle(): void {
    this.#rules.clear();
    this.#guards.clear();
    this.#degraded = undefined;
    this.#failures = 0;
  }

  /** Whether the kernel holds what is wanted. One that can't be asked doesn't. */
  async holds(wanted: Wanted): Promise<boolean> {
    try {
      return await this.#backend.intact({ ...wanted, stale: this.strays });
    } catch {
      return false;
    }
  }

  /** As `bring`, but when the kernel refuses it stays as it is, degraded, until a later try succeeds. */
  async restore(wanted: Wanted): Promise<Repair | undefined> {
    try {
      return await this.bring(wanted);
    } catch (error) {
      this.#degraded = reasonOf(error);
      this.#failures++;
      return undefined;
    }
  }
}

/** The error for a caller whose command can't be done while the kernel can't be brought to what it should hold. */
export function degradedError(reason: string): RfwError {
  return new RfwError('kernel-unavailable', `The firewall can't be brought to its state: ${reason}`);
}

/** Whether a repair found that somebody else had changed rfw's rules. */
export function isDrift(repair: Repair): boolean {
  return repair.rebuilt || repair.missing.length + repair.moved + repair.guard + repair.lists > 0;
}
