import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { auditEntry, epoch } from '../audit.fixture.ts';
import { type AuditEntry, chainHash, entryText, formatMark, genesis, type Mark } from '../audit.ts';
import type { FlawKind } from '../audit-chain.ts';
import { verifyAuditFile } from './audit-file.ts';
import { type AuditQuery, AuditTable, auditSchema, type Retention } from './audit-table.ts';
import { open, transaction } from './database.ts';
import { identityOf } from './snapshot-file.ts';
import { temporaryFolder } from './sqlite.fixture.ts';

const forEver: Retention = { keep: 0, limit: 0 };

let folder: string;
let file: string;
let db: DatabaseSyncInstance;

beforeEach(() => {
  folder = temporaryFolder();
  file = join(folder, 'rfw.db');
  db = open(file, 'NORMAL');
  db.exec(auditSchema);
});

afterEach(() => {
  db.close();
  rmSync(folder, { recursive: true });
});

function append(table: AuditTable, entries: readonly AuditEntry[]): void {
  transaction(db, 'Could not store', () => table.append(entries));
}

/** A log of so many entries, one a minute. */
function filled(count: number, retention = forEver): AuditTable {
  const table = new AuditTable(db, retention);
  append(table, range(1, count));
  return table;
}

function range(first: number, last: number): AuditEntry[] {
  return Array.from({ length: last - first + 1 }, (_, index) => auditEntry(first + index));
}

function numbers(table: AuditTable, query: Partial<AuditQuery> = {}): number[] {
  return table.page({ limit: 1000, ...query }).map(({ number }) => number);
}

/** As one who has root and the time to take away what is in the way. */
function byHand(...statements: readonly string[]): void {
  const other = new DatabaseSync(file);
  for (const trigger of ['audit_unchanged', 'audit_kept', 'audit_ends_kept', 'audit_ends_forward'])
    other.exec(`DROP TRIGGER IF EXISTS ${trigger}`);
  for (const statement of statements) other.exec(statement);
  other.close();
}

const mark = (number: number): Mark =>
  db.prepare('SELECT number, hash FROM audit WHERE number = ?').get(number) as unknown as Mark;

describe('a new log', () => {
  it('is empty and whole', () => {
    const table = new AuditTable(db, forEver);
    expect(numbers(table)).toEqual([]);
    expect(table.verify()).toEqual({
      whole: 0,
      first: undefined,
      last: undefined,
      head: { ...genesis },
      flaw: undefined,
    });
  });
});

describe('append', () => {
  it('numbers the entries from 1 and chains them', () => {
    const table = filled(2);
    append(table, [auditEntry(3)]);
    let { hash } = genesis;
    const expected = [1, 2, 3].map((number) => {
      hash = chainHash(hash, entryText(auditEntry(number), number));
      return { ...auditEntry(number), number, hash: Buffer.from(hash).toString('hex') };
    });
    expect(table.page({ limit: 10 })).toEqual(expected.reverse());
    expect(table.verify()).toMatchObject({ whole: 3, first: epoch + 60_000, last: epoch + 180_000, flaw: undefined });
  });

  it('goes on where an earlier run has ended', () => {
    filled(2);
    const next = filled(1);
    expect(numbers(next)).toEqual([3, 2, 1]);
    expect(next.verify()).toMatchObject({ whole: 3, flaw: undefined });
  });

  it('leaves nothing behind when the transaction of the caller fails', () => {
    const table = filled(2);
    const failing = (): void =>
      transaction(db, 'Could not store', () => {
        table.append([auditEntry(3), auditEntry(4)]);
        throw new Error('The disk is full');
      });
    expect(failing).toThrow('The disk is full');
    append(table, [auditEntry(5)]);
    expect(table.page({ limit: 10 }).map(({ number, target }) => [number, target])).toEqual([
      [3, 'rule-5'],
      [2, 'rule-2'],
      [1, 'rule-1'],
    ]);
    expect(table.verify()).toMatchObject({ whole: 3, flaw: undefined });
  });

  it('keeps hostile texts as they are', () => {
    const table = new AuditTable(db, forEver);
    const hostile = ['a\u0000b', '\ud800', "'); DROP TABLE audit; --", '{"number":9}', '\u202e', 'x'.repeat(100_000)];
    const entries = hostile.map((target) => auditEntry(1, { target, principal: target, after: { [target]: target } }));
    append(table, entries);
    expect(table.page({ limit: 10 }).map(({ target }) => target)).toEqual(hostile.toReversed());
    expect(table.page({ limit: 10 })[5]?.after).toEqual({ 'a\u0000b': 'a\u0000b' });
    expect(table.verify()).toMatchObject({ whole: 6, flaw: undefined });
  });

  it('of nothing does nothing', () => {
    const table = new AuditTable(db, forEver);
    append(table, []);
    expect(table.verify().whole).toBe(0);
  });
});

describe('page', () => {
  const principals = ['alice', 'token:detector', 'bob'];
  const fill = (): AuditTable => {
    const table = new AuditTable(db, forEver);
    const entries = range(1, 30).map((entry, index) => ({
      ...entry,
      principal: principals[index % 3] ?? '',
      operation: index % 10 === 0 ? 'tokens.create' : 'rules.put',
    }));
    append(table, entries);
    return table;
  };

  it('is newest first, and goes on before a number', () => {
    const table = fill();
    expect(numbers(table, { limit: 3 })).toEqual([30, 29, 28]);
    expect(numbers(table, { limit: 3, before: 28 })).toEqual([27, 26, 25]);
    expect(numbers(table, { before: 1 })).toEqual([]);
  });

  it('has what is asked for', () => {
    const table = fill();
    expect(numbers(table, { principal: 'bob', limit: 3 })).toEqual([30, 27, 24]);
    expect(numbers(table, { principal: 'mallory' })).toEqual([]);
    expect(numbers(table, { operation: 'tokens.create' })).toEqual([21, 11, 1]);
    expect(numbers(table, { operation: 'tokens.create', principal: 'alice' })).toEqual([1]);
    expect(numbers(table, { operation: 'tokens.create', before: 21 })).toEqual([11, 1]);
  });

  it('has the first instant, and not the last', () => {
    const table = fill();
    expect(numbers(table, { since: epoch + 28 * 60_000 })).toEqual([30, 29, 28]);
    expect(numbers(table, { until: epoch + 3 * 60_000 })).toEqual([2, 1]);
    expect(numbers(table, { since: epoch + 60_001, until: epoch + 4 * 60_000, principal: 'bob' })).toEqual([3]);
  });

  it('finds by principal and operation without reading the whole log', () => {
    const plan = (condition: string): unknown =>
      db.prepare(`EXPLAIN QUERY PLAN SELECT entry FROM audit WHERE ${condition} ORDER BY number DESC LIMIT 9`).all();
    expect(plan("principal = 'x' AND number < 9")).toMatchObject([
      { detail: expect.stringContaining('audit_principal') },
    ]);
    expect(plan("operation = 'x' AND number < 9")).toMatchObject([
      { detail: expect.stringContaining('audit_operation') },
    ]);
  });

  it('says how to look closer at a log that can not be read', () => {
    const table = fill();
    byHand("UPDATE audit SET entry = 'x' WHERE number = 5");
    expect(() => numbers(table)).toThrow(
      expect.objectContaining({ code: 'store-failed', message: expect.stringContaining('rfw --verify-audit') }),
    );
    expect(numbers(table, { before: 5 })).toEqual([4, 3, 2, 1]);
  });
});

describe('a mistake', () => {
  it.each([
    ["UPDATE audit SET entry = '{}' WHERE number = 2", 'only ever added to'],
    ['DELETE FROM audit WHERE number = 2', 'only by its retention'],
    ['DELETE FROM audit', 'only by its retention'],
    ['DELETE FROM audit_ends', 'can not be deleted'],
    ["UPDATE audit_ends SET number = 1 WHERE name = 'head'", 'only move forward'],
  ])('is refused: %s', (statement, reason) => {
    const table = filled(3);
    expect(() => db.exec(statement)).toThrow(reason);
    expect(table.verify()).toMatchObject({ whole: 3, flaw: undefined });
  });
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
    filled(5);
    byHand(...statements);
    expect(verifyAuditFile(file).flaw).toEqual({ number, kind });
  });

  it('also after the log has gone on, which it does', () => {
    const table = filled(5);
    byHand('DELETE FROM audit WHERE number > 3', `DELETE FROM audit_ends WHERE name = 'head'`);
    append(table, [auditEntry(6)]);
    expect(table.verify().flaw).toEqual({ number: 4, kind: 'no-head' });
    byHand(`INSERT INTO audit (number, at, entry, hash) VALUES (5, 1, '{}', x'00')`);
    append(table, [auditEntry(7)]);
    expect(numbers(table).slice(0, 2)).toEqual([6, 5]);
    expect(table.verify().flaw).toEqual({ number: 5, kind: 'changed' });
  });

  it('where rows were chained anew but the head was not, or is kept elsewhere', () => {
    const table = filled(5);
    const kept = mark(5);
    let { hash } = mark(2);
    const other = new DatabaseSync(file);
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

describe('retention', () => {
  it('removes what is older than is kept, and the rest verifies', () => {
    const table = filled(10, { keep: 180, limit: 0 });
    expect(numbers(table)).toEqual([10, 9, 8, 7]);
    expect(table.verify()).toMatchObject({ whole: 4, first: epoch + 420_000, flaw: undefined });
    append(table, [auditEntry(11)]);
    expect(numbers(table)).toEqual([11, 10, 9, 8]);
  });

  it('removes what is more than the limit, the oldest first', () => {
    const table = filled(10, { keep: 0, limit: 3 });
    expect(numbers(table)).toEqual([10, 9, 8]);
    expect(table.verify()).toMatchObject({ whole: 3, flaw: undefined });
  });

  it('keeps everything for ever where that is configured', () => {
    const table = filled(10);
    append(table, [auditEntry(100_000_000)]);
    expect(numbers(table)).toHaveLength(11);
  });

  it('may leave only what was just written', () => {
    const table = filled(10, { keep: 60, limit: 1 });
    append(table, [auditEntry(100_000)]);
    expect(numbers(table)).toEqual([11]);
    expect(table.verify()).toMatchObject({ whole: 1, flaw: undefined });
  });

  it('knows what was the head before, as long as that is there or the last that was removed', () => {
    const table = filled(10);
    const [sixth, seventh] = [mark(6), mark(7)];
    append(new AuditTable(db, { keep: 0, limit: 4 }), [auditEntry(11)]);
    expect(numbers(table)).toEqual([11, 10, 9, 8]);
    expect(table.verify(seventh).flaw).toBeUndefined();
    expect(table.verify(sixth).flaw).toEqual({ number: 6, kind: 'removed' });
  });

  it('is looked at once a minute, or each thousand entries, and leaves few too many', () => {
    const table = new AuditTable(db, { keep: 0, limit: 100 });
    const still = (count: number): AuditEntry[] => Array.from({ length: count }, () => auditEntry(0));
    append(table, still(200));
    expect(numbers(table)).toHaveLength(100);
    append(table, still(500));
    expect(numbers(table)).toHaveLength(600);
    append(table, still(500));
    expect(numbers(table)).toHaveLength(100);
    append(table, still(10));
    append(table, [auditEntry(1)]);
    expect(numbers(table)).toHaveLength(100);
    append(table, [auditEntry(1), auditEntry(0)]);
    expect(numbers(table)).toHaveLength(100);
    expect(table.verify()).toMatchObject({ whole: 100, flaw: undefined });
  });

  it('works off in pieces what a shorter time leaves too many', () => {
    filled(5000);
    const table = new AuditTable(db, { keep: 0, limit: 100 });
    const left = [1, 2, 3].map((count) => {
      append(table, [auditEntry(5000)]);
      return [count, table.verify().whole];
    });
    expect(left).toEqual([
      [1, 3001],
      [2, 1002],
      [3, 100],
    ]);
  });

  it('keeps what an entry from the future stands before, until it is past itself or the limit comes', () => {
    const table = new AuditTable(db, { keep: 3600, limit: 5 });
    const at = (index: number, seconds: number): AuditEntry => auditEntry(index, { at: epoch + seconds * 1000 });
    append(table, [at(1, 20_000), at(2, 100)]);
    append(table, [at(3, 10_000)]);
    expect(numbers(table)).toEqual([3, 2, 1]);
    append(table, [at(4, 23_000)]);
    expect(numbers(table)).toEqual([4, 3, 2, 1]);
    append(table, [at(5, 24_000)]);
    expect(numbers(table)).toEqual([5, 4]);
    append(table, [at(6, 90_000), at(7, 25_000), at(8, 25_001), at(9, 25_002)]);
    append(table, [at(10, 25_100), at(11, 25_200)]);
    expect(numbers(table)).toEqual([11, 10, 9, 8, 7]);
    expect(table.verify().flaw).toBeUndefined();
  });

  it('goes on over an entry that somebody has damaged', () => {
    const table = filled(5, { keep: 0, limit: 5 });
    byHand("UPDATE audit SET entry = 'x' WHERE number = 2");
    append(table, range(6, 10));
    expect(numbers(table)).toEqual([10, 9, 8, 7, 6]);
  });
});

describe('a file', () => {
  it('is verified while it is written to, and when nobody has it open', () => {
    const table = filled(3);
    expect(verifyAuditFile(file)).toMatchObject({ whole: 3, flaw: undefined });
    append(table, [auditEntry(4)]);
    db.close();
    const { whole, head } = verifyAuditFile(file);
    db = open(file, 'NORMAL');
    expect([whole, head && formatMark(head)]).toEqual([4, formatMark(mark(4))]);
  });

  it('is verified as it was at one moment, however much is written meanwhile', () => {
    filled(20_000);
    const other = new DatabaseSync(file, { readOnly: true });
    const reader = new AuditTable(other, forEver);
    other.exec('BEGIN');
    expect(numbers(reader, { limit: 1 })).toEqual([20_000]);
    append(new AuditTable(db, { keep: 0, limit: 10 }), [auditEntry(20_001)]);
    expect(numbers(reader, { limit: 1 })).toEqual([20_000]);
    other.exec('COMMIT');
    expect(reader.verify()).toMatchObject({ whole: 18_001, flaw: undefined });
    other.close();
  });

  it('is verified as a crash has left it, with all that is in its journal only', () => {
    filled(3);
    const copy = join(folder, 'copy.db');
    for (const suffix of ['', '-wal']) copyFileSync(`${file}${suffix}`, `${copy}${suffix}`);
    rmSync(`${copy}-shm`, { force: true });
    expect(verifyAuditFile(copy)).toMatchObject({ whole: 3, flaw: undefined });
  });

  it('is left as it is, so that a snapshot of it counts after that', () => {
    filled(3);
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    db.close();
    const before = identityOf(file);
    expect([verifyAuditFile(file).whole, identityOf(file)]).toEqual([3, before]);
    expect(before).toBeDefined();
    db = open(file, 'NORMAL');
  });

  it('without the log, or that is no database, is said', () => {
    expect(() => verifyAuditFile(join(folder, 'none.db'))).toThrow(
      expect.objectContaining({ code: 'store-failed', message: expect.stringContaining('none.db') }),
    );
    db.exec('DROP TABLE audit_ends');
    expect(() => verifyAuditFile(file)).toThrow(
      expect.objectContaining({ code: 'store-failed', message: expect.stringContaining(`${file} has no audit log`) }),
    );
  });
});
