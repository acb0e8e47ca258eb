import type { DatabaseSyncInstance } from '@photostructure/sqlite';
import { RfwError } from '../../domain/errors.ts';
import { auditSchema } from './audit-table.ts';
import { changeLogSchema } from './change-log.ts';

/**
 * The schema, one step a version. A step that has been released is never edited: the next change is a new step.
 * Instants are milliseconds since the epoch; a null expiry is never. `seq` is the order: the highest is met first.
 */
const steps: readonly string[] = [
  `CREATE TABLE rules (
     seq INTEGER PRIMARY KEY,
     action TEXT NOT NULL,
     chain TEXT NOT NULL,
     "in" TEXT NOT NULL,
     "out" TEXT NOT NULL,
     source TEXT NOT NULL,
     destination TEXT NOT NULL,
     expires_at INTEGER,
     created_at INTEGER NOT NULL,
     origin TEXT NOT NULL,
     comment TEXT NOT NULL,
     UNIQUE (source, destination, chain, action, "in", "out")
   ) STRICT;
   CREATE TABLE intended (
     action TEXT NOT NULL,
     chain TEXT NOT NULL,
     "in" TEXT NOT NULL,
     "out" TEXT NOT NULL,
     source TEXT NOT NULL,
     destination TEXT NOT NULL,
     removed INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE intended_guards (guard TEXT NOT NULL) STRICT;
   CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;`,
  // Without the uniqueness of the tuple, which the engine sees to: at a million rules its index took most of the time of a
  // commit, since every rule touches another page of it.
  `CREATE TABLE rules_2 (
     seq INTEGER PRIMARY KEY,
     action TEXT NOT NULL,
     chain TEXT NOT NULL,
     "in" TEXT NOT NULL,
     "out" TEXT NOT NULL,
     source TEXT NOT NULL,
     destination TEXT NOT NULL,
     expires_at INTEGER,
     created_at INTEGER NOT NULL,
     origin TEXT NOT NULL,
     comment TEXT NOT NULL
   ) STRICT;
   INSERT INTO rules_2 SELECT * FROM rules;
   DROP TABLE rules;
   ALTER TABLE rules_2 RENAME TO rules;`,
  `${changeLogSchema}
   CREATE TABLE documents (kind TEXT NOT NULL, id TEXT NOT NULL, body ANY NOT NULL, PRIMARY KEY (kind, id)) STRICT;
   ${auditSchema}`,
];

/**
 * Brings the schema to this version.
 * @throws RfwError `store-failed` when a newer rfw has written the file
 */
export function migrate(db: DatabaseSyncInstance): void {
  const row = db.prepare('PRAGMA user_version').get() as { user_version: number };
  const version = row.user_version;
  if (version > steps.length) {
    throw new RfwError(
      'store-failed',
      `The stored rules are of a newer rfw (schema ${version}, this one knows ${steps.length}): install that version again`,
    );
  }
  for (const [index, step] of steps.entries()) {
    if (index < version) continue;
    db.exec(`BEGIN IMMEDIATE; ${step} PRAGMA user_version = ${index + 1}; COMMIT;`);
  }
}
