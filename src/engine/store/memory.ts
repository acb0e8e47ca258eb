import { RfwError } from '../../domain/errors.ts';
import type { PortGuard } from '../../domain/guard.ts';
import type { Rule } from '../../domain/rule.ts';
import { type AuditQuery, type AuditRecord, chainHash, entryText, genesis } from '../audit.ts';
import type { ChangePage, NumberedChange } from '../changes.ts';
import type { ClockReading } from '../clock.ts';
import type { Holder } from './holder.ts';
import type { Beside, DocumentWrite, Intention, Mutation, Store, StoredState } from './store.ts';

const nothing: Intention = { rules: [], guards: [], removed: [] };

/** A store that keeps its promises for as long as the object lives. */
export class MemoryStore implements Store {
  #rules = new Map<number, Rule>();
  #intended: Intention = nothing;
  #guard: PortGuard | null = null;
  #lastSeq = 0;
  #clock: ClockReading | undefined;
  #holders: readonly Holder[] = [];
  readonly #changes: NumberedChange[] = [];
  readonly #audit: AuditRecord[] = [];
  readonly #documents = new Map<string, Map<string, string | Uint8Array>>();
  #closed = false;

  async load(): Promise<StoredState> {
    return {
      rules: [...this.#rules.values()].sort((a, b) => a.seq - b.seq),
      guard: this.#guard,
      intended: this.#intended,
      lastSeq: this.#lastSeq,
      lastChange: this.#changes.length,
      clock: this.#clock,
    };
  }

  async intend(intention: Intention): Promise<void> {
    this.#requireOpen();
    this.#intended = intention;
  }

  async append(mutations: readonly Mutation[], beside: Beside = {}): Promise<void> {
    this.#requireOpen();
    for (const { kind, rule } of mutations) {
      if (kind === 'delete') this.#rules.delete(rule.seq);
      else this.#rules.set(rule.seq, rule);
      this.#lastSeq = Math.max(this.#lastSeq, rule.seq);
    }
    this.#intended = nothing;
    this.#keep(beside);
  }

  async clear(beside: Beside = {}): Promise<void> {
    this.#requireOpen();
    this.#rules.clear();
    this.#intended = nothing;
    this.#keep({ guard: null, ...beside });
  }

  async changes(after: number, limit: number): Promise<ChangePage> {
    return { changes: this.#changes.slice(after, after + limit), oldest: 1, last: this.#changes.length };
  }

  async documents(kind: string): Promise<ReadonlyMap<string, string | Uint8Array>> {
    return new Map([...(this.#documents.get(kind) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  async audit({ before, principal, operation, since, until, limit }: AuditQuery): Promise<readonly AuditRecord[]> {
    const asked = this.#audit.filter(
      (record) =>
        (before === undefined || record.number < before) &&
        (principal === undefined || record.principal === principal) &&
        (operation === undefined || record.operation === operation) &&
        (since === undefined || record.at >= since) &&
        (until === undefined || record.at < until),
    );
    return asked.reverse().slice(0, limit);
  }

  #keep({ guard, changes = [], documents = [], audit = [] }: Beside): void {
    if (guard !== undefined) this.#guard = guard;
    for (const change of changes) this.#changes.push(change);
    for (const entry of audit) {
      const number = this.#audit.length + 1;
      const before = this.#audit.at(-1);
      const hash = chainHash(
        before === undefined ? genesis.hash : Buffer.from(before.hash, 'hex'),
        entryText(entry, number),
      );
      this.#audit.push({ ...entry, number, hash: Buffer.from(hash).toString('hex') });
    }
    for (const { kind, id, body } of documents) {
      const ofKind = this.#documents.get(kind) ?? new Map<string, string | Uint8Array>();
      this.#documents.set(kind, ofKind);
      if (body === null) ofKind.delete(id);
      else ofKind.set(id, body);
    }
  }

  async moveExpiries(
    milliseconds: number,
    clock: ClockReading,
    documents: readonly DocumentWrite[] = [],
  ): Promise<void> {
    this.#requireOpen();
    this.#keep({ documents });
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
