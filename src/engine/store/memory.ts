import { RfwError } from '../../domain/errors.ts';
import type { PortGuard } from '../../domain/guard.ts';
import type { Rule } from '../../domain/rule.ts';
import type { ClockReading } from '../clock.ts';
import type { Holder } from './holder.ts';
import type { Intention, Mutation, Store, StoredState } from './store.ts';

const nothing: Intention = { rules: [], guards: [], removed: [] };

/** A store that keeps its promises for as long as the object lives. */
export class MemoryStore implements Store {
  #rules = new Map<number, Rule>();
  #intended: Intention = nothing;
  #guard: PortGuard | null = null;
  #lastSeq = 0;
  #clock: ClockReading | undefined;
  #holders: readonly Holder[] = [];
  #closed = false;

  async load(): Promise<StoredState> {
    return {
      rules: [...this.#rules.values()].sort((a, b) => a.seq - b.seq),
      guard: this.#guard,
      intended: this.#intended,
      lastSeq: this.#lastSeq,
      clock: this.#clock,
    };
  }

  async intend(intention: Intention): Promise<void> {
    this.#requireOpen();
    this.#intended = intention;
  }

  async append(mutations: readonly Mutation[], guard?: PortGuard | null): Promise<void> {
    this.#requireOpen();
    for (const { kind, rule } of mutations) {
      if (kind === 'delete') this.#rules.delete(rule.seq);
      else this.#rules.set(rule.seq, rule);
      this.#lastSeq = Math.max(this.#lastSeq, rule.seq);
    }
    if (guard !== undefined) this.#guard = guard;
    this.#intended = nothing;
  }

  async clear(): Promise<void> {
    this.#requireOpen();
    this.#rules.clear();
    this.#guard = null;
    this.#intended = nothing;
  }

  async moveExpiries(milliseconds: number, clock: ClockReading): Promise<void> {
    this.#requireOpen();
    for (const rule of this.#rules.values()) {
      if (rule.expiresAt === null) continue;
      this.#rules.set(rule.seq, { ...rule, expiresAt: rule.expiresAt + milliseconds });
    }
    this.#clock = clock;
  }

  async holders(): Promise<readonly Holder[]> {
    return this.#holders;
  }

  async setHolders(holders: readonly Holder[]): Promise<void> {
    this.#requireOpen();
    this.#holders = holders;
  }

  async close(_snapshot?: unknown): Promise<void> {
    this.#closed = true;
  }

  #requireOpen(): void {
    if (this.#closed) throw new RfwError('store-failed', 'The store is closed');
  }
}
