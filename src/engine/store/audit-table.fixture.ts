import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite';
import { onTestFinished } from 'vitest';
import { auditEntry } from '../audit.fixture.ts';
import type { AuditEntry, AuditQuery, Mark } from '../audit.ts';
import { AuditTable, auditSchema, type Retention } from './audit-table.ts';
import { open, transaction } from './database.ts';
import { temporaryFolder } from './sqlite.fixture.ts';

export const forEver: Retention = { keep: 0, limit: 0 };

/** Entries of a range of numbers, one a minute. */
export function range(first: number, last: number): AuditEntry[] {
  return Array.from({ length: last - first + 1 }, (_, index) => auditEntry(first + index));
}

export function numbers(table: AuditTable, query: Partial<AuditQuery> = {}): number[] {
  return table.page({ limit: 1000, ...query }).map(({ number }) => number);
}

/** A database with an audit log, in a file that is there until the test ends. */
export class AuditedDatabase {
  readonly folder = temporaryFolder();
  readonly file = join(this.folder, 'rfw.db');
  #db: DatabaseSyncInstance;

  constructor() {
    this.#db = open(this.file, 'NORMAL');
    this.#db.exec(auditSchema);
    onTestFinished(() => {
      this.#db.close();
      rmSync(this.folder, { recursive: true });
    });
  }

  get db(): DatabaseSyncInstance {
    return this.#db;
  }

  /** Does the work while the file is closed, with its journal brought into it. */
  closed<T>(work: () => T): T {
    this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    this.#db.close();
    try {
      return work();
    } finally {
      this.#db = open(this.file, 'NORMAL');
    }
  }

  table(retention = forEver): AuditTable {
    return new AuditTable(this.#db, retention);
  }

  /** Adds the entries as the store does. */
  append(table: AuditTable, entries: readonly AuditEntry[]): void {
    transaction(this.#db, 'Could not store', () => table.append(entries));
  }

  /** The log with so many entries more, one a minute. */
  filled(count: number, retention = forEver): AuditTable {
    const table = this.table(retention);
    this.append(table, range(1, count));
    return table;
  }

  /** As one who has root and the time to take away what is in the way. */
  byHand(...statements: readonly string[]): void {
    const other = new DatabaseSync(this.file);
    for (const trigger of ['audit_unchanged', 'audit_kept', 'audit_ends_kept', 'audit_ends_forward'])
      other.exec(`DROP TRIGGER IF EXISTS ${trigger}`);
    for (const statement of statements) other.exec(statement);
    other.close();
  }

  mark(number: number): Mark {
    const row = this.#db.prepare('SELECT number, hash FROM audit WHERE number = ?').get(number);
    return row as unknown as Mark;
  }
}
