import type { DatabaseSyncInstance, StatementSyncInstance } from '@photostructure/sqlite';
import { RfwError, reasonOf } from '../../domain/errors.ts';
import {
  type AuditEntry,
  type AuditQuery,
  type AuditRecord,
  chainHash,
  entryText,
  genesis,
  type Mark,
  readRecord,
  type StoredEntry,
} from '../audit.ts';
import { type Verification, verifyChain } from '../audit-chain.ts';

/**
 * The tables of the audit log. What an entry says is the text whose hash is beside it; columns to search by are read from
 * it, so that they can't say something else. `at` stands again in a column of its own, and the verification compares the two.
 * The triggers are against mistakes: whoever may write to the file may also drop them.
 */
export const auditSchema = `
  CREATE TABLE audit (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    entry TEXT NOT NULL,
    hash BLOB NOT NULL,
    principal ANY GENERATED ALWAYS AS (CASE WHEN json_valid(entry) THEN json_extract(entry, '$.principal') END) VIRTUAL,
    operation ANY GENERATED ALWAYS AS (CASE WHEN json_valid(entry) THEN json_extract(entry, '$.operation') END) VIRTUAL
  ) STRICT;
  CREATE INDEX audit_principal ON audit (principal);
  CREATE INDEX audit_operation ON audit (operation);
  CREATE TABLE audit_ends (
    name TEXT PRIMARY KEY CHECK (name IN ('anchor', 'head')),
    number INTEGER NOT NULL,
    hash BLOB NOT NULL
  ) STRICT;
  INSERT INTO audit_ends VALUES ('anchor', 0, zeroblob(32)), ('head', 0, zeroblob(32));
  CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'The audit log is only ever added to'); END;
  CREATE TRIGGER audit_kept BEFORE DELETE ON audit
    WHEN OLD.number > ifnull((SELECT number FROM audit_ends WHERE name = 'anchor'), 0)
    BEGIN SELECT RAISE(ABORT, 'Entries leave the audit log only by its retention'); END;
  CREATE TRIGGER audit_ends_kept BEFORE DELETE ON audit_ends
    BEGIN SELECT RAISE(ABORT, 'The ends of the audit log can not be deleted'); END;
  CREATE TRIGGER audit_ends_forward BEFORE UPDATE ON audit_ends
    WHEN NEW.number < OLD.number OR NEW.name <> OLD.name
    BEGIN SELECT RAISE(ABORT, 'The ends of the audit log only move forward'); END;
`;

/** How long entries are kept. */
export interface Retention {
  /** Seconds; 0 is for ever. */
  readonly keep: number;
  /** How many at most; 0 is any number. */
  readonly limit: number;
}

/** What is too old is looked for after so many entries or milliseconds, and not at each change. */
const retentionEntries = 1000;
const retentionInterval = 60_000;

/** Rows that a verification reads at once. */
const pageLength = 10_000;

/** The audit log in a database that has `auditSchema`. */
export class AuditTable {
  readonly #db: DatabaseSyncInstance;
  readonly #retention: Retention;
  readonly #statements = new Map<string, StatementSyncInstance>();
  #sinceRetention = 0;
  #retainedAt = Number.NEGATIVE_INFINITY;

  constructor(db: DatabaseSyncInstance, retention: Retention) {
    this.#db = db;
    this.#retention = retention;
  }

  /**
   * Adds entries, as part of the transaction of the caller, and removes some that are no longer to be kept. Whatever others
   * have done to the log, it goes on: the firewall must not stop for that, and a verification shows it.
   */
  append(entries: readonly AuditEntry[]): void {
    const latest = entries.at(-1);
    if (latest === undefined) return;
    // Read each time: the transaction of an earlier call may have been rolled back.
    let { number, hash } = this.#tip();
    const insert = this.#prepare('INSERT INTO audit (number, at, entry, hash) VALUES (?, ?, ?, ?)');
    for (const entry of entries) {
      number++;
      const text = entryText(entry, number);
      hash = chainHash(hash, text);
      insert.run(number, entry.at, text, hash);
    }
    this.#moveEnd('head', { number, hash });
    this.#sinceRetention += entries.length;
    const elapsed = Math.abs(latest.at - this.#retainedAt);
    if (this.#sinceRetention >= retentionEntries || elapsed >= retentionInterval) this.#retain(number, latest.at);
  }

  /** Newest first. @throws RfwError `store-failed` when the log can't be read */
  page({ before, principal, operation, since, until, limit }: AuditQuery): AuditRecord[] {
    const conditions: [string, number | string | undefined][] = [
      ['number < ?', before],
      ['principal = ?', principal],
      ['operation = ?', operation],
      ['at >= ?', since],
      ['at < ?', until],
    ];
    const given = conditions.filter(([, value]) => value !== undefined);
    const where = ['true', ...given.map(([condition]) => condition)].join(' AND ');
    const values = given.map(([, value]) => value ?? null);
    try {
      const rows = this.#prepare(
        `SELECT number, entry, hash FROM audit WHERE ${where} ORDER BY number DESC LIMIT ?`,
      ).all(...values, limit) as StoredEntry[];
      return rows.map(readRecord);
    } catch (error) {
      throw new RfwError('store-failed', `Could not read the audit log: ${reasonOf(error)}. Try rfw --verify-audit`, {
        cause: error,
      });
    }
  }

  /**
   * Whether the log is what was written. All of it is read, so that a daemon that serves has no time for it; another
   * connection can do it meanwhile.
   * @param kept the head of an earlier verification
   */
  verify(kept?: Mark): Verification {
    this.#db.exec('BEGIN');
    try {
      const ends = { anchor: this.#end('anchor'), head: this.#end('head'), kept };
      return verifyChain(this.#entries(), ends);
    } finally {
      this.#db.exec('COMMIT');
    }
  }

  *#entries(): Generator<StoredEntry> {
    const page = this.#prepare(
      `SELECT number, at, entry, hash FROM audit WHERE number > ? ORDER BY number LIMIT ${pageLength}`,
    );
    let last = Number.MIN_SAFE_INTEGER;
    for (;;) {
      const rows = page.all(last) as StoredEntry[];
      yield* rows;
      if (rows.length < pageLength) return;
      last = rows.at(-1)?.number ?? last;
    }
  }

  /** The place that the next entry follows on. Where others have added rows it is behind them: numbers are given once. */
  #tip(): Mark {
    const head = this.#prepare(
      `SELECT max(number, ifnull((SELECT max(number) FROM audit), 0)) AS number, hash FROM audit_ends WHERE name = 'head'`,
    ).get() as Mark | undefined;
    return head ?? this.#lastEntry() ?? genesis;
  }

  #lastEntry(): Mark | undefined {
    return this.#prepare('SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1').get() as Mark | undefined;
  }

  #end(name: 'anchor' | 'head'): Mark | undefined {
    return this.#prepare('SELECT number, hash FROM audit_ends WHERE name = ?').get(name) as Mark | undefined;
  }

  /** An end that somebody has deleted stays deleted, so that it shows. */
  #moveEnd(name: 'anchor' | 'head', { number, hash }: Mark): void {
    this.#prepare('UPDATE audit_ends SET number = ?, hash = ? WHERE name = ?').run(number, hash, name);
  }

  /**
   * Removes the oldest entries that are no longer kept, more than have come since the last time, but never all that are too
   * many at once: the change that is being stored waits for it.
   */
  #retain(head: number, now: number): void {
    const most = 2 * Math.max(this.#sinceRetention, retentionEntries);
    const oldest = this.#oldest(1).some((row) => this.#isPast(row, head, now)) ? this.#oldest(most) : [];
    // One that was written while the clock was ahead keeps those behind it, for as long as there is room.
    const firstKept = oldest.findIndex((row) => !this.#isPast(row, head, now));
    const count = firstKept === -1 ? oldest.length : firstKept;
    const removed = oldest[count - 1];
    if (removed !== undefined) {
      this.#moveEnd('anchor', removed);
      this.#prepare('DELETE FROM audit WHERE number <= ?').run(removed.number);
    }
    if (count === most) return;
    this.#sinceRetention = 0;
    this.#retainedAt = now;
  }

  #oldest(count: number): Omit<StoredEntry, 'entry'>[] {
    const rows = this.#prepare('SELECT number, at, hash FROM audit ORDER BY number LIMIT ?').all(count);
    return rows as Omit<StoredEntry, 'entry'>[];
  }

  #isPast({ number, at }: Omit<StoredEntry, 'entry'>, head: number, now: number): boolean {
    const { keep, limit } = this.#retention;
    return (keep > 0 && at < now - keep * 1000) || (limit > 0 && number <= head - limit);
  }

  #prepare(sql: string): StatementSyncInstance {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}
