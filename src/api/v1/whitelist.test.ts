import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Limits, Scope } from '../access/principal.ts';
import { alice, basic, type Certificate, makeCertificate, type OpenServer, openServer } from '../server.fixture.ts';
import { ask, errorsOf, json } from './client.fixture.ts';
import { listen } from './events.fixture.ts';

let server: OpenServer;
beforeEach(async () => {
  server = await openServer({ whitelist: '127.0.0.1\n192.0.2.0/24 # the office' });
});
afterEach(() => server.close());

// biome-ignore lint/suspicious/noExplicitAny: what a test expects of an answer it says itself
async function told(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<any> {
  const typed = body === undefined ? {} : { 'content-type': 'application/json' };
  const answer = await server.send(method, path, {
    headers: { ...typed, ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, headers: answer.headers, body: JSON.parse(answer.text) };
}

const add = (entry: string, more: object = {}, query = '', headers: Record<string, string> = {}) =>
  told('POST', `/v1/whitelist${query}`, { entry, ...more }, headers);
const remove = (entry: string, query = '', headers: Record<string, string> = {}) =>
  told('DELETE', `/v1/whitelist?entry=${encodeURIComponent(entry)}${query}`, undefined, headers);
const code = ({ status, body }: { status: number; body: { code: string } }): string => `${status} ${body.code}`;
const block = (source: string, more: object = {}): Promise<string> =>
  ask(server, 'POST', '/v1/rules', json(JSON.stringify({ action: 'drop', chain: 'input', source, ...more })));
const entries = async (): Promise<string[]> =>
  (await told('GET', '/v1/whitelist')).body.items.map(({ entry, from }: Record<string, string>) => `${from} ${entry}`);
const audited = async (): Promise<string[]> =>
  (await server.engine.history.audit({ limit: 100 })).map(
    ({ operation, target, result }) => `${operation} ${target} ${result}`,
  );

async function bearer(scopes: readonly Scope[], limits: Limits = {}): Promise<Record<string, string>> {
  const { token } = await server.tokens.create({ name: `t${++count}`, scopes, limits }, 'test');
  return { authorization: `Bearer ${token}` };
}
let count = 0;

describe('an entry that is added', () => {
  it('is listed behind those of the file, and no rule may touch it', async () => {
    const { status, body } = await add('198.51.100.0/24', { comment: 'partners' });
    expect(status).toBe(201);
    expect(body).toMatchObject({ entry: '198.51.100.0/24', from: 'api', comment: 'partners', origin: 'local' });
    expect(body).toMatchObject({ displaced: [], displacedCount: 0 });
    expect((await told('GET', '/v1/whitelist')).body.items).toEqual([
      { entry: '127.0.0.1', from: 'file', comment: '', origin: null, createdAt: null },
      { entry: '192.0.2.0/24', from: 'file', comment: '', origin: null, createdAt: null },
      expect.objectContaining({ entry: '198.51.100.0/24', from: 'api', comment: 'partners', origin: 'local' }),
    ]);
    expect(await block('198.51.100.7')).toMatch(/^400 whitelist-conflict/);
    expect((await server.send('PUT', '/drop/input/any/198.51.100.7')).status).toBe(400);
  });

  it('takes out the rules that it conflicts with, and names them', async () => {
    for (const source of ['198.51.100.7', '198.51.0.0/16', '203.0.113.1']) await block(source);
    const { body } = await add('198.51.100.0/24');
    expect(body.displaced.map(({ source }: { source: string }) => source).sort()).toEqual([
      '198.51.0.0/16',
      '198.51.100.7/32',
    ]);
    expect(body.displacedCount).toBe(2);
    expect(server.backend.dump()).toBe('drop input any any 203.0.113.1/32 any');
    const [entry] = await server.engine.history.audit({ limit: 1 });
    expect(entry).toMatchObject({ operation: 'whitelist.add', target: '198.51.100.0/24', result: 'created' });
    expect(entry?.after).toMatchObject({ displacedCount: 2 });
  });

  it.each([
    ['198.51.100.7/32', '198.51.100.7'],
    [' 198.51.100.7 ', '198.51.100.7'],
    ['198.51.100.77/24', '198.51.100.0/24'],
    ['198.51.100.0-198.51.100.255', '198.51.100.0/24'],
    ['198.51.100.1 - 198.51.100.9', '198.51.100.1-198.51.100.9'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['2001:db8::/128', '2001:db8::'],
  ])('has one form, however it is written: %s', async (written, form) => {
    expect((await add(written)).body.entry).toBe(form);
    expect((await add(form)).status).toBe(200);
    expect(await entries()).toEqual(['file 127.0.0.1', 'file 192.0.2.0/24', `api ${form}`]);
    expect((await remove(written)).body.entry).toBe(form);
    expect(await entries()).toHaveLength(2);
  });

  it('that is there gets the comment, and is no change when it has it', async () => {
    const first = await add('198.51.100.7', { comment: 'a' }, '', await bearer(['whitelist:write']));
    const { createdAt, origin } = first.body;
    for (const [more, comment] of [
      [{}, 'a'],
      [{ comment: 'a' }, 'a'],
      [{ comment: 'b' }, 'b'],
    ] as const) {
      const again = await add('198.51.100.7', more);
      expect([again.status, again.body.comment]).toEqual([200, comment]);
      // Whose it is, and since when, stays.
      expect(again.body).toMatchObject({ createdAt, origin });
    }
    expect(await audited()).toEqual(['whitelist.add 198.51.100.7 updated', 'whitelist.add 198.51.100.7 created']);
    expect(server.engine.lastChange).toBe(1);
    expect((await told('GET', '/v1/whitelist')).body.items[2].comment).toBe('b');
  });

  it.each([
    ['198.51.100', '400 address-invalid'],
    ['198.51.100.0/33', '400 mask-invalid'],
    ['198.51.100.9-198.51.100.1', '400 address-invalid'],
    ['198.51.100.1-2001:db8::1', '400 family-mismatch'],
    ['example.org', '400 address-invalid'],
    ['x', '400 request-invalid'],
    ['1'.repeat(101), '400 request-invalid'],
  ])('must be one: %s', async (entry, expected) => {
    expect(code(await add(entry))).toBe(expected);
    expect(await entries()).toHaveLength(2);
  });

  it('names where the body is wrong', async () => {
    const body = JSON.stringify({ entry: 7, from: 'file', comment: 'x'.repeat(257) });
    expect((await errorsOf(server, 'POST', '/v1/whitelist', json(body))).sort()).toEqual([
      '/comment must not have more than 256 characters',
      '/entry must be string',
      '/from is not known here',
    ]);
  });

  it('changes nothing with dryRun, and says what it would', async () => {
    await block('198.51.100.7');
    const answer = await add('198.51.100.0/24', {}, '?dryRun=true');
    expect([answer.status, answer.headers['rfw-dry-run'], answer.body.displacedCount]).toEqual([201, 'true', 1]);
    expect([server.engine.size, await entries(), server.engine.lastChange]).toEqual([
      1,
      ['file 127.0.0.1', 'file 192.0.2.0/24'],
      1,
    ]);
  });

  it('is gone again, and what it displaced is back, when nobody confirms it', async () => {
    await block('198.51.100.7', { comment: 'scan' });
    const before = server.backend.dump();
    const answer = await add('198.51.100.0/24', {}, '?confirm=1s');
    expect(answer.headers['rfw-confirmation']).toMatch(/^[\w-]{16}$/);
    expect(server.engine.size).toBe(0);
    await expect.poll(() => server.backend.dump(), { timeout: 4000 }).toBe(before);
    expect(await entries()).toHaveLength(2);
    expect([(await add('198.51.100.9', { comment: 'a' })).status]).toEqual([201]);
    await add('198.51.100.9', { comment: 'b' }, '?confirm=1s');
    await expect.poll(() => server.engine.whitelisting.added[0]?.comment, { timeout: 4000 }).toBe('a');
    const nothing = await add('198.51.100.9', { comment: 'a' }, '?confirm=1s');
    expect(nothing.headers['rfw-confirmation']).toBeUndefined();
  });

  it('is added once for each Idempotency-Key', async () => {
    const key = { 'idempotency-key': 'k' };
    expect((await add('198.51.100.7', {}, '', key)).status).toBe(201);
    await remove('198.51.100.7');
    const again = await add('198.51.100.7', {}, '', key);
    expect([again.status, again.headers['idempotent-replayed']]).toEqual([201, 'true']);
    expect(await entries()).toHaveLength(2);
    expect(code(await add('198.51.100.8', {}, '', key))).toBe('422 key-reused');
  });

  it('leaves all as it was where the kernel refuses', async () => {
    await block('198.51.100.7');
    const { replace } = server.backend;
    server.backend.replace = async () => {
      server.backend.replace = replace;
      throw new Error('ENOMEM');
    };
    expect(code(await add('198.51.100.7'))).toBe('503 kernel-unavailable');
    expect([await entries(), server.engine.size]).toEqual([['file 127.0.0.1', 'file 192.0.2.0/24'], 1]);
    expect((await audited())[0]).toBe('whitelist.add 198.51.100.7 kernel-unavailable');
  });

  it('of requests that come together is new for one of them', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => add('198.51.100.7')));
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 201]);
  });

  it('may not be wider than the rules that a token may put', async () => {
    const narrow = await bearer(['whitelist:write'], { shortestPrefix: { 4: 24, 6: 48 } });
    expect(code(await add('198.51.0.0/16', {}, '', narrow))).toBe('403 beyond-limits');
    expect(code(await add('198.51.100.0-198.51.101.0', {}, '?dryRun=true', narrow))).toBe('403 beyond-limits');
    expect((await add('198.51.100.0/24', {}, '', narrow)).status).toBe(201);
    expect((await audited())[1]).toBe('whitelist.add 198.51.0.0/16 beyond-limits');
  });
});

describe('an entry that is removed', () => {
  it('is told as it was, and rules may touch it again', async () => {
    await add('198.51.100.7', { comment: 'a' });
    expect((await remove('198.51.100.7')).body).toMatchObject({ entry: '198.51.100.7', comment: 'a', from: 'api' });
    expect(await block('198.51.100.7')).toMatch(/^201 /);
    expect(code(await remove('198.51.100.7'))).toBe('404 not-found');
  });

  it('is none of the file', async () => {
    for (const entry of ['192.0.2.0/24', '192.0.2.9/24', '127.0.0.1/32']) {
      expect(code(await remove(entry))).toBe('409 entry-fixed');
      expect(code(await remove(entry, '&dryRun=true'))).toBe('409 entry-fixed');
    }
    expect((await audited())[0]).toBe('whitelist.remove 127.0.0.1 entry-fixed');
  });

  it('is gone for the same key the first time, and told again', async () => {
    await add('198.51.100.7');
    const key = { 'idempotency-key': 'k' };
    const first = await remove('198.51.100.7', '', key);
    const again = await remove('198.51.100.7', '', key);
    expect([again.status, again.body, again.headers['idempotent-replayed']]).toEqual([200, first.body, 'true']);
  });

  it('changes nothing with dryRun, and is back when nobody confirms it', async () => {
    await add('198.51.100.7', { comment: 'a' });
    expect((await remove('198.51.100.7', '&dryRun=true')).status).toBe(200);
    expect(await entries()).toHaveLength(3);
    await remove('198.51.100.7', '&confirm=1s');
    expect(await entries()).toHaveLength(2);
    await expect.poll(() => server.engine.whitelisting.added[0]?.comment, { timeout: 4000 }).toBe('a');
  });

  it('is not the last one that covers whoever asks', async () => {
    await server.close();
    server = await openServer({ whitelist: '192.0.2.1' });
    await add('127.0.0.0/8');
    const refused = await remove('127.0.0.0/8');
    expect(code(refused)).toBe('409 self-exclusion');
    expect(refused.body.detail).toBe(
      '127.0.0.0/8 is the last entry that covers your own address, 127.0.0.1: add another that does first',
    );
    expect(code(await remove('127.0.0.0/8', '&dryRun=true'))).toBe('409 self-exclusion');
    expect((await audited())[0]).toBe('whitelist.remove 127.0.0.0/8 self-exclusion');
    await add('127.0.0.1');
    // Of two removals at once that are fine each by itself, one is not.
    const both = await Promise.all([remove('127.0.0.0/8'), remove('127.0.0.1')]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
  });
});

describe('the outward server', () => {
  let certificate: Certificate;
  let outward: OpenServer;
  beforeAll(async () => {
    certificate = await makeCertificate();
  });
  beforeEach(async () => {
    outward = await openServer({ whitelist: '192.0.2.1' }, certificate);
  });
  afterEach(() => outward.close());

  const headers = { authorization: basic(alice) };
  const status = async (): Promise<number> => (await outward.send('GET', '/v1/whitelist', { headers })).status;
  const entry = { entry: { text: '127.0.0.1', family: 4, first: 2130706433n, last: 2130706433n } } as const;
  const nothing = () => ({});

  it('lets an address in as soon as it is added, and no longer than it is', async () => {
    expect(await status()).toBe(403);
    await outward.engine.whitelisting.add({ ...entry, by: 'test', createdAt: 0 }, nothing);
    expect(await status()).toBe(200);
    const listener = await listen({ port: outward.port, authority: certificate.authority }, '', { headers });
    expect(await ask(outward, 'DELETE', '/v1/whitelist?entry=127.0.0.1', { headers })).toMatch(/^409 self-exclusion/);
    await outward.engine.whitelisting.remove('127.0.0.1', 'test', nothing, nothing);
    expect(await status()).toBe(403);
    expect(await listener.ended).toBe('whole');
  });

  it('ends a stream when the password is another one', async () => {
    outward.settings.whitelist = '127.0.0.1';
    const listener = await listen({ port: outward.port, authority: certificate.authority }, '', { headers });
    expect(listener.status).toBe(200);
    outward.settings.credentials = { username: 'alice', password: 'another' };
    expect(await listener.ended).toBe('whole');
  });
});
