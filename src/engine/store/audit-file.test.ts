import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { beforeEach, describe, expect, it } from 'vitest';
import { auditEntry } from '../audit.fixture.ts';
import { chainHash, entryText, formatMark } from '../audit.ts';
import type { FlawKind } from '../audit-chain.ts';
import { verifyAuditFile } from './audit-file.ts';
import { AuditedDatabase, forEver, numbers } from './audit-table.fixture.ts';
import { AuditTable } from './audit-table.ts';
import { identityOf } from './snapshot-file.ts';

let log: AuditedDatabase;

beforeEach(() => {
  log = new AuditedDatabase();
});

describe('tampering shows', () => {
  it.each<[string, string[], number, FlawKind]>([
    ['a field', [`UPDATE audit SET entry = replace(entry, 'alice', 'mallory') WHERE number = 3`], 3, 'changed'],
    ['an instant', ['UPDATE audit SET at = at + 1 WHERE number = 3'], 3, 'changed'],
    ['a text that is no JSON', [`UPDATE audit SET entry = 'x' WHERE number = 3`], 3, 'changed'],
    ['a deleted row', ['DELETE FROM audit WHERE number = 3'], 3, 'missing'],
    ['a deleted beginning', ['DELETE FROM audit WHERE number < 3'], 1, 'missing'],
    ['a deleted end', ['DELETE FROM audit WHERE number > 3'], 4, 'missing'],
    ['an empty log', ['DELETE FROM audit'], 1, 'missing'],
    [
      'swapped rows',
      [
        'UPDATE audit SET number = -1 WHERE number = 2',
        'UPDATE audit SET number = 2 WHERE number = 4',
        'UPDATE audit SET number = 4 WHERE number = -1',
      ],
      2,
      'out-of-order',
    ],
    [
      'a row that is too many',
      ['INSERT INTO audit (number, at, entry, hash) SELECT 6, at, entry, hash FROM audit WHERE number = 5'],
      6,
      'added',
    ],
    ['a row before the first', ['UPDATE audit SET number = -7 WHERE number = 1'], -7, 'out-of-order'],
    ['an anchor that is gone', [`DELETE FROM audit_ends WHERE name = 'anchor'`], 1, 'no-anchor'],
    ['a head that is gone', [`DELETE FROM audit_ends WHERE name = 'head'`], 5, 'no-head'],
    ['an anchor that was moved', [`UPDATE audit_ends SET number = 2 WHERE name = 'anchor'`], 1, 'out-of-order'],
    ['a head that was moved', [`UPDATE audit_ends SET number = 4 WHERE name = 'head'`], 4, 'rewritten'],
  ])('%s', (_, statements, number, kind) => {
    log.filled(5);
    log.byHand(...statements);
    expect(verifyAuditFile(log.file).flaw).toEqual({ number, kind });
  });

  it('also after the log has gone on, which it does', () => {
    const table = log.filled(5);
    log.byHand('DELETE FROM audit WHERE number > 3', `DELETE FROM audit_ends WHERE name = 'head'`);
    log.append(table, [auditEntry(6)]);
    expect(table.verify().flaw).toEqual({ number: 4, kind: 'no-head' });
    log.byHand(`INSERT INTO audit (number, at, entry, hash) VALUES (5, 1, '{}', x'00')`);
    log.append(table, [auditEntry(7)]);
    expect(numbers(table).slice(0, 2)).toEqual([6, 5]);
    expect(table.verify().flaw).toEqual({ number: 5, kind: 'changed' });
  });

  it('where rows were chained anew but the head was not, or is kept elsewhere', () => {
    const table = log.filled(5);
    const kept = log.mark(5);
    let { hash } = log.mark(2);
    const other = new DatabaseSync(log.file);
    other.exec('DROP TRIGGER audit_unchanged');
    for (const number of [3, 4, 5]) {
      const text = entryText(auditEntry(number, { principal: 'mallory' }), number);
      hash = chainHash(hash, text);
      other.prepare('UPDATE audit SET entry = ?, hash = ? WHERE number = ?').run(text, hash, number);
    }
    expect(table.verify().flaw).toEqual({ number: 5, kind: 'rewritten' });
    other.prepare(`UPDATE audit_ends SET hash = ? WHERE name = 'head'`).run(hash);
    other.close();
    expect(table.verify().flaw).toBeUndefined();
    expect(table.verify(kept).flaw).toEqual({ number: 5, kind: 'rewritten' });
  });
});

describe('a file', () => {
  it('is verified while it is written to, and when nobody has it open', () => {
    const table = log.filled(3);
    expect(verifyAuditFile(log.file)).toMatchObject({ whole: 3, flaw: undefined });
    log.append(table, [auditEntry(4)]);
    const { whole, head } = log.closed(() => verifyAuditFile(log.file));
    expect([whole, head && formatMark(head)]).toEqual([4, formatMark(log.mark(4))]);
  });

  it('is verified as it was at one moment, however much is written meanwhile', () => {
    log.filled(20_000);
    const other = new DatabaseSync(log.file, { readOnly: true });
    const reader = new AuditTable(other, forEver);
    other.exec('BEGIN');
    expect(numbers(reader, { limit: 1 })).toEqual([20_000]);
    log.append(log.table({ keep: 0, limit: 10 }), [auditEntry(20_001)]);
    expect(numbers(reader, { limit: 1 })).toEqual([20_000]);
    other.exec('COMMIT');
    expect(reader.verify()).toMatchObject({ whole: 18_001, flaw: undefined });
    other.close();
  });

  it('is verified as a crash has left it, with all that is in its journal only', () => {
    log.filled(3);
    const copy = join(log.folder, 'copy.db');
    for (const suffix of ['', '-wal']) copyFileSync(`${log.file}${suffix}`, `${copy}${suffix}`);
    rmSync(`${copy}-shm`, { force: true });
    expect(verifyAuditFile(copy)).toMatchObject({ whole: 3, flaw: undefined });
  });

  it('is left as it is, so that a snapshot of it counts after that', () => {
    log.filled(3);
    log.closed(() => {
      const before = identityOf(log.file);
      expect(before).toBeDefined();
      expect([verifyAuditFile(log.file).whole, identityOf(log.file)]).toEqual([3, before]);
    });
  });

  it('without the log, or that is no database, is said', () => {
    expect(() => verifyAuditFile(join(log.folder, 'none.db'))).toThrow(
      expect.objectContaining({ code: 'store-failed', message: expect.stringContaining('none.db') }),
    );
    log.db.exec('DROP TABLE audit_ends');
    expect(() => verifyAuditFile(log.file)).toThrow(
      expect.objectContaining({
        code: 'store-failed',
        message: expect.stringContaining(`${log.file} has no audit log`),
      }),
    );
  });
});
