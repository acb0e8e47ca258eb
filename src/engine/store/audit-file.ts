import type { DatabaseSyncInstance } from '@photostructure/sqlite';
import { RfwError } from '../../domain/errors.ts';
import type { Mark } from '../audit.ts';
import type { Verification } from '../audit-chain.ts';
import { AuditTable } from './audit-table.ts';
import { asStoreError, openToRead } from './database.ts';

/**
 * Verifies the audit log in a database, whether a daemon writes to it or not. It is read as it is at this moment, and not
 * changed.
 * @param kept the head of an earlier verification
 * @throws RfwError `store-failed` when there is no log, or none that can be read
 */
export function verifyAuditFile(file: string, kept?: Mark): Verification {
  try {
    const db = openToRead(file);
    try {
      if (!hasAudit(db)) {
        throw new RfwError('store-failed', `${file} has no audit log: the first start of this version of rfw makes it`);
      }
      return new AuditTable(db, { keep: 0, limit: 0 }).verify(kept);
    } finally {
      db.close();
    }
  } catch (error) {
    throw asStoreError(error, `Could not read the audit log in ${file}`);
  }
}

function hasAudit(db: DatabaseSyncInstance): boolean {
  const names = "SELECT count(*) AS tables FROM sqlite_schema WHERE type = 'table' AND name IN ('audit', 'audit_ends')";
  return (db.prepare(names).get() as { tables: number }).tables === 2;
}
