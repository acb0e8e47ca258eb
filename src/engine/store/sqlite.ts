import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSyncInstance, StatementSyncInstance } from '@photostructure/sqlite';
import { RfwError, reasonOf } from '../../domain/errors.ts';
import type { Rule } from '../../domain/rule.ts';
import type { AuditQuery, AuditRecord } from '../audit.ts';
import type { ChangePage } from '../changes.ts';
import type { ClockReading } from '../clock.ts';
import { AuditTable, type Retention } from './audit-table.ts';
import { ChangeLog } from './change-log.ts';
import { asStoreError, lock, open, transaction } from './database.ts';
import {
  formerHolder,
  type Holder,
  readGuard,
  readHolder,
  type StoredGuard,
  type StoredHolder,
  storedGuard,
  storedHolder,
} from './holder.ts';
import { migrate } from './migrations.ts';
import { type Row, RuleReader, readSpec, ruleSelection, specColumns } from './rows.ts';
import type { RuleRun } from './rule-runs.ts';
import { RuleTable } from './rule-table.ts';
import { type Identity, identityOf, readSnapshot, writeSnapshot } from './snapshot-file.ts';
import type { Beside, DocumentWrite, Intention, Mutation, Store, StoredState } from './store.ts';

/** Rules that are read at once. */
const pageLength = 10_000;

/**
 * The store of the daemon: `rfw.db` in the state folder, which an operator can open with `sqlite3` at any time.
 * WAL journal; a commit is on disk when it returns (synchronous=FULL).
 */
export class SqliteStore implements Store {
  readonly #folder: string;
  readonly #program: string;
  /** What the database file was before it was opened. */
  readonly #found: Identity | undefined;
  readonly #lock: DatabaseSyncInstance;
  readonly #db: DatabaseSyncInstance;
  /** A second connection, which doesn't wait for the disk: what it writes has to survive the process, not the machine. */
  readonly #notes: DatabaseSyncInstance;
  readonly #changes: ChangeLog;
  readonly #rules: RuleTable;
  readonly #audit: AuditTable;
  /** The highest place in the order that is on disk. */
  #lastSeq: number;
  readonly #statements = new Map<string, StatementSyncInstance>();

  /**
   * Opens the state folder, which is made where it is missing, and holds it against a second daemon.
   * @param program name and version: the snapshot of another one isn't read
   * @param retention of the audit log
   * @param changes how many recorded changes stay at least
   * @throws RfwError `state-in-use` or `store-failed`
   */
  constructor(folder: string, program = '', retention: Retention = { keep: 0, limit: 0 }, changes?: number) {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      this.#lock = lock(folder);
    } catch (error) {
      throw asStoreError(error, `Could not open the state folder ${folder}`);
    }
    this.#folder = folder;
    this.#program = program;
    this.#found = identityOf(this.#file);
    try {
      this.#db = open(this.#file, 'FULL');
      // Rules tell who asked for them.
      if ((statSync(this.#file).mode & 0o777) !== 0o600) chmodSync(this.#file, 0o600);
      migrate(this.#db);
      this.#changes = new ChangeLog(this.#db, changes);
      this.#rules = new RuleTable(this.#db);
      this.#audit = new AuditTable(this.#db, retention);
      this.#lastSeq = this.#readMeta<number>('last_seq') ?? 0;
      this.#notes = open(this.#file, 'NORMAL');
    } catch (error) {
      this.#lock.close();
      throw asStoreError(error, `Could not open ${this.#file}`);
    }
  }

  async load(): Promise<StoredState> {
    try {
      const intended = this.#prepareRows('SELECT removed, * FROM intended').all() as Row[];
      const guards = this.#prepareRows('SELECT guard FROM intended_guards').all() as Row[];
      const noted = (removed: 0 | 1) => intended.filter(([was]) => was === removed).map((row) => readSpec(row, 1));
      const stored = this.#readMeta<StoredGuard | null>('guard') ?? null;
      return {
        rules: { [Symbol.iterator]: () => this.#stored() },
        guard: stored === null ? null : readGuard(stored),
        intended: {
          rules: noted(0),
          removed: noted(1),
          guards: guards.map(([guard]) => readGuard(JSON.parse(String(guard)))),
        },
        lastSeq: this.#lastSeq,
        lastChange: this.#changes.last,
        clock: this.#readMeta<ClockReading>('clock'),
        snapshot: readSnapshot(this.#folder, this.#found, this.#program),
      };
    } catch (error) {
      throw unreadable(error);
    }
  }

  *#stored(): Generator<Rule> {
    try {
      const page = this.#prepareRows(
        `SELECT ${ruleSelection} FROM rules WHERE seq > ? ORDER BY seq LIMIT ${pageLength}`,
      );
      const reader = new RuleReader();
      let last = 0;
      for (;;) {
        const rows = page.all(last) as Row[];
        for (const row of rows) yield reader.read(row);
        if (rows.length < pageLength) return;
        last = Number(rows.at(-1)?.[0]);
      }
    } catch (error) {
      throw unreadable(error);
    }
  }

  async intend({ rules, removed, guards }: Intention): Promise<void> {
    transaction(this.#notes, 'Could not note a change before making it', () => {
      this.#prepareNote('DELETE FROM intended').run();
      this.#prepareNote('DELETE FROM intended_guards').run();
      const note = this.#prepareNote('INSERT INTO intended VALUES (?, ?, ?, ?, ?, ?, ?)');
      for (const spec of rules) note.run(...specColumns(spec), 0);
      for (const spec of removed) note.run(...specColumns(spec), 1);
      const noteGuard = this.#prepareNote('INSERT INTO intended_guards VALUES (?)');
      for (const guard of guards) noteGuard.run(JSON.stringify(storedGuard(guard)));
    });
  }

  async append(mutations: readonly Mutation[], beside: Beside = {}): Promise<void> {
    let lastSeq = this.#lastSeq;
    transaction(this.#db, 'Could not store the change', () => {
      this.#prepare('DELETE FROM intended').run();
      this.#prepare('DELETE FROM intended_guards').run();
      const written = this.#rules.write(mutations);
      this.#keep(beside, written.runs);
      lastSeq = Math.max(lastSeq, written.lastSeq);
      if (lastSeq > this.#lastSeq) this.#writeMeta('last_seq', lastSeq);
    });
    this.#lastSeq = lastSeq;
  }

  async clear(beside: Beside = {}): Promise<void> {
    transaction(this.#db, 'Could not delete the rules', () => {
      for (const table of ['rules', 'intended', 'intended_guards']) this.#prepare(`DELETE FROM ${table}`).run();
      this.#keep({ guard: null, ...beside });
    });
  }

  async changes(after: number, limit: number): Promise<ChangePage> {
    try {
      return this.#changes.page(after, limit);
    } catch (error) {
      throw asStoreError(error, 'Could not read the recorded changes');
    }
  }

  async documents(kind: string): Promise<ReadonlyMap<string, string | Uint8Array>> {
    try {
      const rows = this.#prepareRows('SELECT id, body FROM documents WHERE kind = ? ORDER BY id').all(kind) as Row[];
      return new Map(rows.map(([id, body]) => [String(id), body instanceof Uint8Array ? body : String(body)]));
    } catch (error) {
      throw asStoreError(error, `Could not read what is stored as ${kind}`);
    }
  }

  async audit(query: AuditQuery): Promise<readonly AuditRecord[]> {
    return this.#audit.page(query);
  }

  /** Stores what is given beside mutations, within their transaction. */
  #keep({ guard, changes = [], documents = [], audit = [] }: Beside, runs: readonly RuleRun[] = []): void {
    if (guard !== undefined) this.#writeMeta('guard', guard === null ? null : storedGuard(guard));
    if (changes.length > 0) this.#changes.append(changes, runs);
    this.#audit.append(audit);
    for (const { kind, id, body } of documents) {
      if (body === null) this.#prepare('DELETE FROM documents WHERE kind = ? AND id = ?').run(kind, id);
      else this.#prepare('INSERT OR REPLACE INTO documents VALUES (?, ?, ?)').run(kind, id, body);
    }
  }

  async moveExpiries(
    milliseconds: number,
    clock: ClockReading,
    documents: readonly DocumentWrite[] = [],
  ): Promise<void> {
    transaction(this.#db, 'Could not store the new time', () => {
      this.#keep({ documents });
      if (milliseconds !== 0) {
        this.#prepare('UPDATE rules SET expires_at = expires_at + ? WHERE expires_at IS NOT NULL').run(milliseconds);
      }
      this.#writeMeta('clock', clock);
    });
  }

  async holders(): Promise<readonly Holder[]> {
    try {
      const clock = this.#readMeta<ClockReading>('clock');
      const stored = this.#readMeta<readonly StoredHolder[]>('holders')?.map(readHolder);
      return stored ?? (clock === undefined ? [] : [formerHolder(clock.bootId)]);
    } catch (error) {
      throw asStoreError(error, 'Could not read which packet filters hold rules');
    }
  }

  async setHolders(holders: readonly Holder[]): Promise<void> {
    transaction(this.#db, 'Could not store which packet filters hold rules', () => {
      this.#writeMeta('holders', holders.map(storedHolder));
    });
  }

  async close(snapshot?: unknown): Promise<void> {
    this.#statements.clear();
    this.#notes.close();
    this.#checkpoint();
    this.#db.close();
    if (snapshot !== undefined) writeSnapshot(this.#folder, identityOf(this.#file), this.#program, snapshot);
    this.#lock.close();
  }

  get #file(): string {
    return join(this.#folder, 'rfw.db');
  }

  /** Brings everything into the file itself, so that a copy of it alone is a backup. */
  #checkpoint(): void {
    try {
      this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // A full disk: the journal beside the file holds the rest, and nothing is lost.
    }
  }

  #prepare(sql: string): StatementSyncInstance {
    return prepared(this.#statements, sql, sql, this.#db);
  }

  /** A statement whose rows are arrays. */
  #prepareRows(sql: string): StatementSyncInstance {
    const statement = prepared(this.#statements, `rows: ${sql}`, sql, this.#db);
    statement.setReturnArrays(true);
    return statement;
  }

  #prepareNote(sql: string): StatementSyncInstance {
    return prepared(this.#statements, `note: ${sql}`, sql, this.#notes);
  }

  #readMeta<T>(key: string): T | undefined {
    const row = this.#prepare('SELECT value FROM meta WHERE key = ?').get(key) as { value: unknown } | undefined;
    return row === undefined ? undefined : (JSON.parse(String(row.value)) as T);
  }

  #writeMeta(key: string, value: unknown): void {
    this.#prepare('INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value').run(
      key,
      JSON.stringify(value),
    );
  }
}

function prepared(
  statements: Map<string, StatementSyncInstance>,
  name: string,
  sql: string,
  db: DatabaseSyncInstance,
): StatementSyncInstance {
  const known = statements.get(name);
  if (known) return known;
  const statement = db.prepare(sql);
  statements.set(name, statement);
  return statement;
}

/** What doesn't parse has been written by somebody else. */
function unreadable(error: unknown): RfwError {
  return new RfwError('store-failed', `Could not read the stored rules: ${reasonOf(error)}`, { cause: error });
}
