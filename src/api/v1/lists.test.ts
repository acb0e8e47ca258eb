import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type OpenServer, openServer } from '../server.fixture.ts';
import { json, ListClient, path, text } from './lists.fixture.ts';

let server: OpenServer;
let client: ListClient;
beforeEach(async () => {
  server = await openServer();
  client = new ListClient(server);
});
afterEach(() => server.close());

describe('PATCH /v1/lists/{name}', () => {
  it('adds and removes entries and changes properties, what is in both being removed', async () => {
    await client.make('203.0.113.0/24');
    const changes = { add: ['198.51.100.0/24', '2001:db8::/32'], remove: ['203.0.113.7', '198.51.100.128/25'] };
    const { status, body, headers } = await client.ask('PATCH', path, json({ ...changes, comment: 'x', ttl: '1h' }));
    expect([status, body.status, body.list.comment, body.list.entries]).toEqual([200, 'changed', 'x', 10]);
    expect(headers['etag']).toBe(`"${body.list.version}"`);
    expect((await client.ask('GET', path)).body.items).toContain('198.51.100.0/25');
    expect((await client.ask('PATCH', path, json({}))).body.status).toBe('unchanged');
    expect((await client.ask('PATCH', path, json({ remove: ['0.0.0.0/0', '::/0'] }))).body.code).toBe('list-refused');
    expect((await client.ask('PATCH', `${path}?allowEmpty=true`, json({ remove: ['0.0.0.0/0', '::/0'] }))).status).toBe(
      200,
    );
  });

  it('refuses one bad entry, a list that is none, and another version', async () => {
    await client.make();
    const { status, body } = await client.ask('PATCH', path, json({ add: ['198.51.100.7', 'x'] }));
    expect([status, body.code, body.errors]).toEqual([
      ...[422, 'list-refused', [{ pointer: '/add/1', message: expect.stringMatching(/^"x": /) }]],
    ]);
    expect(await client.refusal('PATCH', path, json({ remove: [7] }))).toBe('422 list-refused');
    expect(await client.refusal('PATCH', '/v1/lists/none', json({ comment: 'x' }))).toBe('404 not-found');
    expect(await client.refusal('PATCH', path, json({ comment: 'x' }, { 'if-match': '"999"' }))).toBe(
      '412 precondition-failed',
    );
  });
});

describe('GET /v1/lists', () => {
  it('has the lists in the order in which a packet meets them, page by page', async () => {
    for (const name of ['a', 'c', 'b'])
      await client.ask('PUT', `/v1/lists/${name}?action=drop&chain=input`, text('203.0.113.7'));
    await client.ask('PUT', '/v1/lists/a', text('203.0.113.8'));
    const first = await client.ask('GET', '/v1/lists?limit=2');
    expect(first.body.items).toMatchObject([
      { name: 'b', entries: 1, counters: { packets: 0, bytes: 0 } },
      { name: 'c' },
    ]);
    await client.ask('DELETE', '/v1/lists/c');
    const second = await client.ask('GET', `/v1/lists?limit=2&cursor=${first.body.next}`);
    expect(second.body).toMatchObject({ items: [{ name: 'a' }] });
    expect(second.body.next).toBeUndefined();
  });

  it('has the entries of one page by page, under change, and none twice', async () => {
    const hosts = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, index) => `203.0.113.${2 * (from + index)}`);
    await client.make(
      [...hosts(0, 50), ...Array.from({ length: 50 }, (_, index) => `2001:db8::${index}:1`)].join('\n'),
    );
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await client.ask('GET', `${path}?limit=7${cursor}`);
      seen.push(...body.items);
      cursor = body.next === undefined ? '' : `&cursor=${body.next}`;
      if (seen.length === 14)
        await client.ask('PATCH', path, json({ add: ['198.51.100.0/24'], remove: ['203.0.113.98'] }));
    } while (cursor !== '');
    expect(seen).toHaveLength(99);
    expect(new Set(seen).size).toBe(99);
    expect(seen.slice(0, 49)).toEqual(hosts(0, 49).map((host) => `${host}/32`));
  });

  it('answers 304 to whoever has the version already', async () => {
    const { headers } = await client.make();
    const tag = String(headers['etag']);
    const known = await server.send('GET', path, { headers: { 'if-none-match': `"1000", W/${tag}` } });
    expect([known.status, known.text, known.headers['etag']]).toEqual([304, '', tag]);
    await client.ask('PATCH', path, json({ comment: 'x' }));
    expect((await client.ask('GET', path, { headers: { 'if-none-match': tag } })).status).toBe(200);
  });

  it('refuses cursors that are none of it', async () => {
    await client.make();
    const list = await client.ask('GET', '/v1/lists');
    expect(list.status).toBe(200);
    const bad = [
      'x',
      '!!',
      Buffer.from('[1,"list"]').toString('base64url'),
      Buffer.from('[1,4,"fffffffff"]').toString('base64url'),
    ];
    for (const cursor of bad) {
      expect(await client.refusal('GET', `${path}?cursor=${cursor}`)).toBe('400 cursor-invalid');
      expect(await client.refusal('GET', `/v1/lists?cursor=${cursor}`)).toBe('400 cursor-invalid');
    }
    expect(await client.refusal('GET', '/v1/lists/none')).toBe('404 not-found');
  });
});

it('the snapshot has the lists after the rules', async () => {
  await client.make();
  const { text: body } = await server.send('GET', '/v1/snapshot');
  const lines = body
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.slice(1)).toMatchObject([{ list: { name: 'spam', entries: 2 } }, { rules: 0, lists: 1 }]);
});

describe('DELETE /v1/lists/{name}', () => {
  it('takes the list out and says how it was', async () => {
    await client.make();
    const { status, body } = await client.ask('DELETE', path);
    expect([status, body]).toMatchObject([200, { status: 'deleted', list: { name: 'spam', entries: 2 } }]);
    expect([client.enforced(), await client.refusal('DELETE', path)]).toEqual([[], '404 not-found']);
    const audit = await server.engine.history.audit({ limit: 2 });
    expect(audit).toMatchObject([
      { operation: 'lists.delete', result: 'deleted', before: { name: 'spam' }, after: null },
      {},
    ]);
  });
});
