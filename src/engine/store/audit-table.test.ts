import { beforeEach, describe, expect, it } from 'vitest';
import { auditEntry, epoch } from '../audit.fixture.ts';
import { type AuditEntry, chainHash, entryText, genesis } from '../audit.ts';
import { AuditedDatabase, numbers, range } from './audit-table.fixture.ts';
import type { AuditTable } from './audit-table.ts';
import { transaction } from './database.ts';

let log: AuditedDatabase;

beforeEach(() => {
  log = new AuditedDatabase();
});

describe('a new log', () => {
  it('is empty and whole', () => {
    const table = log.table();
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
    const table = log.filled(2);
    log.append(table, [auditEntry(3)]);
    let { hash } = genesis;
    const expected = [1, 2, 3].map((number) => {
      hash = chainHash(hash, entryText(auditEntry(number), number));
      return { ...auditEntry(number), number, hash: Buffer.from(hash).toString('hex') };
    });
    expect(table.page({ limit: 10 })).toEqual(expected.reverse());
    expect(table.verify()).toMatchObject({ whole: 3, first: epoch + 60_000, last: epoch + 180_000, flaw: undefined });
  });

  it('goes on where an earlier run has ended', () => {
    log.filled(2);
    const next = log.filled(1);
    expect(numbers(next)).toEqual([3, 2, 1]);
    expect(next.verify()).toMatchObject({ whole: 3, flaw: undefined });
  });

  it('leaves nothing behind when the transaction of the caller fails', () => {
    const table = log.filled(2);
    const failing = (): void =>
      transaction(log.db, 'Could not store', () => {
        table.append([auditEntry(3), auditEntry(4)]);
        throw new Error('The disk is full');
      });
    expect(failing).toThrow('The disk is full');
    log.append(table, [auditEntry(5)]);
    expect(table.page({ limit: 10 }).map(({ number, target }) => [number, target])).toEqual([
      [3, 'rule-5'],
      [2, 'rule-2'],
      [1, 'rule-1'],
    ]);
    expect(table.verify()).toMatchObject({ whole: 3, flaw: undefined });
  });

  it('keeps hostile texts as they are', () => {
    const table = log.table();
    const hostile = ['a\u0000b', '\ud800', "'); DROP TABLE audit; --", '{"number":9}', '\u202e', 'x'.repeat(100_000)];
    const entries = hostile.map((target) => auditEntry(1, { target, principal: target, after: { [target]: target } }));
    log.append(table, entries);
    expect(table.page({ limit: 10 }).map(({ target }) => target)).toEqual(hostile.toReversed());
    expect(table.page({ limit: 10 })[5]?.after).toEqual({ 'a\u0000b': 'a\u0000b' });
    expect(table.verify()).toMatchObject({ whole: 6, flaw: undefined });
  });

  it('of nothing does nothing', () => {
    const table = log.table();
    log.append(table, []);
    expect(table.verify().whole).toBe(0);
  });
});

describe('page', () => {
  const principals = ['alice', 'token:detector', 'bob'];
  const fill = (): AuditTable => {
    const table = log.table();
    const entries = range(1, 30).map((entry, index) => ({
      ...entry,
      principal: principals[index % 3] ?? '',
      operation: index % 10 === 0 ? 'tokens.create' : 'rules.put',
    }));
    log.append(table, entries);
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
      log.db
        .prepare(`EXPLAIN QUERY PLAN SELECT entry FROM audit WHERE ${condition} ORDER BY number DESC LIMIT 9`)
        .all();
    expect(plan("principal = 'x' AND number < 9")).toMatchObject([
      { detail: expect.stringContaining('audit_principal') },
    ]);
    expect(plan("operation = 'x' AND number < 9")).toMatchObject([
      { detail: expect.stringContaining('audit_operation') },
    ]);
  });

  it('says how to look closer at a log that can not be read', () => {
    const table = fill();
    log.byHand("UPDATE audit SET entry = 'x' WHERE number = 5");
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
    const table = log.filled(3);
    expect(() => log.db.exec(statement)).toThrow(reason);
    expect(table.verify()).toMatchObject({ whole: 3, flaw: undefined });
  });
});

describe('retention', () => {
  it('removes what is older than is kept, and the rest verifies', () => {
    const table = log.filled(10, { keep: 180, limit: 0 });
    expect(numbers(table)).toEqual([10, 9, 8, 7]);
    expect(table.verify()).toMatchObject({ whole: 4, first: epoch + 420_000, flaw: undefined });
    log.append(table, [auditEntry(11)]);
    expect(numbers(table)).toEqual([11, 10, 9, 8]);
  });

  it('removes what is more than the limit, the oldest first', () => {
    const table = log.filled(10, { keep: 0, limit: 3 });
    expect(numbers(table)).toEqual([10, 9, 8]);
    expect(table.verify()).toMatchObject({ whole: 3, flaw: undefined });
  });

  it('keeps everything for ever where that is configured', () => {
    const table = log.filled(10);
    log.append(table, [auditEntry(100_000_000)]);
    expect(numbers(table)).toHaveLength(11);
  });

  it('may leave only what was just written', () => {
    const table = log.filled(10, { keep: 60, limit: 1 });
    log.append(table, [auditEntry(100_000)]);
    expect(numbers(table)).toEqual([11]);
    expect(table.verify()).toMatchObject({ whole: 1, flaw: undefined });
  });

  it('knows what was the head before, as long as that is there or the last that was removed', () => {
    const table = log.filled(10);
    const [sixth, seventh] = [log.mark(6), log.mark(7)];
    log.append(log.table({ keep: 0, limit: 4 }), [auditEntry(11)]);
    expect(numbers(table)).toEqual([11, 10, 9, 8]);
    expect(table.verify(seventh).flaw).toBeUndefined();
    expect(table.verify(sixth).flaw).toEqual({ number: 6, kind: 'removed' });
  });

  it('is looked at once a minute, or each thousand entries, and leaves few too many', () => {
    const table = log.table({ keep: 0, limit: 100 });
    const still = (count: number): AuditEntry[] => Array.from({ length: count }, () => auditEntry(0));
    log.append(table, still(200));
    expect(numbers(table)).toHaveLength(100);
    log.append(table, still(500));
    expect(numbers(table)).toHaveLength(600);
    log.append(table, still(500));
    expect(numbers(table)).toHaveLength(100);
    log.append(table, still(10));
    log.append(table, [auditEntry(1)]);
    expect(numbers(table)).toHaveLength(100);
    log.append(table, [auditEntry(1), auditEntry(0)]);
    expect(numbers(table)).toHaveLength(100);
    expect(table.verify()).toMatchObject({ whole: 100, flaw: undefined });
  });

  it('works off in pieces what a shorter time leaves too many', () => {
    log.filled(5000);
    const table = log.table({ keep: 0, limit: 100 });
    const left = [1, 2, 3].map((count) => {
      log.append(table, [auditEntry(5000)]);
      return [count, table.verify().whole];
    });
    expect(left).toEqual([
      [1, 3001],
      [2, 1002],
      [3, 100],
    ]);
  });

  it('keeps what an entry from the future stands before, until it is past itself or the limit comes', () => {
    const table = log.table({ keep: 3600, limit: 5 });
    const at = (index: number, seconds: number): AuditEntry => auditEntry(index, { at: epoch + seconds * 1000 });
    log.append(table, [at(1, 20_000), at(2, 100)]);
    log.append(table, [at(3, 10_000)]);
    expect(numbers(table)).toEqual([3, 2, 1]);
    log.append(table, [at(4, 23_000)]);
    expect(numbers(table)).toEqual([4, 3, 2, 1]);
    log.append(table, [at(5, 24_000)]);
    expect(numbers(table)).toEqual([5, 4]);
    log.append(table, [at(6, 90_000), at(7, 25_000), at(8, 25_001), at(9, 25_002)]);
    log.append(table, [at(10, 25_100), at(11, 25_200)]);
    expect(numbers(table)).toEqual([11, 10, 9, 8, 7]);
    expect(table.verify().flaw).toBeUndefined();
  });

  it('goes on over an entry that somebody has damaged', () => {
    const table = log.filled(5, { keep: 0, limit: 5 });
    log.byHand("UPDATE audit SET entry = 'x' WHERE number = 2");
    log.append(table, range(6, 10));
    expect(numbers(table)).toEqual([10, 9, 8, 7, 6]);
  });
});
