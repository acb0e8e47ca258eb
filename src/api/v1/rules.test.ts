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

describe('GET /v1/rules', () => {
  const sources = async (query: string): Promise<string[]> => {
    const { status, body } = await client.ask('GET', `/v1/rules${query}`);
    expect(status, JSON.stringify(body)).toBe(200);
    return body.items.map(({ source }: { source: string }) => source.replace(/(\.\d+)\/32$/, '$1'));
  };

  it('answers an empty page when there is nothing', async () => {
    expect((await client.ask('GET', '/v1/rules')).body).toEqual({ items: [], count: 0 });
  });

  it('filters and sorts', async () => {
    await client.put('203.0.113.7', { ttl: 60, comment: 'SSH scan' });
    await client.put('203.0.113.0/24', { action: 'reject', ttl: 'permanent' });
    await client.put('10.1.2.3', { ttl: 7200, comment: '50 % of 7' });
    await client.put('2001:db8::/32', { chain: 'forward', ttl: 30 });
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
    for (let host = 0; host < 7; host++) await client.put(`203.0.113.${host}`);
    const first = (await client.ask('GET', '/v1/rules?limit=3')).body;
    expect([first.items.length, first.count]).toEqual([3, 7]);
    await client.ask('DELETE', `/v1/rules/${first.items[2].id}`);
    await client.put('203.0.113.100');
    const second = (await client.ask('GET', `/v1/rules?limit=3&cursor=${first.next}`)).body;
    const third = (await client.ask('GET', `/v1/rules?limit=3&cursor=${second.next}`)).body;
    const rest = [...second.items, ...third.items].map(({ source }: { source: string }) => source);
    expect(rest).toEqual(['203.0.113.3/32', '203.0.113.2/32', '203.0.113.1/32', '203.0.113.0/32']);
    expect(third.next).toBeUndefined();
    expect(await client.refusal('GET', `/v1/rules?sort=address&cursor=${first.next}`)).toBe('400 cursor-invalid');
  });

  it('leaves counters out when nobody wants them', async () => {
    await client.put('203.0.113.7');
    expect((await client.ask('GET', '/v1/rules')).body.items[0].counters).toEqual({ packets: 0, bytes: 0 });
    expect((await client.ask('GET', '/v1/rules?counters=false')).body.items[0].counters).toBeNull();
    server.backend.read = () => {
      throw new Error('the kernel is deaf');
    };
    expect((await client.ask('GET', '/v1/rules')).body.items[0].counters).toBeNull();
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
    expect(await client.refusal('GET', `/v1/rules${query}`)).toBe(expected);
  });
});

describe('a principal that is no administrator', () => {
  beforeEach(async () => {
    await client.put('203.0.113.1');
  });

  it('needs the scopes', async () => {
    const reader = await client.token('reader', ['rules:read']);
    const writer = await client.token('writer', ['rules:write']);
    const body = { action: 'drop', chain: 'input', source: '203.0.113.9' };
    expect(await client.refusal('POST', '/v1/rules', body, reader)).toBe('403 forbidden');
    expect(await client.refusal('DELETE', `/v1/rules/${blockId('203.0.113.1')}`, undefined, reader)).toBe(
      '403 forbidden',
    );
    expect(await client.refusal('PATCH', `/v1/rules/${blockId('203.0.113.1')}`, { ttl: 1 }, reader)).toBe(
      '403 forbidden',
    );
    expect(await client.refusal('GET', '/v1/rules', undefined, writer)).toBe('403 forbidden');
    expect((await client.ask('GET', '/v1/rules', undefined, reader)).status).toBe(200);
    expect((await client.ask('POST', '/v1/rules', body, writer)).body.rule.origin).toBe('token:writer');
  });

  it('changes only its own rules, unless it may change any', async () => {
    const writer = await client.token('writer', ['rules:write']);
    const path = `/v1/rules/${blockId('203.0.113.1')}`;
    expect(await client.refusal('DELETE', path, undefined, writer)).toBe('403 not-owner');
    expect(await client.refusal('PATCH', path, { comment: 'mine' }, writer)).toBe('403 not-owner');
    const same = { action: 'drop', chain: 'input', source: '203.0.113.1', ttl: 60 };
    expect(await client.refusal('POST', '/v1/rules', same, writer)).toBe('403 not-owner');
    const any = await client.token('any', ['rules:write:any']);
    expect((await client.ask('DELETE', path, undefined, any)).status).toBe(200);
  });

  it('keeps to its limits', async () => {
    const limited = await client.token('limited', ['rules:write'], {
      actions: ['drop'],
      chains: ['input'],
      shortestPrefix: { 4: 24, 6: 48 },
      longestTtl: 600,
    });
    const ask1 = (more: object) =>
      client.refusal(
        'POST',
        '/v1/rules',
        { action: 'drop', chain: 'input', source: '203.0.113.9', ttl: 60, ...more },
        limited,
      );
    expect(await ask1({ action: 'accept' })).toBe('403 beyond-limits');
    expect(await ask1({ source: '203.0.0.0/16' })).toBe('403 beyond-limits');
    expect(await ask1({ ttl: 'permanent' })).toBe('403 beyond-limits');
    expect(await ask1({ ttl: undefined, expiresAt: new Date(Date.now() + 700_000).toISOString() })).toBe(
      '403 beyond-limits',
    );
    const soon = { ttl: undefined, expiresAt: new Date(Date.now() + 500_000).toISOString() };
    const made = await client.ask(
      'POST',
      '/v1/rules',
      { action: 'drop', chain: 'input', source: '203.0.113.9', ...soon },
      limited,
    );
    expect(made.status).toBe(201);
    const unsaid = { action: 'drop', chain: 'input', source: '203.0.113.9' };
    const { status, body } = await client.ask('POST', '/v1/rules', unsaid, limited);
    expect(status).toBe(200);
    const left = Date.parse(body.rule.expiresAt) - Date.now();
    expect(left).toBeGreaterThan(590_000);
    expect(left).toBeLessThanOrEqual(600_000);
    expect(await client.refusal('PATCH', `/v1/rules/${blockId('203.0.113.9')}`, { ttl: '1h' }, limited)).toBe(
      '403 beyond-limits',
    );
    expect((await client.ask('PATCH', `/v1/rules/${blockId('203.0.113.9')}`, { comment: 'x' }, limited)).status).toBe(
      200,
    );
    expect((await client.ask('DELETE', `/v1/rules/${blockId('203.0.113.9')}`, undefined, limited)).status).toBe(200);
    const log = await server.engine.history.audit({ limit: 1 });
    expect(log[0]).toMatchObject({
      operation: 'rules.delete',
      target: blockId('203.0.113.9'),
      principal: 'token:limited',
    });
  });
});
