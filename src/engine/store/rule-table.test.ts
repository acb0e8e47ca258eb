import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Rule } from '../../domain/rule.ts';
import type { RecordedChange } from '../changes.ts';
import { loaded, rule } from '../rules.fixture.ts';
import { temporaryFolder } from './sqlite.fixture.ts';
import { SqliteStore } from './sqlite.ts';
import type { Mutation } from './store.ts';

let folder: string;
let store: SqliteStore;
beforeEach(() => {
  folder = temporaryFolder();
  store = new SqliteStore(folder);
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const insert = (inserted: Rule): Mutation => ({ kind: 'insert', rule: inserted });
const expiry = (changed: Rule): Mutation => ({ kind: 'update', rule: changed });
const remove = (gone: Rule): Mutation => ({ kind: 'delete', rule: gone });
const range = (length: number): number[] => Array.from({ length }, (_, index) => index);

/** Closes the store and opens it again. */
async function reopen(): Promise<SqliteStore> {
  await store.close();
  store = new SqliteStore(folder);
  return store;
}

const rulesOf = async (from: SqliteStore): Promise<readonly Rule[]> => (await loaded(from)).rules;

describe('many rules at once', () => {
  const runs = [
    ...range(20).map((at) => rule(1 + at, `10.0.0.${at}`)),
    ...range(12).map((at) => rule(21 + at, `drop output any eth0 any 2001:db8:${at}::/48`)),
    ...range(10).map((at) => rule(40 + at, `drop forward any any 10.1.0.${at} 10.2.0.0/16`, 5000)),
    ...range(4).map((at) => rule(50 + 2 * at, `10.3.0.${at}`)),
  ].map((one) => ({ ...one, createdAt: 1000, comment: 'all "of" them' }));
  const created = runs.map((one): RecordedChange => ({ kind: 'created', rule: one, by: 'test' }));
  const numbered = (changes: readonly RecordedChange[]) =>
    changes.map((change, index) => ({ number: 1 + index, at: 7, change }));

  it('are given back as they were, changed and deleted', async () => {
    await store.append(runs.map(insert));
    expect(await rulesOf(await reopen())).toEqual(runs);
    const later = runs.map((one) => ({ ...one, expiresAt: 9000, comment: one.seq % 7 === 0 ? 'x' : '' }));
    await store.append(later.map(expiry));
    expect(await rulesOf(await reopen())).toEqual(later);
    await store.append(later.filter(({ seq }) => seq % 2 === 0).map(remove));
    expect(await rulesOf(await reopen())).toEqual(later.filter(({ seq }) => seq % 2 !== 0));
  });

  it('are told of one by one, wherever somebody begins to ask', async () => {
    await store.append(runs.map(insert), { changes: numbered(created) });
    await reopen();
    for (const [after, limit] of [
      [0, 1000],
      [5, 10],
      [18, 4],
      [45, 1000],
    ] as const) {
      const { changes } = await store.changes(after, limit);
      expect(changes).toEqual(numbered(created).slice(after, after + limit));
    }
  });

  it('are told with who made them, when that is somebody else, or not all of them', async () => {
    const some = created.map((change, index) => (index % 15 === 3 ? { ...change, by: 'another' } : change));
    await store.append(runs.map(insert), { changes: numbered(some.slice(2)) });
    expect((await (await reopen()).changes(0, 1000)).changes).toEqual(numbered(some.slice(2)));
  });
});
