import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type DatabaseSyncInstance, type StatementSyncInstance } from '@photostructure/sqlite';
import { type Prefix, parsePrefix } from '../../domain/address.ts';
import { RfwError, reasonOf } from '../../domain/errors.ts';
import type { PortGuard } from '../../domain/guard.ts';
import { parseInterface } from '../../domain/interface.ts';
import {
  type Action,
  actions,
  type Chain,
  chains,
  formatSide,
  type Rule,
  type RuleSpec,
  ruleSpec,
} from '../../domain/rule.ts';
import type { ClockReading } from '../clock.ts';
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
import type { Intention, Mutation, Store, StoredState } from './store.ts';

type Row = Readonly<Record<string, unknown>>;

/**
 * The store of the daemon: `rfw.db` in the state folder, which an operator can open with `sqlite3` at any time.
 * WAL journal; a commit is on disk when it returns (synchronous=FULL).
 */
export class SqliteStore implements Store {
  readonly #lock: DatabaseSyncInstance;
  readonly #db: DatabaseSyncInstance;
  /** A second connection, which doesn't wait for the disk: what it writes has to survive the process, not the machine. */
  readonly #notes: DatabaseSyncInstance;
  readonly #statements = new Map<string, StatementSyncInstance>();

  /**
   * Opens the state folder, which is made where it is missing, and holds it against a second daemon.
   * @throws RfwError `state-in-use` or `store-failed`
   */
  constructor(folder: string) {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      this.#lock = lock(folder);
    } catch (error) {
      throw asStoreError(error, `Could not open the state folder ${folder}`);
    }
    try {
      this.#db = open(join(folder, 'rfw.db'), 'FULL');
      // Rules tell who asked for them.
      chmodSync(join(folder, 'rfw.db'), 0o600);
      migrate(this.#db);
      this.#notes = open(join(folder, 'rfw.db'), 'NORMAL');
    } catch (error) {
      this.#lock.close();
      throw asStoreError(error, `Could not open ${join(folder, 'rfw.db')}`);
    }
  }

  async load(): Promise<StoredState> {
    try {
      const rows = this.#prepare('SELECT * FROM rules ORDER BY seq').all() as Row[];
      const intended = this.#prepare('SELECT * FROM intended').all() as Row[];
      const guards = this.#prepare('SELECT guard FROM intended_guards').all() as Row[];
      const stored = this.#readMeta<StoredGuard | null>('guard') ?? null;
      return {
        rules: rows.map(readRule),
        guard: stored === null ? null : readGuard(stored),
        intended: {
          rules: intended.filter((row) => row['removed'] === 0).map(readSpec),
          removed: intended.filter((row) => row['removed'] === 1).map(readSpec),
          guards: guards.map((row) => readGuard(JSON.parse(String(row['guard'])))),
        },
        lastSeq: this.#readMeta<number>('last_seq') ?? 0,
        clock: this.#readMeta<ClockReading>('clock'),
      };
    } catch (error) {
      // What doesn't parse has been written by somebody else.
      throw new RfwError('store-failed', `Could not read the stored rules: ${reasonOf(error)}`, { cause: error });
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

  async append(mutations: readonly Mutation[], guard?: PortGuard | null): Promise<void> {
    transaction(this.#db, 'Could not store the change', () => {
      this.#prepare('DELETE FROM intended').run();
      this.#prepare('DELETE FROM intended_guards').run();
      if (guard !== undefined) this.#writeMeta('guard', guard === null ? null : storedGuard(guard));
      let lastSeq = 0;
      for (const { kind, rule } of mutations) {
        if (kind === 'delete') {
          this.#prepare('DELETE FROM rules WHERE seq = ?').run(rule.seq);
        } else if (kind === 'insert') {
          this.#prepare('INSERT INTO rules VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)').run(...ruleColumns(rule));
          lastSeq = Math.max(lastSeq, rule.seq);
        } else {
          this.#prepare('UPDATE rules SET expires_at = ? WHERE seq = ?').run(rule.expiresAt, rule.seq);
        }
      }
      if (lastSeq > 0) this.#writeMeta('last_seq', lastSeq);
    });
  }

  async moveExpiries(milliseconds: number, clock: ClockReading): Promise<void> {
    transaction(this.#db, 'Could not store the new time', () => {
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

  async close(): Promise<void> {
    this.#statements.clear();
    this.#notes.close();
    this.#checkpoint();
    this.#db.close();
    this.#lock.close();
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

  #prepareNote(sql: string): StatementSyncInstance {
    return prepared(this.#statements, `note: ${sql}`, sql, this.#notes);
  }

  #readMeta<T>(key: string): T | undefined {
    const row = this.#prepare('SELECT value FROM meta WHERE key = ?').get(key) as Row | undefined;
    return row === undefined ? undefined : (JSON.parse(String(row['value'])) as T);
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

function open(file: string, synchronous: 'FULL' | 'NORMAL'): DatabaseSyncInstance {
  const db = new DatabaseSync(file, { timeout: 2000 });
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous};`);
  return db;
}

/** Holds the folder by a lock that ends with the process, however it ends. */
function lock(folder: string): DatabaseSyncInstance {
  const db = new DatabaseSync(join(folder, 'rfw.lock'), { timeout: 0 });
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;');
    return db;
  } catch (error) {
    db.close();
    if (isBusy(error)) {
      throw new RfwError(
        'state-in-use',
        `Another rfw is running with the state folder ${folder}: stop it, or set another state.dir`,
      );
    }
    throw error;
  }
}

/** SQLITE_BUSY of sqlite3.h. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 5;
}

function transaction(db: DatabaseSyncInstance, failure: string, work: () => void): void {
  try {
    db.exec('BEGIN IMMEDIATE');
    work();
    db.exec('COMMIT');
  } catch (error) {
    rollBack(db);
    throw asStoreError(error, failure);
  }
}

function rollBack(db: DatabaseSyncInstance): void {
  try {
    db.exec('ROLLBACK');
  } catch {
    // A full disk has already rolled back; then there is no transaction to end.
  }
}

function asStoreError(error: unknown, failure: string): RfwError {
  if (error instanceof RfwError) return error;
  return new RfwError('store-failed', `${failure}: ${reasonOf(error)}`, { cause: error });
}

type SpecColumns = [string, string, string, string, string, string];

function specColumns(spec: RuleSpec): SpecColumns {
  return [spec.action, spec.chain, spec.in, spec.out, formatSide(spec.source), formatSide(spec.destination)];
}

function ruleColumns(rule: Rule): [number, ...SpecColumns, number | null, number, string, string] {
  return [rule.seq, ...specColumns(rule), rule.expiresAt, rule.createdAt, rule.origin, rule.comment];
}

function readSide(text: unknown): Prefix | 'any' {
  return text === 'any' ? 'any' : parsePrefix(String(text));
}

function oneOf<T extends string>(values: readonly T[], text: unknown): T {
  const value = values.find((candidate) => candidate === text);
  if (value === undefined)
    throw new RfwError('store-failed', `The stored rules hold ${String(text)}, which is none of ${values.join(', ')}`);
  return value;
}

function readSpec(row: Row): RuleSpec {
  return ruleSpec({
    action: oneOf<Action>(actions, row['action']),
    chain: oneOf<Chain>(chains, row['chain']),
    in: parseInterface(String(row['in'])),
    out: parseInterface(String(row['out'])),
    source: readSide(row['source']),
    destination: readSide(row['destination']),
  });
}

function readRule(row: Row): Rule {
  return {
    ...readSpec(row),
    seq: Number(row['seq']),
    expiresAt: row['expires_at'] === null ? null : Number(row['expires_at']),
    createdAt: Number(row['created_at']),
    origin: String(row['origin']),
    comment: String(row['comment']),
  };
}
