import { join } from 'node:path';
import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite';
import { RfwError, reasonOf } from '../../domain/errors.ts';

/** Opens a database whose journal is ahead of it (WAL). */
export function open(file: string, synchronous: 'FULL' | 'NORMAL'): DatabaseSyncInstance {
  const db = new DatabaseSync(file, { timeout: 2000 });
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous};`);
  return db;
}

/** Opens a database to read it, beside whoever writes to it. @throws when there is none */
export function openToRead(file: string): DatabaseSyncInstance {
  return new DatabaseSync(file, { readOnly: true, timeout: 2000 });
}

/** Holds the folder by a lock that ends with the process, however it ends. */
export function lock(folder: string): DatabaseSyncInstance {
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

/** Does the work as one transaction. @throws RfwError `store-failed`; then nothing of it is done */
export function transaction(db: DatabaseSyncInstance, failure: string, work: () => void): void {
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

/** Whatever was thrown, as an error of the domain. */
export function asStoreError(error: unknown, failure: string): RfwError {
  if (error instanceof RfwError) return error;
  return new RfwError('store-failed', `${failure}: ${reasonOf(error)}`, { cause: error });
}
