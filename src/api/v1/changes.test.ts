import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseWhitelistEntry } from '../../domain/whitelist.ts';
import type { AskedCommand } from '../../engine/decide.ts';
import { spec } from '../../engine/rules.fixture.ts';
import { type OpenServer, openServer } from '../server.fixture.ts';
import { ask, errorsOf } from './client.fixture.ts';

let server: OpenServer;
beforeEach(async () => {
  server = await openServer();
});
afterEach(() => server.close());

const host = (number: number): string => `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
const put = (number: number, comment = ''): AskedCommand => ({
  ...{ kind: 'put', spec: spec(host(number)), origin: 'test', expire: 0, comment },
});
const remove = (number: number): AskedCommand => ({ kind: 'delete', spec: spec(host(number)), origin: 'test' });
const write = (commands: readonly AskedCommand[]) => server.engine.write({ commands, atomic: false });

interface Page {
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of a change it says itself
  readonly items: any[];
  readonly next: number;
  readonly last: number;
}

async function changes(query: string): Promise<Page> {
  const { status, text } = await server.send('GET', `/v1/changes?${query}`);
  expect(status).toBe(200);
  return JSON.parse(text);
}

describe('GET /v1/changes', () => {
  it('has none before the first', async () => {
    expect(await changes('since=0')).toEqual({ items: [], next: 0, last: 0 });
  });

  it('gives pages, each from where the one before has ended, and at last nothing', async () => {
    await write(Array.from({ length: 1100 }, (_, number) => put(number)));
    const numbers: number[] = [];
    const pages: [number, number][] = [];
    for (let page = await changes('since=0&limit=400'); ; page = await changes(`since=${page.next}&limit=400`)) {
      numbers.push(...page.items.map(({ number }) => number));
      pages.push([page.items.length, page.next]);
      expect(page.last).toBe(1100);
      if (page.items.length === 0) break;
    }
    expect(pages).toEqual([
      [400, 400],
      [400, 800],
      [300, 1100],
      [0, 1100],
    ]);
    expect(numbers).toEqual(Array.from({ length: 1100 }, (_, index) => index + 1));
    expect((await changes('since=0')).items).toHaveLength(500);
    expect((await changes('since=0&limit=1000')).items).toHaveLength(1000);
  });

  it('has a rule as it was after the change, and one that went as it was before', async () => {
    await write([put(1, 'first')]);
    await write([put(1, 'second')]);
    await write([remove(1)]);
    const { items } = await changes('since=0');
    expect(items.map(({ kind, rule }) => [kind, rule.comment])).toEqual([
      ['rule-created', 'first'],
      ['rule-updated', 'second'],
      ['rule-deleted', 'second'],
    ]);
  });

  it.each([
    ['', 'since is missing'],
    ['?since=x', 'since must be a whole number in digits'],
    ['?since=-1', 'since must be >= 0'],
    ['?since=0&limit=0', 'limit must be >= 1'],
    ['?since=0&limit=1001', 'limit must be <= 1000'],
    ['?since=0&after=1', 'after is not known here'],
  ])('refuses %j', async (query, error) => {
    expect(await errorsOf(server, 'GET', `/v1/changes${query}`)).toEqual([error]);
  });
});

describe('GET /v1/snapshot', () => {
  it('has where it belongs among the changes, what was added to the whitelist, the rules and their number', async () => {
    await write([put(1), put(2)]);
    const added = { entry: parseWhitelistEntry('198.51.100.0/24'), by: 'test', createdAt: 0 };
    await server.engine.whitelisting.add(added, () => ({}));
    await server.send('PUT', '/v1/lists/spam?action=drop&chain=input', {
      headers: { 'content-type': 'text/plain' },
      body: '203.0.113.0/24',
    });
    const { headers, text } = await server.send('GET', '/v1/snapshot');
    expect(headers['content-type']).toBe('application/x-ndjson');
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { change: 4, at: expect.any(String), whitelist: ['198.51.100.0/24'] },
      { source: '10.0.0.2/32' },
      { source: '10.0.0.1/32' },
      { list: { name: 'spam', action: 'drop', entries: 1 } },
      { rules: 2, lists: 1 },
    ]);
  });

  it('of nothing says so', async () => {
    expect(await ask(server, 'GET', '/v1/snapshot')).toMatch(/^200 {"change":0,.*}\n{"rules":0,"lists":0}\n$/);
    expect((await server.send('HEAD', '/v1/snapshot')).text).toBe('');
  });

  it('with the changes after it gives what stands, whatever happens meanwhile', async () => {
    await write(Array.from({ length: 2000 }, (_, number) => put(number)));
    const number = fc.nat(2400);
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ kind: fc.constant('put' as const), number, comment: fc.constantFrom('', 'x') }),
      },
      { weight: 5, arbitrary: fc.record({ kind: fc.constant('delete' as const), number }) },
      // Rules that come back to their former places.
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('undo' as const), number }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('whitelist' as const), number }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('list' as const), number }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const reading = server.send('GET', '/v1/snapshot');
        for (const [index, { kind, ...of }] of steps.entries()) {
          if (kind === 'put') await write([put(of.number, 'comment' in of ? of.comment : '')]);
          else if (kind === 'delete') await write([remove(of.number)]);
          else if (kind === 'list') await listed(of.number % 3);
          else if (kind === 'undo') await undone(of.number, `${index}`);
          else await whitelisted(of.number);
        }
        const [head, ...rest] = (await reading).text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line));
        const ended = rest.pop();
        const named = rest.filter((line) => 'list' in line);
        const told = rest.filter((line) => !('list' in line));
        expect(ended).toEqual({ rules: told.length, lists: named.length });
        const rules = new Map<string, unknown>(told.map((rule) => [rule.id, rule]));
        const lists = new Set<string>(named.map(({ list }) => list.name));
        const whitelist = new Set<string>(head.whitelist);
        let since: number = head.change;
        for (
          let page = await changes(`since=${since}`);
          page.items.length > 0;
          page = await changes(`since=${since}`)
        ) {
          for (const { kind, rule, entry, list } of page.items) {
            if (kind === 'list-replaced') lists.add(list);
            else if (kind === 'list-deleted') lists.delete(list);
            else if (kind === 'whitelist-added') whitelist.add(entry);
            else if (kind === 'whitelist-removed') whitelist.delete(entry);
            else if (kind === 'rule-created' || kind === 'rule-updated') rules.set(rule.id, rule);
            else rules.delete(rule.id);
          }
          since = page.next;
        }
        const now = (await server.send('GET', '/v1/snapshot')).text
          .trimEnd()
          .split('\n')
          .filter((line) => line.startsWith('{"id"'));
        expect([...rules.keys()].sort()).toEqual(now.map((line) => JSON.parse(line).id).sort());
        expect(new Map(now.map((line) => [JSON.parse(line).id, JSON.parse(line)]))).toEqual(rules);
        expect([...lists].sort()).toEqual(server.engine.listing.all.map(({ name }) => name).sort());
        expect([...whitelist].sort()).toEqual(server.engine.whitelisting.added.map(({ entry }) => entry.text).sort());
      }),
      { numRuns: 15 },
    );
  });
});

/** Deletes a rule, and has that undone at once. */
async function undone(number: number, id: string): Promise<void> {
  const { engine } = server;
  await engine.write({ commands: [remove(number)], atomic: true }, { id, seconds: 0, by: 'test' });
  await expect.poll(() => engine.confirmations.waiting.length, { interval: 1 }).toBe(0);
}

/** Makes a list, or deletes it. */
async function listed(number: number): Promise<void> {
  const path = `/v1/lists/l${number}`;
  if ((await server.send('DELETE', path)).status === 200) return;
  const question = { headers: { 'content-type': 'text/plain' }, body: '203.0.113.0/24' };
  expect((await server.send('PUT', `${path}?action=drop&chain=input`, question)).status).toBe(201);
}

/** Adds an entry to the whitelist, or takes it away. */
async function whitelisted(number: number): Promise<void> {
  const { whitelisting } = server.engine;
  const entry = parseWhitelistEntry(host(number));
  const nothing = () => ({});
  if ((await whitelisting.remove(entry.text, 'test', nothing, nothing)) !== undefined) return;
  await whitelisting.add({ entry, by: 'test', createdAt: 0 }, nothing);
}
