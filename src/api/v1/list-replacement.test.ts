import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listLimits } from '../../domain/list-entries.ts';
import { type OpenServer, openServer } from '../server.fixture.ts';
import { json, ListClient, made, ndjson, path, text } from './lists.fixture.ts';

let server: OpenServer;
let client: ListClient;
beforeEach(async () => {
  server = await openServer();
  client = new ListClient(server);
});
afterEach(() => server.close());

describe('PUT /v1/lists/{name}', () => {
  it('makes a list out of text, enforces it, and says what it gave', async () => {
    const body =
      '\ufeff; a comment\r\n203.0.113.0/25 ; SBL1\r\n203.0.113.128/25\r\n\r\n192.0.2.7\n2001:db8::1-2001:db8::2\nnonsense\n';
    server.settings.listLimits = { ...listLimits, badShare: 0.5 };
    const { status, headers, body: told } = await client.ask('PUT', `${made}&comment=DROP&ttl=2h`, text(body));
    expect(status).toBe(201);
    expect(headers['etag']).toBe(`"${told.list.version}"`);
    expect(told).toEqual({
      status: 'created',
      list: {
        ...{ name: 'spam', action: 'drop', chain: 'input', in: 'any', out: 'any', side: 'source', comment: 'DROP' },
        expiresAt: expect.any(String),
        createdAt: expect.any(String),
        updatedAt: told.list.createdAt,
        origin: 'local',
        version: expect.any(Number),
        entries: 4,
      },
      cut: { entries: 1, first: ['192.0.2.7/32'] },
      report: {
        lines: 7,
        entries: 4,
        merged: 1,
        bad: 1,
        badLines: [{ line: 7, text: '"nonsense"', reason: expect.any(String) }],
      },
    });
    expect(Date.parse(told.list.expiresAt) - Date.parse(told.list.createdAt)).toBe(7_200_000);
    expect(client.enforced()).toEqual([expect.stringMatching(/^list spam v\d+ drop input any any 3 prefixes$/)]);
  });

  it('takes JSON and NDJSON, of texts and of objects', async () => {
    const entries = ['203.0.113.7', { cidr: '203.0.113.8/30' }, { address: '2001:db8::1' }];
    const properties = { action: 'reject', chain: 'forward', side: 'destination', in: 'eth0', out: 'ppp+', ttl: 60 };
    const first = await client.ask('PUT', path, json({ ...properties, entries }));
    expect([first.status, first.body.list]).toMatchObject([201, { side: 'destination', in: 'eth0', out: 'ppp+' }]);
    const lines = `${entries.map((entry) => JSON.stringify(entry)).join('\n')}\n{"type":"metadata"}`;
    const second = await client.ask('PUT', path, ndjson(lines));
    expect([second.status, second.body.status]).toEqual([200, 'unchanged']);
    expect(second.headers['etag']).toBe(first.headers['etag']);
    expect(await client.refusal('PUT', `${path}?comment=x`, json({ entries }))).toBe('400 request-invalid');
    expect(await client.refusal('PUT', path, json({ entries, more: 1 }))).toBe('400 request-invalid');
    expect(await client.refusal('PUT', path, { headers: { 'content-type': 'text/csv' }, body: 'x' })).toBe(
      '415 content-type-unsupported',
    );
  });

  it('replaces the entries and keeps what is not said, and another version is another ETag', async () => {
    const first = await client.make();
    const { status, headers, body } = await client.ask('PUT', `${path}?comment=new`, text('198.51.100.0/24'));
    expect([status, body.status, body.list.action, body.list.comment]).toEqual([200, 'replaced', 'drop', 'new']);
    expect(headers['etag']).not.toBe(first.headers['etag']);
    expect((await client.ask('GET', path)).body.items).toEqual(['198.51.100.0/24']);
  });

  it.each([
    ['', 'list-refused'],
    ['# only comments\n', 'list-refused'],
    ['nonsense\n203.0.113.7\n', 'list-refused'],
    ['0.0.0.0/1\n', 'list-refused'],
  ])('refuses %j, and the old list stands', async (body, code) => {
    await client.make();
    const before = [client.enforced(), (await client.ask('GET', path)).body];
    expect(await client.refusal('PUT', path, text(body))).toBe(`422 ${code}`);
    expect([client.enforced(), (await client.ask('GET', path)).body]).toEqual(before);
    const audit = await server.engine.history.audit({ limit: 1 });
    expect(audit).toMatchObject([{ operation: 'lists.replace', target: 'spam', result: code }]);
  });

  it('says which lines are bad when it refuses', async () => {
    const { body } = await client.ask('PUT', made, text('203.0.113.7\nnonsense\n10.0.0.0/7\n'));
    expect(body).toMatchObject({ code: 'list-refused', detail: expect.stringContaining('The first is line 2') });
    expect(body.errors).toEqual([
      { message: expect.stringMatching(/^Line 2, "nonsense": /) },
      { message: expect.stringMatching(/^Line 3, "10.0.0.0\/7": It holds more addresses than a prefix of \/8/) },
    ]);
    const inJson = await client.ask('PUT', path, json({ action: 'drop', chain: 'input', entries: ['203.0.113.7', 5] }));
    expect(inJson.body.errors).toEqual([{ pointer: '/entries/1', message: expect.stringMatching(/neither a string/) }]);
  });

  it('may be stricter than the configuration, and never laxer', async () => {
    const body = text(`${Array.from({ length: 99 }, (_, index) => `203.0.113.${index}`).join('\n')}\nnonsense\n`);
    expect(await client.refusal('PUT', `${made}&maxBadShare=0`, body)).toBe('422 list-refused');
    expect((await client.ask('PUT', `${made}&maxBadShare=0.01`, body)).status).toBe(201);
    expect(await client.refusal('PUT', `${made}&maxBadShare=1`, text('x\n203.0.113.7'))).toBe('422 list-refused');
    expect((await client.ask('PUT', `${path}?allowEmpty=true`, text(''))).body.list.entries).toBe(0);
  });

  it('needs an action and a chain for a new one, and a name that is one', async () => {
    expect(await client.refusal('PUT', path, text('203.0.113.7'))).toBe('400 list-invalid');
    expect(await client.refusal('PUT', '/v1/lists/Spam?action=drop&chain=input', text('203.0.113.7'))).toBe(
      '400 request-invalid',
    );
    expect(await client.refusal('PUT', `${made}&side=destination`, text('203.0.113.7'))).toBe('400 list-invalid');
    expect(await client.refusal('PUT', `${made}&ttl=60&expiresAt=2100-01-01T00:00:00Z`, text('203.0.113.7'))).toBe(
      '400 expire-invalid',
    );
    expect(await client.refusal('PUT', `${made}&ttl=0`, text('203.0.113.7'))).toBe('400 request-invalid');
  });

  it('depends on If-Match and If-None-Match', async () => {
    const first = await client.ask('PUT', made, text('203.0.113.7', { 'if-none-match': '*' }));
    expect(first.status).toBe(201);
    const tag = String(first.headers['etag']);
    const put = (headers: Record<string, string>) => client.refusal('PUT', path, text('203.0.113.8', headers));
    expect(await put({ 'if-none-match': '*' })).toBe('412 precondition-failed');
    expect(await put({ 'if-match': '"999", "x"' })).toBe('412 precondition-failed');
    expect(await put({ 'if-match': `W/${tag}` })).toBe('412 precondition-failed');
    expect(await put({ 'if-match': '999' })).toBe('400 request-invalid');
    expect(await client.refusal('DELETE', '/v1/lists/none', { headers: { 'if-match': '*' } })).toBe(
      '412 precondition-failed',
    );
    expect((await client.ask('PUT', path, text('203.0.113.8', { 'if-match': `"999", ${tag}` }))).body.status).toBe(
      'replaced',
    );
    expect(await put({ 'if-match': tag })).toBe('412 precondition-failed');
  });

  it('can be tried, and changes nothing then', async () => {
    const { status, headers, body } = await client.ask('PUT', `${made}&dryRun=true`, text('203.0.113.0/24\n192.0.2.1'));
    expect([status, headers['rfw-dry-run'], body.status, body.cut.first]).toEqual([
      ...[201, 'true', 'created', ['192.0.2.1/32']],
    ]);
    expect([client.enforced(), (await client.ask('GET', path)).status]).toEqual([[], 404]);
    expect(await client.refusal('PUT', `${made}&dryRun=true`, text(''))).toBe('422 list-refused');
  });

  it('does once what is sent twice with one Idempotency-Key, told apart by what the stream held', async () => {
    const key = { 'idempotency-key': 'k' };
    const first = await client.ask('PUT', made, text('203.0.113.7', key));
    await client.ask('DELETE', path);
    const again = await client.ask('PUT', made, text('203.0.113.7', key));
    expect([again.body, again.headers['idempotent-replayed'], client.enforced()]).toEqual([first.body, 'true', []]);
    expect(await client.refusal('PUT', made, text('203.0.113.8', key))).toBe('422 key-reused');
  });

  it('waits to be confirmed when it is asked to', async () => {
    const { headers } = await client.ask('PUT', `${made}&confirm=60s`, text('203.0.113.7'));
    const id = String(headers['rfw-confirmation']);
    expect(server.engine.confirmations.waiting).toMatchObject([{ id }]);
    expect((await client.ask('POST', `/v1/confirmations/${id}`)).status).toBe(204);
  });

  it('takes many lines as they come, while others are answered', async () => {
    const lines = Array.from({ length: 300_000 }, (_, at) => `${11 + (at >> 16)}.${(at >> 8) & 255}.${at & 255}.1`);
    let waits = 0;
    const put = client.ask('PUT', made, text(lines.join('\n'))).finally(() => clearInterval(timer));
    const timer = setInterval(() => waits++, 5);
    const { status, body } = await put;
    expect([status, body.report]).toMatchObject([201, { lines: 300_000, entries: 300_000, bad: 0 }]);
    expect(waits).toBeGreaterThan(10);
  }, 30_000);

  it('changes nothing when the body is too large or cut off', async () => {
    expect(await client.refusal('PUT', path, json({ entries: ['x'.repeat(9 * 1024 * 1024)] }))).toBe(
      '413 body-too-large',
    );
    const socket = connect(server.port, '127.0.0.1');
    const head = `PUT ${made} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: text/plain\r\ncontent-length: 1000000\r\n\r\n`;
    await new Promise<void>((resolve) => socket.write(`${head}203.0.113.7\n203.0.113.8\n`, () => resolve()));
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([client.enforced(), server.engine.listing.all]).toEqual([[], []]);
  });
});
