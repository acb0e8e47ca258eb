import { mkdirSync } from 'node:fs';
import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { auditEntry } from '../engine/audit.fixture.ts';
import { formatMark } from '../engine/audit.ts';
import type { FlawKind } from '../engine/audit-chain.ts';
import { AuditTable, auditSchema } from '../engine/store/audit-table.ts';
import { auditReport } from './audit-report.ts';
import { type Config, loadConfig } from './config.ts';
import { memoryLines } from './daemon.fixture.ts';
import { makeFolder } from './folder.fixture.ts';

interface Log {
  readonly config: Config;
  readonly file: string;
  readonly table: AuditTable;
  readonly db: DatabaseSyncInstance;
}

/** A log of so many entries, which is open as a daemon has it. */
function makeAudit(count: number): Log {
  const folder = makeFolder();
  mkdirSync(folder.at('state/memory'), { recursive: true });
  const file = folder.at('state/memory/rfw.db');
  const db = new DatabaseSync(file);
  onTestFinished(() => db.close());
  db.exec(`PRAGMA journal_mode = WAL; ${auditSchema}`);
  const table = new AuditTable(db, { keep: 0, limit: 0 });
  table.append(Array.from({ length: count }, (_, index) => auditEntry(index)));
  return { config: loadConfig(folder.config(...memoryLines(7390))), file, table, db };
}

describe('auditReport', () => {
  it('says of a whole log how many entries it has, from when to when, and its head', () => {
    const { config, file, table } = makeAudit(3);
    const [newest] = table.page({ limit: 1 });
    expect(auditReport(config)).toEqual({
      text: `The audit log in ${file} is whole
  entries  3
  first    2026-01-01T00:00:00.000Z
  last     2026-01-01T00:02:00.000Z
  head     3:${newest?.hash}
`,
      failure: undefined,
    });
  });

  it('says of an empty one that there is nothing in it', () => {
    const { config, file } = makeAudit(0);
    expect(auditReport(config).text).toBe(
      `The audit log in ${file} is whole\n  entries  0\n  head     0:${'0'.repeat(64)}\n`,
    );
  });

  it('says of a broken one where, how many before it are whole, and no head', () => {
    const { config, file, db } = makeAudit(4);
    db.exec('DROP TRIGGER audit_unchanged; UPDATE audit SET at = 1 WHERE number = 3');
    expect(auditReport(config)).toEqual({
      text: `Of the audit log in ${file} only what comes before the flaw is whole
  entries  2
  first    2026-01-01T00:00:00.000Z
  last     2026-01-01T00:01:00.000Z
`,
      failure: `The audit log in ${file} is broken: entry 3 was changed after it was written`,
    });
  });

  it('compares with a head that was kept', () => {
    const { config, table } = makeAudit(4);
    const { head } = table.verify();
    table.append([auditEntry(4)]);
    expect(auditReport(config, head).failure).toBeUndefined();
    expect(auditReport(config, head && { ...head, hash: new Uint8Array(32) }).failure).toMatch(
      /: entry 4 is not the one whose hash was noted: it, or one before it, was written anew$/,
    );
    expect(auditReport(config).text).toContain(`  head     ${formatMark({ number: 5, hash: headOf(table) })}\n`);
  });

  it('has words for whatever can be wrong', () => {
    const statements: Readonly<Record<Exclude<FlawKind, 'rewritten' | 'removed'>, string>> = {
      changed: "UPDATE audit SET entry = '' WHERE number = 2",
      missing: 'DELETE FROM audit WHERE number = 2',
      'out-of-order': 'UPDATE audit SET number = 0 WHERE number = 2',
      added: "INSERT INTO audit (number, at, entry, hash) VALUES (4, 0, '', x'')",
      'no-anchor': "DELETE FROM audit_ends WHERE name = 'anchor'",
      'no-head': "DELETE FROM audit_ends WHERE name = 'head'",
    };
    const said = Object.values(statements).map((statement) => {
      const { config, db } = makeAudit(3);
      db.exec('DROP TRIGGER audit_unchanged; DROP TRIGGER audit_kept; DROP TRIGGER audit_ends_kept');
      db.exec(statement);
      return auditReport(config).failure?.replace(/.* is broken: /, '');
    });
    expect(said).toEqual([
      'entry 2 was changed after it was written',
      'entry 2 is missing',
      'entry 0 is not the one that was written there',
      'entry 4 was added behind the last that rfw has written',
      'entry 1 can not be verified: the note of where the log begins is gone',
      'entry 3 may not be the last: the note of where the log ends is gone',
    ]);
  });

  it('says what is missing where no daemon has run', () => {
    const folder = makeFolder();
    expect(() => auditReport(loadConfig(folder.config(...memoryLines(7390))))).toThrow(
      expect.objectContaining({ code: 'store-failed', message: expect.stringContaining('The first start of rfw') }),
    );
  });
});

function headOf(table: AuditTable): Uint8Array {
  return table.verify().head?.hash ?? new Uint8Array();
}
