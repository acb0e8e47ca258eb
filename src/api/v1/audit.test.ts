import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuditEntry } from '../../engine/audit.ts';
import { temporaryFolder } from '../../engine/store/sqlite.fixture.ts';
import { SqliteStore } from '../../engine/store/sqlite.ts';
import { type OpenServer, openServer, type Question } from '../server.fixture.ts';
import { ask, errorsOf, json } from './client.fixture.ts';

let folder: string;
let store: SqliteStore;
let server: OpenServer;
beforeEach(async () => {
  folder = temporaryFolder();
  store = new SqliteStore(folder);
  server = await openServer({ store, nonRestful: true });
});
afterEach(async () => {
  await server.close();
  await store.close();
  rmSync(folder, { recursive: true });
});

interface Page {
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of an entry it says itself
  readonly items: any[];
  readonly next: number | null;
}

const page = async (query = ''): Promise<Page> => JSON.parse((await server.send('GET', `/v1/audit${query}`)).text);
const told = async (query = ''): Promise<string[]> =>
  (await page(query)).items.map(({ operation, target, result }) => `${operation} ${target} ${result}`);
const put = (source: string, question: Partial<Question> = {}, query = '', more = {}) => {
  const { headers, body } = json(JSON.stringify({ action: 'drop', chain: 'input', source, ...more }));
  return ask(server, 'POST', `/v1/rules${query}`, {
    ...question,
    headers: { ...headers, ...question.headers },
    body: body ?? '',
  });
};
const id = (host: string): string => `drop~input~any~any~${host}_32~any`;

/** Writes entries as if they had been made by these at those instants. */
async function enter(...entries: readonly (readonly [at: number, principal: string, operation: string])[]) {
  const audit = entries.map(
    ([at, principal, operation]): AuditEntry => ({
      ...{ at, principal, operation, address: '', door: 'socket', requestId: 'r', target: 't' },
      ...{ before: null, after: null, result: 'done' },
    }),
  );
  await server.engine.write({ commands: [], atomic: true, record: () => ({ audit }) });
}

describe('an entry', () => {
  it('says who did what, from where, through which door, what was and is, and under which id', async () => {
    const { token } = await server.tokens.create({ name: 'detector', scopes: ['rules:write'] }, 'test');
    await put('203.0.113.7', { headers: { authorization: `Bearer ${token}`, 'x-request-id': 'r-1' } });
    await ask(server, 'PATCH', `/v1/rules/${id('203.0.113.7')}`, json('{"comment":"scan"}'));
    const [patched, made] = (await page()).items;
    const rule = { id: id('203.0.113.7'), expiresAt: null, origin: 'token:detector', comment: '' };
    expect(made).toEqual({
      ...{ number: 1, at: made.at, principal: 'token:detector', address: '127.0.0.1', door: 'local' },
      ...{ requestId: 'r-1', operation: 'rules.put', target: id('203.0.113.7'), before: null, after: rule },
      ...{ result: 'created', hash: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(Math.abs(Date.parse(made.at) - Date.now())).toBeLessThan(60_000);
    expect(patched).toMatchObject({ principal: 'local', operation: 'rules.patch', before: rule, result: 'updated' });
    expect(patched.after).toEqual({ ...rule, comment: 'scan' });
  });

  it('is there of every change, over each API', async () => {
    await put('203.0.113.7');
    await server.send('PUT', '/drop/input/any/203.0.113.8?expire=10');
    await server.send('GET', '/drop/input/any/203.0.113.8?modify=delete');
    await server.send('DELETE', '/drop/input/any/203.0.113.7');
    await put('203.0.113.9');
    await ask(server, 'DELETE', '/v1/rules?contains=203.0.113.9');
    await ask(server, 'POST', '/v1/whitelist', json('{"entry":"198.51.100.7"}'));
    await ask(server, 'DELETE', '/v1/whitelist?entry=198.51.100.7');
    const batch = { items: [{ action: 'drop', chain: 'input', source: '203.0.113.1' }] };
    await ask(server, 'POST', '/v1/rules/batch', json(JSON.stringify(batch)));
    expect(await told()).toEqual([
      'rules.batch 1 items done',
      'whitelist.remove 198.51.100.7 deleted',
      'whitelist.add 198.51.100.7 created',
      'rules.delete-many contains=203.0.113.9 done',
      `rules.put ${id('203.0.113.9')} created`,
      `rules.delete ${id('203.0.113.7')} deleted`,
      `rules.delete ${id('203.0.113.8')} deleted`,
      `rules.put ${id('203.0.113.8')} created`,
      `rules.put ${id('203.0.113.7')} created`,
    ]);
  });

  it('is there of what was refused, over each API, and of what kernel or disk refused', async () => {
    const limits = { longestTtl: 60 };
    const { token } = await server.tokens.create({ name: 'x', scopes: ['rules:write'], limits }, 'test');
    const headers = { authorization: `Bearer ${token}` };
    await put('127.0.0.1');
    await server.send('PUT', '/drop/input/any/127.0.0.1');
    await put('203.0.113.7', { headers }, '', { ttl: 61 });
    await server.send('PUT', '/drop/input/any/203.0.113.7?expire=61', { headers });
    await put('203.0.113.7');
    await server.send('DELETE', '/drop/input/any/203.0.113.7', { headers });
    const { apply } = server.backend;
    server.backend.apply = async () => {
      throw new Error('ENOMEM');
    };
    await put('203.0.113.8');
    await server.send('PUT', '/drop/input/any/203.0.113.8');
    server.backend.apply = apply;
    expect(await told()).toEqual([
      `rules.put ${id('203.0.113.8')} kernel-unavailable`,
      `rules.put ${id('203.0.113.8')} kernel-unavailable`,
      `rules.delete ${id('203.0.113.7')} not-owner`,
      `rules.put ${id('203.0.113.7')} created`,
      `rules.put ${id('203.0.113.7')} beyond-limits`,
      `rules.put ${id('203.0.113.7')} beyond-limits`,
      `rules.put ${id('127.0.0.1')} whitelist-conflict`,
      `rules.put ${id('127.0.0.1')} whitelist-conflict`,
    ]);
    expect((await page('?limit=1')).items[0]).toMatchObject({ before: null, after: null });
  });

  it('is not there of what changed nothing, was wrong in itself, only thought of, or not let in', async () => {
    await put('203.0.113.7');
    const reader = await server.tokens.create({ name: 'x', scopes: ['rules:read'] }, 'test');
    await put('203.0.113.7');
    await server.send('PUT', '/drop/input/any/203.0.113.7');
    await ask(server, 'DELETE', `/v1/rules/${id('203.0.113.8')}`);
    await server.send('DELETE', '/drop/input/any/203.0.113.8');
    await put('203.0.113.8', {}, '?dryRun=true');
    await put('127.0.0.1', {}, '?dryRun=true');
    await put('nowhere');
    await put('203.0.113.9', { headers: { authorization: `Bearer ${reader.token}` } });
    await put('203.0.113.9', { headers: { authorization: 'Bearer x' } });
    await server.send('PUT', '/drop/input/any/203.0.113.9', { headers: { origin: 'http://example.org' } });
    await server.send('GET', '/list');
    const batch = { items: [{ action: 'drop', chain: 'input', source: '203.0.113.7' }] };
    await ask(server, 'POST', '/v1/rules/batch', json(JSON.stringify(batch)));
    expect(await told()).toEqual([`rules.put ${id('203.0.113.7')} created`]);
  });
});

describe('GET /v1/audit', () => {
  it('goes back page by page, to the first', async () => {
    await enter(...Array.from({ length: 25 }, (_, index) => [index, 'a', 'x'] as const));
    const numbers: number[][] = [];
    for (let next: number | null | undefined; next !== null; ) {
      const found: Page = await page(`?limit=10${next === undefined ? '' : `&before=${next}`}`);
      numbers.push(found.items.map(({ number }) => number));
      next = found.next;
    }
    expect(numbers.map((each) => [each[0], each.at(-1), each.length])).toEqual([
      [25, 16, 10],
      [15, 6, 10],
      [5, 1, 5],
    ]);
    await enter([99, 'a', 'x']);
    // What comes meanwhile moves nothing.
    expect((await page('?limit=10&before=16')).items[0].number).toBe(15);
    expect((await page()).items).toHaveLength(26);
  });

  it('filters by who, what and when', async () => {
    const at = (second: number): number => Date.UTC(2026, 0, 31, 12, 0, second);
    await enter([at(1), 'token:a', 'rules.put'], [at(2), 'token:b', 'rules.put'], [at(3), 'token:a', 'rules.delete']);
    const numbers = async (query: string): Promise<number[]> => (await page(query)).items.map(({ number }) => number);
    expect(await numbers('?principal=token:a')).toEqual([3, 1]);
    expect(await numbers('?principal=token')).toEqual([]);
    expect(await numbers('?operation=rules.put')).toEqual([2, 1]);
    expect(await numbers('?operation=rules.put&principal=token:b')).toEqual([2]);
    expect(await numbers('?since=2026-01-31T12:00:02Z')).toEqual([3, 2]);
    expect(await numbers('?until=2026-01-31T12:00:02Z')).toEqual([1]);
    expect(await numbers('?since=2026-01-31T13:00:02%2B01:00&until=2026-01-31T12:00:03Z')).toEqual([2]);
  });

  it.each([
    ['?limit=0', 'limit must be >= 1'],
    ['?limit=1001', 'limit must be <= 1000'],
    ['?before=0', 'before must be >= 1'],
    ['?before=x', 'before must be a whole number in digits'],
    [
      '?since=yesterday',
      'since is not valid. What is taken: An instant as in RFC 3339: 2026-01-31T12:00:00.000Z. Answers have it in UTC',
    ],
    ['?who=me', 'who is not known here'],
  ])('refuses %s', async (query, error) => {
    expect(await errorsOf(server, 'GET', `/v1/audit${query}`)).toEqual([error]);
  });
});
