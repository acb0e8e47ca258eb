import { DatabaseSync } from '@photostructure/sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { NumberedChange } from '../changes.ts';
import { rule } from '../rules.fixture.ts';
import { ChangeLog, changeLogSchema } from './change-log.ts';
import { longestRun, runsOf } from './rule-runs.ts';

const db = new DatabaseSync(':memory:');

beforeEach(() => db.exec(changeLogSchema));
afterEach(() => db.exec('DROP TABLE changes'));

/** That rules which are alike but for the address were created, by whom they name. */
function creations(count: number, first: number): NumberedChange[] {
  return Array.from({ length: count }, (_, index) => {
    const address = `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;
    const created = { ...rule(first + index, address), createdAt: 1000 };
    return { number: first + index, at: 1000, change: { kind: 'created', rule: created, by: created.origin } };
  });
}

function rulesOf(changes: readonly NumberedChange[]) {
  return changes.flatMap(({ change }) => (change.kind === 'created' ? [change.rule] : []));
}

it('has a bulk of rules in few rows that are read as a whole, in hardly more room than their addresses', () => {
  const log = new ChangeLog(db);
  const entry: NumberedChange = {
    number: 1,
    at: 1000,
    change: { kind: 'whitelist-added', entry: '192.0.2.1', by: 'x' },
  };
  const changes = [entry, ...creations(12_000, 2)];
  log.append(changes, runsOf(rulesOf(changes)));
  const rows = db.prepare('SELECT first, count, length(body) AS size FROM changes ORDER BY first').all();
  const counts = rows.map(({ count }) => Number(count));
  expect(counts).toEqual([1, longestRun, longestRun, 2000]);
  expect(rows.reduce((sum, { size }) => sum + Number(size), 0)).toBeLessThan(20 * 12_000);
  expect([log.page(0, 20_000).changes, log.last]).toEqual([changes, 12_001]);
  expect(log.page(5002, 2).changes.map(({ number }) => number)).toEqual([5003, 5004]);
});

it('puts several small changes into one row, also around a run', () => {
  const log = new ChangeLog(db);
  const deleted: NumberedChange = {
    number: 101,
    at: 1000,
    change: { kind: 'deleted', rule: rule(1, '10.9.9.9'), by: 'x' },
  };
  const changes = [...creations(100, 1), deleted];
  log.append(changes, runsOf(rulesOf(changes)));
  expect(db.prepare('SELECT first, count FROM changes').all()).toEqual([{ first: 1, count: 101 }]);
  expect(log.page(0, 1000).changes).toEqual(changes);
});
