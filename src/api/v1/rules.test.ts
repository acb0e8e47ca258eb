import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Limits, Scope } from '../access/principal.ts';
import { type Answer, type OpenServer, openServer } from '../server.fixture.ts';

const settings = { defaultExpire: 3600 };
let server: OpenServer;
beforeEach(async () => {
  server = await openServer(settings);
});
afterEach(() => server.close());

interface Told {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of an answer it says itself
  readonly body: any;
  readonly headers: Answer['headers'];
}

async function ask(method: string, path: string, body?: unknown, bearer?: string): Promise<Told> {
  const headers = {
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
  };
  const answer = await server.send(method, path, {
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return {
    status: answer.status,
    headers: answer.headers,
    body: answer.text === '' ? undefined : JSON.parse(answer.text),
  };
}

/** Status and code of a refusal. */
async function refusal(method: string, path: string, body?: unknown, bearer?: string): Promise<string> {
  const { status, body: problem } = await ask(method, path, body, bearer);
  return `${status} ${problem.code}`;
}

const put = (source: string, more: object = {}): Promise<Told> =>
  ask('POST', '/v1/rules', { action: 'drop', chain: 'input', source, ...more });

const id = (host: string): string => `drop~input~any~any~${host}_32~any`;

/** A token of a principal that isn't an administrator. */
async function token(name: string, scopes: readonly Scope[], limits: Limits = {}): Promise<string> {
  return (await server.tokens.create({ name, scopes, limits }, 'test')).token;
}

describe('POST /v1/rules', () => {
  it('creates a rule, and says where it is', async () => {
    const { status, headers, body } = await put('203.0.113.7', { ttl: '10m', comment: 'SSH scan' });
    expect(status).toBe(201);
    expect(headers['location']).toBe(`/v1/rules/${id('203.0.113.7')}`);
    expect(body).toEqual({
      status: 'created',
      rule: {
        id: id('203.0.113.7'),
        action: 'drop',
        chain: 'input',
        in: 'any',
        out: 'any',
        source: '203.0.113.7/32',
        destination: 'any',
        expiresAt: expect.any(String),
        createdAt: expect.any(String),
        origin: 'local',
        comment: 'SSH scan',
      },
    });
    expect(Date.parse(body.rule.expiresAt) - Date.parse(body.rule.createdAt)).toBe(600_000);
    expect(server.backend.dump()).toBe('drop input any any 203.0.113.7/32 any');
    expect((await ask('GET', String(headers['location']))).body).toEqual({
      ...body.rule,
      counters: { packets: 0, bytes: 0 },
    });
  });

  it('updates one that stands, and leaves alone one that is so already', async () => {
    await put('203.0.113.7', { ttl: 'permanent', comment: 'first' });
    const updated = await put('203.0.113.7', { ttl: 'permanent', comment: 'second' });
    expect([updated.status, updated.body.status]).toEqual([200, 'updated']);
    expect([updated.body.rule.comment, updated.body.before.comment]).toEqual(['second', 'first']);
    const same = await put('203.0.113.7', { ttl: 'permanent' });
    expect([same.status, same.body.status, same.body.rule.comment]).toEqual([200, 'exists', 'second']);
    expect(same.headers['location']).toBe(`/v1/rules/${id('203.0.113.7')}`);
  });

  it.each([
    [{}, 3600],
    [{ ttl: 90 }, 90],
    [{ ttl: '2h' }, 7200],
    [{ ttl: '1d' }, 86_400],
    [{ ttl: 'permanent' }, undefined],
    [{ expiresAt: '2999-01-01T00:00:00+01:00' }, '2998-12-31T23:00:00.000Z'],
  ])('takes %j for how long it lasts', async (more, seconds) => {
    const { expiresAt, createdAt } = (await put('203.0.113.7', more)).body.rule;
    if (seconds === undefined) expect(expiresAt).toBeNull();
    else if (typeof seconds === 'string') expect(expiresAt).toBe(seconds);
    else expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(1000 * seconds);
  });

  it('takes interfaces as they are written', async () => {
    for (const into of ['ppp', 'ppp+', 'any', 'eth0.100']) await put('203.0.113.7', { in: into });
    expect(server.backend.dump().split('\n')).toEqual([
      'drop input eth0.100 any 203.0.113.7/32 any',
      'drop input any any 203.0.113.7/32 any',
      'drop input ppp+ any 203.0.113.7/32 any',
      'drop input ppp any 203.0.113.7/32 any',
    ]);
  });

  it.each([
    ['accept', 'output', { destination: '2001:db8::1', out: 'eth0' }, 'accept output any eth0 any 2001:db8::1/128'],
    ['reject', 'forward', { source: '198.51.100.9/24' }, 'reject forward any any 198.51.100.0/24 any'],
    ['drop', 'forward', { destination: '198.51.100.9', in: 'a', out: 'b' }, 'drop forward a b any 198.51.100.9/32'],
    [
      'drop',
      'forward',
      { source: '10.0.0.0/8', destination: '198.51.100.9' },
      'drop forward any any 10.0.0.0/8 198.51.100.9/32',
    ],
  ])('puts %s in %s with %j', async (action, chain, more, text) => {
    const { status, headers } = await ask('POST', '/v1/rules', { action, chain, ...more });
    expect([status, server.backend.dump()]).toEqual([201, text]);
    expect((await ask('GET', String(headers['location']))).status).toBe(200);
  });

  it.each([
    [{ source: undefined }, '400 address-invalid'],
    [{ destination: '198.51.100.1' }, '400 address-invalid'],
    [{ chain: 'output' }, '400 address-invalid'],
    [{ chain: 'forward', source: undefined }, '400 address-invalid'],
    [{ chain: 'forward', destination: '2001:db8::1' }, '400 family-mismatch'],
    [{ out: 'eth0' }, '400 interface-invalid'],
    [{ source: '203.0.113.300' }, '400 address-invalid'],
    [{ source: '203.0.113.0/33' }, '400 mask-invalid'],
    [{ source: 'any' }, '400 request-invalid'],
    [{ source: 7 }, '400 request-invalid'],
    [{ in: '-x' }, '400 request-invalid'],
    [{ in: '..' }, '400 interface-invalid'],
    [{ in: 'a-name-that-is-too-long' }, '400 request-invalid'],
    [{ ttl: '10m', expiresAt: '2999-01-01T00:00:00Z' }, '400 expire-invalid'],
    [{ ttl: 0 }, '400 request-invalid'],
    [{ ttl: '0m' }, '400 request-invalid'],
    [{ ttl: '10w' }, '400 request-invalid'],
    [{ ttl: 1.5 }, '400 request-invalid'],
    [{ ttl: null }, '400 request-invalid'],
    [{ expiresAt: '2001-01-01T00:00:00Z' }, '400 expire-invalid'],
    [{ expiresAt: 'tomorrow' }, '400 request-invalid'],
    [{ expiresAt: 2_000_000_000 }, '400 request-invalid'],
    [{ comment: 'x'.repeat(257) }, '400 request-invalid'],
    [{ action: 'DROP' }, '400 request-invalid'],
    [{ expires: '10m' }, '400 request-invalid'],
    [{ origin: 'somebody' }, '400 request-invalid'],
    [{ source: '192.0.2.0/25' }, '400 whitelist-conflict'],
    [{ source: '0.0.0.0/0' }, '400 whitelist-conflict'],
    [{ source: 'fe80::1' }, '400 whitelist-conflict'],
  ])('refuses %j', async (more, expected) => {
    expect(await refusal('POST', '/v1/rules', { action: 'drop', chain: 'input', source: '203.0.113.7', ...more })).toBe(
      expected,
    );
    expect(server.engine.size).toBe(0);
  });

  it('says what would become of it, and changes nothing, with dryRun', async () => {
    const body = { action: 'drop', chain: 'input', source: '203.0.113.7' };
    const answer = await ask('POST', '/v1/rules?dryRun=true', body);
    expect([answer.status, answer.body.status, answer.headers['rfw-dry-run']]).toEqual([201, 'created', 'true']);
    expect(server.engine.size).toBe(0);
    expect((await ask('GET', String(answer.headers['location']))).status).toBe(404);
    expect(await refusal('POST', '/v1/rules?dryRun=true', { ...body, source: '192.0.2.1' })).toBe(
      '400 whitelist-conflict',
    );
  });
});

describe('one rule', () => {
  it.each(['GET', 'DELETE', 'PATCH'])('is not found by %s when it does not stand', async (method) => {
    const body = method === 'PATCH' ? { ttl: 60 } : undefined;
    expect(await refusal(method, `/v1/rules/${id('203.0.113.7')}`, body)).toBe('404 not-found');
  });

  it.each([
    'drop',
    'drop~input~any~any~203.0.113.7~any',
    'drop~input~any~any~203.0.113.7_24~any',
    'DROP~input~any~any~203.0.113.7_32~any',
  ])('has no id like %s', async (wrong) => {
    expect(await refusal('GET', `/v1/rules/${wrong}`)).toBe('400 id-invalid');
    expect(await refusal('DELETE', `/v1/rules/${wrong}`)).toBe('400 id-invalid');
  });

  it('gets another expiry and comment, and keeps what is not named', async () => {
    await put('203.0.113.7', { ttl: 'permanent', comment: 'first' });
    await put('203.0.113.8');
    const path = `/v1/rules/${id('203.0.113.7')}`;
    const renewed = await ask('PATCH', path, { ttl: '1h' });
    expect([renewed.status, renewed.body.status, renewed.body.rule.comment]).toEqual([200, 'updated', 'first']);
    expect(renewed.body.before.expiresAt).toBeNull();
    const renamed = await ask('PATCH', path, { comment: '' });
    expect(renamed.body.rule).toEqual({ ...renewed.body.rule, comment: '' });
    expect((await ask('PATCH', path, { comment: '' })).body.status).toBe('exists');
    expect((await ask('PATCH', path, { ttl: 'permanent' })).body.rule.expiresAt).toBeNull();
    // It keeps its place below the newer one.
    expect((await ask('GET', '/v1/rules')).body.items.map((rule: { source: string }) => rule.source)).toEqual([
      '203.0.113.8/32',
      '203.0.113.7/32',
    ]);
  });

  it.each([[{}], [{ ttl: 60, expiresAt: '2999-01-01T00:00:00Z' }], [{ action: 'accept' }]])(
    'is not patched by %j',
    async (body) => {
      await put('203.0.113.7');
      expect(await refusal('PATCH', `/v1/rules/${id('203.0.113.7')}`, body)).toMatch(/^400 (request|expire)-invalid$/);
    },
  );

  it('is deleted, and shown as it was', async () => {
    const { rule } = (await put('203.0.113.7')).body;
    const path = `/v1/rules/${id('203.0.113.7')}`;
    expect((await ask('DELETE', `${path}?dryRun=true`)).body).toEqual({ status: 'deleted', rule });
    expect(await ask('DELETE', path)).toMatchObject({ status: 200, body: { status: 'deleted', rule } });
    expect([server.backend.dump(), await refusal('DELETE', path)]).toEqual(['', '404 not-found']);
  });

  it('has an id that is as long as ids can be', async () => {
    const longest = '2001:db80:aaaa:bbbb:cccc:dddd:eeee:fff';
    const body = {
      action: 'accept',
      chain: 'forward',
      in: 'a'.repeat(15),
      out: 'b'.repeat(15),
      source: `${longest}1`,
      destination: `${longest}2`,
    };
    const { headers } = await ask('POST', '/v1/rules', body);
    const path = String(headers['location']);
    expect(path.length).toBeGreaterThan(140);
    expect((await ask('GET', path)).status).toBe(200);
    expect((await ask('DELETE', path)).status).toBe(200);
  });
});

describe('GET /v1/rules', () => {
  const sources = async (query: string): Promise<string[]> => {
    const { status, body } = await ask('GET', `/v1/rules${query}`);
    expect(status, JSON.stringify(body)).toBe(200);
    return body.items.map(({ source }: { source: string }) => source.replace(/(\.\d+)\/32$/, '$1'));
  };

  it('answers an empty page when there is nothing', async () => {
    expect((await ask('GET', '/v1/rules')).body).toEqual({ items: [], count: 0 });
  });

  it('filters and sorts', async () => {
    await put('203.0.113.7', { ttl: 60, comment: 'SSH scan' });
    await put('203.0.113.0/24', { action: 'reject', ttl: 'permanent' });
    await put('10.1.2.3', { ttl: 7200, comment: '50 % of 7' });
    await put('2001:db8::/32', { chain: 'forward', ttl: 30 });
    expect(await sources('')).toEqual(['2001:db8::/32', '10.1.2.3', '203.0.113.0/24', '203.0.113.7']);
    expect(await sources('?sort=oldest&limit=1')).toEqual(['203.0.113.7']);
    expect(await sources('?sort=expiresAt')).toEqual(['2001:db8::/32', '203.0.113.7', '10.1.2.3', '203.0.113.0/24']);
    expect(await sources('?sort=address')).toEqual(['10.1.2.3', '203.0.113.0/24', '203.0.113.7', '2001:db8::/32']);
    expect(await sources('?chain=forward')).toEqual(['2001:db8::/32']);
    expect(await sources('?action=reject')).toEqual(['203.0.113.0/24']);
    expect(await sources('?contains=203.0.113.7')).toEqual(['203.0.113.0/24', '203.0.113.7']);
    expect(await sources('?contains=203.0.113.7&action=drop')).toEqual(['203.0.113.7']);
    expect(await sources('?within=203.0.113.0/25')).toEqual(['203.0.113.7']);
    expect(await sources('?within=::/0')).toEqual(['2001:db8::/32']);
    expect(await sources('?origin=local&q=ssh')).toEqual(['203.0.113.7']);
    expect(await sources('?origin=nobody')).toEqual([]);
    expect(await sources(`?expiresBefore=${new Date(Date.now() + 100_000).toISOString()}`)).toEqual([
      '2001:db8::/32',
      '203.0.113.7',
    ]);
    expect(await sources('?q=50%20%25')).toEqual(['10.1.2.3']);
    expect(await sources('?q=203.0.113.0/24')).toEqual(['203.0.113.0/24']);
  });

  it('goes from page to page, and says how many there are', async () => {
    for (let host = 0; host < 7; host++) await put(`203.0.113.${host}`);
    const first = (await ask('GET', '/v1/rules?limit=3')).body;
    expect([first.items.length, first.count]).toEqual([3, 7]);
    await ask('DELETE', `/v1/rules/${first.items[2].id}`);
    await put('203.0.113.100');
    const second = (await ask('GET', `/v1/rules?limit=3&cursor=${first.next}`)).body;
    const third = (await ask('GET', `/v1/rules?limit=3&cursor=${second.next}`)).body;
    const rest = [...second.items, ...third.items].map(({ source }: { source: string }) => source);
    expect(rest).toEqual(['203.0.113.3/32', '203.0.113.2/32', '203.0.113.1/32', '203.0.113.0/32']);
    expect(third.next).toBeUndefined();
    expect(await refusal('GET', `/v1/rules?sort=address&cursor=${first.next}`)).toBe('400 cursor-invalid');
  });

  it('leaves counters out when nobody wants them', async () => {
    await put('203.0.113.7');
    expect((await ask('GET', '/v1/rules')).body.items[0].counters).toEqual({ packets: 0, bytes: 0 });
    expect((await ask('GET', '/v1/rules?counters=false')).body.items[0].counters).toBeNull();
    server.backend.read = () => {
      throw new Error('the kernel is deaf');
    };
    expect((await ask('GET', '/v1/rules')).body.items[0].counters).toBeNull();
  });

  it.each([
    ['?chain=nat', '400 request-invalid'],
    ['?limit=0', '400 request-invalid'],
    ['?limit=1001', '400 request-invalid'],
    ['?limit=1e2', '400 request-invalid'],
    ['?counters=yes', '400 request-invalid'],
    ['?sort=seq', '400 request-invalid'],
    ['?contains=10.0.0.0/8', '400 request-invalid'],
    ['?contains=10.0.0', '400 address-invalid'],
    ['?within=10.0.0.0/40', '400 mask-invalid'],
    ['?expiresBefore=soon', '400 request-invalid'],
    ['?q=', '400 request-invalid'],
    ['?cursor=x', '400 cursor-invalid'],
    ['?page=2', '400 request-invalid'],
    ['?chain=input&chain=output', '400 request-invalid'],
  ])('refuses %s', async (query, expected) => {
    expect(await refusal('GET', `/v1/rules${query}`)).toBe(expected);
  });
});

describe('a principal that is no administrator', () => {
  beforeEach(async () => {
    await put('203.0.113.1');
  });

  it('needs the scopes', async () => {
    const reader = await token('reader', ['rules:read']);
    const writer = await token('writer', ['rules:write']);
    const body = { action: 'drop', chain: 'input', source: '203.0.113.9' };
    expect(await refusal('POST', '/v1/rules', body, reader)).toBe('403 forbidden');
    expect(await refusal('DELETE', `/v1/rules/${id('203.0.113.1')}`, undefined, reader)).toBe('403 forbidden');
    expect(await refusal('PATCH', `/v1/rules/${id('203.0.113.1')}`, { ttl: 1 }, reader)).toBe('403 forbidden');
    expect(await refusal('GET', '/v1/rules', undefined, writer)).toBe('403 forbidden');
    expect((await ask('GET', '/v1/rules', undefined, reader)).status).toBe(200);
    expect((await ask('POST', '/v1/rules', body, writer)).body.rule.origin).toBe('token:writer');
  });

  it('changes only its own rules, unless it may change any', async () => {
    const writer = await token('writer', ['rules:write']);
    const path = `/v1/rules/${id('203.0.113.1')}`;
    expect(await refusal('DELETE', path, undefined, writer)).toBe('403 not-owner');
    expect(await refusal('PATCH', path, { comment: 'mine' }, writer)).toBe('403 not-owner');
    const same = { action: 'drop', chain: 'input', source: '203.0.113.1', ttl: 60 };
    expect(await refusal('POST', '/v1/rules', same, writer)).toBe('403 not-owner');
    const any = await token('any', ['rules:write:any']);
    expect((await ask('DELETE', path, undefined, any)).status).toBe(200);
  });

  it('keeps to its limits', async () => {
    const limited = await token('limited', ['rules:write'], {
      actions: ['drop'],
      chains: ['input'],
      shortestPrefix: { 4: 24, 6: 48 },
      longestTtl: 600,
    });
    const ask1 = (more: object) =>
      refusal(
        'POST',
        '/v1/rules',
        { action: 'drop', chain: 'input', source: '203.0.113.9', ttl: 60, ...more },
        limited,
      );
    expect(await ask1({ action: 'accept' })).toBe('403 beyond-limits');
    expect(await ask1({ source: '203.0.0.0/16' })).toBe('403 beyond-limits');
    expect(await ask1({ ttl: 'permanent' })).toBe('403 beyond-limits');
    expect(await ask1({ ttl: undefined })).toBe('403 beyond-limits');
    expect(await ask1({ ttl: undefined, expiresAt: new Date(Date.now() + 700_000).toISOString() })).toBe(
      '403 beyond-limits',
    );
    const soon = { ttl: undefined, expiresAt: new Date(Date.now() + 500_000).toISOString() };
    const made = await ask(
      'POST',
      '/v1/rules',
      { action: 'drop', chain: 'input', source: '203.0.113.9', ...soon },
      limited,
    );
    expect(made.status).toBe(201);
    expect(await refusal('PATCH', `/v1/rules/${id('203.0.113.9')}`, { ttl: '1h' }, limited)).toBe('403 beyond-limits');
    expect((await ask('PATCH', `/v1/rules/${id('203.0.113.9')}`, { comment: 'x' }, limited)).status).toBe(200);
    expect((await ask('DELETE', `/v1/rules/${id('203.0.113.9')}`, undefined, limited)).status).toBe(200);
    const log = await server.engine.history.audit({ limit: 1 });
    expect(log[0]).toMatchObject({ operation: 'rules.delete', target: id('203.0.113.9'), principal: 'token:limited' });
  });
});

describe('the state of the engine', () => {
  it('is a 503 where the kernel refuses', async () => {
    const { apply } = server.backend;
    server.backend.apply = async () => {
      throw new Error('ENOMEM');
    };
    expect(await refusal('POST', '/v1/rules', { action: 'drop', chain: 'input', source: '203.0.113.7' })).toBe(
      '503 kernel-unavailable',
    );
    server.backend.apply = apply;
    expect(server.engine.size).toBe(0);
  });
});
