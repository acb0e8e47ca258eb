import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type OpenServer, openServer } from '../server.fixture.ts';
import { blockId, RuleClient } from './rule-client.fixture.ts';

let server: OpenServer;
let client: RuleClient;
beforeEach(async () => {
  server = await openServer({ defaultExpire: 3600 });
  client = new RuleClient(server);
});
afterEach(() => server.close());

describe('POST /v1/rules', () => {
  it('creates a rule, and says where it is', async () => {
    const { status, headers, body } = await client.put('203.0.113.7', { ttl: '10m', comment: 'SSH scan' });
    expect(status).toBe(201);
    expect(headers['location']).toBe(`/v1/rules/${blockId('203.0.113.7')}`);
    expect(body).toEqual({
      status: 'created',
      rule: {
        id: blockId('203.0.113.7'),
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
    expect((await client.ask('GET', String(headers['location']))).body).toEqual({
      ...body.rule,
      counters: { packets: 0, bytes: 0 },
    });
  });

  it('updates one that stands, and leaves alone one that is so already', async () => {
    await client.put('203.0.113.7', { ttl: 'permanent', comment: 'first' });
    const updated = await client.put('203.0.113.7', { ttl: 'permanent', comment: 'second' });
    expect([updated.status, updated.body.status]).toEqual([200, 'updated']);
    expect([updated.body.rule.comment, updated.body.before.comment]).toEqual(['second', 'first']);
    const same = await client.put('203.0.113.7', { ttl: 'permanent' });
    expect([same.status, same.body.status, same.body.rule.comment]).toEqual([200, 'exists', 'second']);
    expect(same.headers['location']).toBe(`/v1/rules/${blockId('203.0.113.7')}`);
  });

  it.each([
    [{}, 3600],
    [{ ttl: 90 }, 90],
    [{ ttl: '2h' }, 7200],
    [{ ttl: '1d' }, 86_400],
    [{ ttl: 'permanent' }, undefined],
    [{ expiresAt: '2999-01-01T00:00:00+01:00' }, '2998-12-31T23:00:00.000Z'],
  ])('takes %j for how long it lasts', async (more, seconds) => {
    const { expiresAt, createdAt } = (await client.put('203.0.113.7', more)).body.rule;
    if (seconds === undefined) expect(expiresAt).toBeNull();
    else if (typeof seconds === 'string') expect(expiresAt).toBe(seconds);
    else expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(1000 * seconds);
  });

  it('takes interfaces as they are written', async () => {
    for (const into of ['ppp', 'ppp+', 'any', 'eth0.100']) await client.put('203.0.113.7', { in: into });
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
    const { status, headers } = await client.ask('POST', '/v1/rules', { action, chain, ...more });
    expect([status, server.backend.dump()]).toEqual([201, text]);
    expect((await client.ask('GET', String(headers['location']))).status).toBe(200);
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
    expect(
      await client.refusal('POST', '/v1/rules', { action: 'drop', chain: 'input', source: '203.0.113.7', ...more }),
    ).toBe(expected);
    expect(server.engine.size).toBe(0);
  });

  it('says what would become of it, and changes nothing, with dryRun', async () => {
    const body = { action: 'drop', chain: 'input', source: '203.0.113.7' };
    const answer = await client.ask('POST', '/v1/rules?dryRun=true', body);
    expect([answer.status, answer.body.status, answer.headers['rfw-dry-run']]).toEqual([201, 'created', 'true']);
    expect(server.engine.size).toBe(0);
    expect((await client.ask('GET', String(answer.headers['location']))).status).toBe(404);
    expect(await client.refusal('POST', '/v1/rules?dryRun=true', { ...body, source: '192.0.2.1' })).toBe(
      '400 whitelist-conflict',
    );
  });
});

describe('one rule', () => {
  it.each(['GET', 'DELETE', 'PATCH'])('is not found by %s when it does not stand', async (method) => {
    const body = method === 'PATCH' ? { ttl: 60 } : undefined;
    expect(await client.refusal(method, `/v1/rules/${blockId('203.0.113.7')}`, body)).toBe('404 not-found');
  });

  it.each([
    'drop',
    'drop~input~any~any~203.0.113.7~any',
    'drop~input~any~any~203.0.113.7_24~any',
    'DROP~input~any~any~203.0.113.7_32~any',
  ])('has no id like %s', async (wrong) => {
    expect(await client.refusal('GET', `/v1/rules/${wrong}`)).toBe('400 id-invalid');
    expect(await client.refusal('DELETE', `/v1/rules/${wrong}`)).toBe('400 id-invalid');
  });

  it('gets another expiry and comment, and keeps what is not named', async () => {
    await client.put('203.0.113.7', { ttl: 'permanent', comment: 'first' });
    await client.put('203.0.113.8');
    const path = `/v1/rules/${blockId('203.0.113.7')}`;
    const renewed = await client.ask('PATCH', path, { ttl: '1h' });
    expect([renewed.status, renewed.body.status, renewed.body.rule.comment]).toEqual([200, 'updated', 'first']);
    expect(renewed.body.before.expiresAt).toBeNull();
    const renamed = await client.ask('PATCH', path, { comment: '' });
    expect(renamed.body.rule).toEqual({ ...renewed.body.rule, comment: '' });
    expect((await client.ask('PATCH', path, { comment: '' })).body.status).toBe('exists');
    expect((await client.ask('PATCH', path, { ttl: 'permanent' })).body.rule.expiresAt).toBeNull();
    // It keeps its place below the newer one.
    expect((await client.ask('GET', '/v1/rules')).body.items.map((rule: { source: string }) => rule.source)).toEqual([
      '203.0.113.8/32',
      '203.0.113.7/32',
    ]);
  });

  it.each([[{}], [{ ttl: 60, expiresAt: '2999-01-01T00:00:00Z' }], [{ action: 'accept' }]])(
    'is not patched by %j',
    async (body) => {
      await client.put('203.0.113.7');
      expect(await client.refusal('PATCH', `/v1/rules/${blockId('203.0.113.7')}`, body)).toMatch(
        /^400 (request|expire)-invalid$/,
      );
    },
  );

  it('is deleted, and shown as it was', async () => {
    const { rule } = (await client.put('203.0.113.7')).body;
    const path = `/v1/rules/${blockId('203.0.113.7')}`;
    expect((await client.ask('DELETE', `${path}?dryRun=true`)).body).toEqual({ status: 'deleted', rule });
    expect(await client.ask('DELETE', path)).toMatchObject({ status: 200, body: { status: 'deleted', rule } });
    expect([server.backend.dump(), await client.refusal('DELETE', path)]).toEqual(['', '404 not-found']);
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
    const { headers } = await client.ask('POST', '/v1/rules', body);
    const path = String(headers['location']);
    expect(path.length).toBeGreaterThan(140);
    expect((await client.ask('GET', path)).status).toBe(200);
    expect((await client.ask('DELETE', path)).status).toBe(200);
  });
});

describe('the state of the engine', () => {
  it('is a 503 where the kernel refuses', async () => {
    const { apply } = server.backend;
    server.backend.apply = async () => {
      throw new Error('ENOMEM');
    };
    expect(await client.refusal('POST', '/v1/rules', { action: 'drop', chain: 'input', source: '203.0.113.7' })).toBe(
      '503 kernel-unavailable',
    );
    server.backend.apply = apply;
    expect(server.engine.size).toBe(0);
  });
});
