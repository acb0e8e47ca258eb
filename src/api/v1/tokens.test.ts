import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RfwError } from '../../domain/errors.ts';
import { type OpenServer, openServer } from '../server.fixture.ts';
import { errorsOf, json } from './client.fixture.ts';

let server: OpenServer;
beforeEach(async () => {
  server = await openServer();
});
afterEach(() => server.close());

interface Told {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of an answer it says itself
  readonly body: any;
  readonly headers: Readonly<Record<string, unknown>>;
}

async function told(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<Told> {
  const typed = body === undefined ? {} : { 'content-type': 'application/json' };
  const {
    status,
    headers: has,
    text,
  } = await server.send(method, path, {
    headers: { ...typed, ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status, headers: has, body: JSON.parse(text) };
}

const make = (more: object = {}, query = ''): Promise<Told> =>
  told('POST', `/v1/tokens${query}`, { name: 'detector', scopes: ['rules:read', 'rules:write'], ...more });
const code = ({ status, body }: Told): string => `${status} ${body.code}`;
const statusWith = async (token: string): Promise<number> =>
  (await server.send('GET', '/v1/rules', { headers: { authorization: `Bearer ${token}` } })).status;
const audited = async () => server.engine.history.audit({ limit: 100 });

describe('a token that is made', () => {
  it('is shown once, works at once, and is listed without its secret', async () => {
    const asked = {
      limits: {
        actions: ['drop'],
        shortestPrefix: { 4: 24, 6: 48 },
        longestTtl: 600,
        rate: { perSecond: 5, burst: 9 },
      },
      clients: ['127.0.0.1', '2001:DB8::/32'],
      expiresAt: '2099-01-31T13:00:00+01:00',
    };
    const { status, headers, body } = await make(asked);
    const { token, ...rest } = body;
    expect(status).toBe(201);
    expect(headers['location']).toBe(`/v1/tokens/${rest.id}`);
    expect(headers['cache-control']).toBe('no-store');
    expect(token).toMatch(new RegExp(`^rfw_${rest.id}_[\\w-]{43}$`));
    expect(rest).toEqual({
      ...asked,
      id: rest.id,
      name: 'detector',
      scopes: ['rules:read', 'rules:write'],
      clients: ['127.0.0.1/32', '2001:db8::/32'],
      createdAt: rest.createdAt,
      createdBy: 'local',
      expiresAt: '2099-01-31T12:00:00.000Z',
      lastUsedAt: null,
    });
    expect(await told('GET', '/v1/tokens')).toMatchObject({ status: 200, body: { items: [rest] } });
    expect(await statusWith(token)).toBe(200);
    expect((await told('GET', '/v1/tokens')).body.items[0].lastUsedAt).toEqual(expect.any(String));
  });

  it('leaves nothing of its secret but in its own answer', async () => {
    const { token } = (await make()).body;
    await make();
    await make({ name: 'x', clients: ['nowhere'] });
    await statusWith(token);
    const secret = token.slice(-43);
    const texts = [
      JSON.stringify(await audited()),
      (await server.send('GET', '/v1/tokens')).text,
      (await server.send('GET', '/v1/audit')).text,
      (await server.send('GET', '/v1/changes?since=0')).text,
      JSON.stringify([...(await server.engine.history.documents('token'))]),
      server.refusals.join(),
    ];
    for (const text of texts) expect(text).not.toContain(secret);
    expect(texts.join()).not.toContain('"hash":null');
  });

  it('is in the audit log, and so is one that was refused', async () => {
    const { id } = (await make()).body;
    expect(code(await make())).toBe('409 token-exists');
    expect(code(await make({ name: 'x', clients: ['nowhere'] }))).toBe('400 token-invalid');
    const chosen = {
      name: 'detector',
      scopes: ['rules:read', 'rules:write'],
      limits: {},
      clients: [],
      expiresAt: null,
    };
    expect(await audited()).toMatchObject([
      { operation: 'tokens.create', target: 'x', before: null, after: null, result: 'token-invalid' },
      { operation: 'tokens.create', target: 'detector', before: null, after: null, result: 'token-exists' },
      { operation: 'tokens.create', target: id, before: null, after: chosen, result: 'created', principal: 'local' },
    ]);
  });

  it.each([
    [{ name: '' }, '/name'],
    [{ name: '-x' }, '/name'],
    [{ name: 'a b' }, '/name'],
    [{ name: 'x'.repeat(64) }, '/name'],
    [{ scopes: [] }, '/scopes'],
    [{ scopes: ['root'] }, '/scopes/0'],
    [{ secret: 'mine' }, '/secret'],
    [{ limits: { actions: [] } }, '/limits/actions'],
    [{ limits: { actions: ['drop', 'block'] } }, '/limits/actions/1'],
    [{ limits: { chains: ['nat'] } }, '/limits/chains/0'],
    [{ limits: { shortestPrefix: { 4: 24 } } }, '/limits/shortestPrefix/6'],
    [{ limits: { shortestPrefix: { 4: 33, 6: 48 } } }, '/limits/shortestPrefix/4'],
    [{ limits: { shortestPrefix: { 4: 24, 6: 129 } } }, '/limits/shortestPrefix/6'],
    [{ limits: { longestTtl: 0 } }, '/limits/longestTtl'],
    [{ limits: { longestTtl: '10m' } }, '/limits/longestTtl'],
    [{ limits: { longestTtl: 1e15 } }, '/limits/longestTtl'],
    [{ limits: { rate: { perSecond: 0, burst: 1 } } }, '/limits/rate/perSecond'],
    [{ limits: { rate: { perSecond: 1e9, burst: 1 } } }, '/limits/rate/perSecond'],
    [{ limits: { rate: { perSecond: 1, burst: 0.5 } } }, '/limits/rate/burst'],
    [{ limits: { rate: { perSecond: 1 } } }, '/limits/rate/burst'],
    [{ limits: { size: 1 } }, '/limits/size'],
    [{ clients: ['127.0.0.1', 'nowhere'] }, '/clients/1'],
    [{ clients: Array(101).fill('127.0.0.1') }, '/clients'],
    [{ expiresAt: '2001-01-01T00:00:00Z' }, '/expiresAt'],
    [{ expiresAt: 'tomorrow' }, '/expiresAt'],
  ])('is refused where it is wrong: %j', async (more, pointer) => {
    const body = json(JSON.stringify({ name: 'x', scopes: ['rules:read'], ...more }));
    const errors = await errorsOf(server, 'POST', '/v1/tokens', body);
    expect(errors.map((error) => error.split(' ')[0])).toContain(pointer);
    expect(server.tokens.list()).toEqual([]);
  });

  it('is none with dryRun, which says what it would be', async () => {
    const { status, headers, body } = await make({ clients: ['127.0.0.1'] }, '?dryRun=true');
    expect([status, headers['rfw-dry-run']]).toEqual([200, 'true']);
    expect(body).toEqual({
      ...{ name: 'detector', scopes: ['rules:read', 'rules:write'], limits: {} },
      ...{ clients: ['127.0.0.1/32'], expiresAt: null },
    });
    expect([server.tokens.list(), await audited()]).toEqual([[], []]);
    await make();
    expect(code(await make({}, '?dryRun=true'))).toBe('409 token-exists');
  });

  it('has no use for a key or a confirmation, and says so', async () => {
    const body = { name: 'x', scopes: ['rules:read'] };
    expect(code(await told('POST', '/v1/tokens', body, { 'idempotency-key': 'k' }))).toBe('400 request-invalid');
    expect(code(await make({}, '?confirm=10s'))).toBe('400 request-invalid');
    expect(server.tokens.list()).toEqual([]);
  });
});

describe('a token that is taken back', () => {
  it('is told as it was, and is refused from the next request on', async () => {
    const { id, token } = (await make()).body;
    expect(await statusWith(token)).toBe(200);
    expect((await told('DELETE', `/v1/tokens/${id}?dryRun=true`)).body).toMatchObject({ id });
    expect(await statusWith(token)).toBe(200);
    const { status, body } = await told('DELETE', `/v1/tokens/${id}`);
    expect([status, body.id, body.name]).toEqual([200, id, 'detector']);
    expect('token' in body || 'hash' in body).toBe(false);
    expect(await statusWith(token)).toBe(401);
    expect(code(await told('DELETE', `/v1/tokens/${id}`))).toBe('404 not-found');
    expect((await told('GET', '/v1/tokens')).body.items).toEqual([]);
    const [revoked, ...more] = await audited();
    expect(more).toHaveLength(1);
    expect(revoked).toMatchObject({ operation: 'tokens.revoke', target: id, after: null, result: 'deleted' });
    expect(revoked?.before).toMatchObject({ name: 'detector' });
  });

  it('may be the own one', async () => {
    const { id, token } = (await make({ scopes: ['admin'] })).body;
    const headers = { authorization: `Bearer ${token}` };
    expect((await told('DELETE', `/v1/tokens/${id}`, undefined, headers)).status).toBe(200);
    expect((await told('GET', '/v1/tokens', undefined, headers)).status).toBe(401);
  });

  it.each(['x', '0123456789ABCDEF', '0123456789abcdef0'])('has an id, which %s is none', async (id) => {
    expect(code(await told('DELETE', `/v1/tokens/${id}`))).toBe('400 request-invalid');
  });
});

it('lists tokens, the eldest first', async () => {
  for (const name of ['b', 'a', 'c']) await make({ name });
  const names = (await told('GET', '/v1/tokens')).body.items.map(({ name }: { name: string }) => name);
  expect(names).toEqual(['b', 'a', 'c']);
});

it('has made no token when the disk refuses, and stops one that it could not take back', async () => {
  const { id, token } = (await make()).body;
  const { write } = server.engine;
  server.engine.write = async () => {
    throw new RfwError('store-failed', 'disk full');
  };
  expect(code(await make({ name: 'x' }))).toBe('503 store-failed');
  expect(code(await told('DELETE', `/v1/tokens/${id}`))).toBe('503 store-failed');
  server.engine.write = write;
  expect(await statusWith(token)).toBe(401);
  expect((await told('GET', '/v1/tokens')).body.items).toHaveLength(1);
  expect((await told('DELETE', `/v1/tokens/${id}`)).status).toBe(200);
  expect((await told('GET', '/v1/tokens')).body.items).toHaveLength(0);
});
