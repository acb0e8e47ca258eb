import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Limits } from '../access/principal.ts';
import { type OpenServer, openServer } from '../server.fixture.ts';
import { json, ListClient, made, path, text } from './lists.fixture.ts';

let server: OpenServer;
let client: ListClient;
beforeEach(async () => {
  server = await openServer();
  client = new ListClient(server);
});
afterEach(() => server.close());

describe('a principal', () => {
  it('needs the scopes of lists', async () => {
    await client.make();
    const reader = await client.token(['lists:read'], {}, 'reader');
    const rules = await client.token(['rules:read', 'rules:write'], {}, 'rules');
    expect((await client.ask('GET', path, { headers: reader })).status).toBe(200);
    expect(await client.refusal('GET', '/v1/lists', { headers: rules })).toBe('403 forbidden');
    for (const headers of [reader, rules]) {
      expect(await client.refusal('PUT', path, text('203.0.113.7', headers))).toBe('403 forbidden');
      expect(await client.refusal('PATCH', path, json({}, headers))).toBe('403 forbidden');
      expect(await client.refusal('DELETE', path, { headers })).toBe('403 forbidden');
    }
  });

  it('changes its own lists only, unless it may change those of others', async () => {
    await client.make();
    const own = await client.token(['lists:write']);
    expect(await client.refusal('PUT', path, text('203.0.113.7', own))).toBe('403 not-owner');
    expect(await client.refusal('PATCH', path, json({ comment: 'x' }, own))).toBe('403 not-owner');
    expect(await client.refusal('DELETE', path, { headers: own })).toBe('403 not-owner');
    const put = await client.ask('PUT', '/v1/lists/own?action=drop&chain=input', text('203.0.113.7', own));
    expect(put.body.list.origin).toBe('token:feed');
    expect((await client.ask('DELETE', '/v1/lists/own', { headers: own })).status).toBe(200);
    const any = await client.token(['lists:write', 'rules:write:any'], {}, 'any');
    expect((await client.ask('DELETE', path, { headers: any })).status).toBe(200);
  });

  it('stays within its limits: actions, chains, prefixes and times', async () => {
    const limits: Limits = { actions: ['drop'], chains: ['input'], shortestPrefix: { 4: 24, 6: 48 }, longestTtl: 3600 };
    const headers = await client.token(['lists:write'], limits);
    const put = (query: string, body = '203.0.113.7') => client.refusal('PUT', `${path}?${query}`, text(body, headers));
    expect(await put('action=accept&chain=input&ttl=60')).toBe('403 beyond-limits');
    expect(await put('action=drop&chain=output&ttl=60')).toBe('403 beyond-limits');
    expect(await put('action=drop&chain=input')).toBe('403 beyond-limits');
    expect(await put('action=drop&chain=input&ttl=2h')).toBe('403 beyond-limits');
    expect(await put('action=drop&chain=input&ttl=60', '203.0.112.0/23')).toBe('422 list-refused');
    expect(await put('action=drop&chain=input&ttl=60', '2001:db8::/32')).toBe('422 list-refused');
    expect((await client.ask('PUT', `${made}&ttl=60`, text('203.0.113.0/24', headers))).status).toBe(201);
    expect((await client.ask('PUT', path, text('203.0.113.7', headers))).status).toBe(200);
    expect(await client.refusal('PATCH', path, json({ ttl: 'permanent' }, headers))).toBe('403 beyond-limits');
    expect(await client.refusal('PATCH', path, json({ chain: 'forward' }, headers))).toBe('403 beyond-limits');
    expect(await client.refusal('PATCH', path, json({ add: ['203.0.112.0/23'] }, headers))).toBe('422 list-refused');
    expect(
      (await client.ask('PATCH', path, json({ remove: ['203.0.112.0/23'], add: ['203.0.114.1'] }, headers))).status,
    ).toBe(200);
    await client.ask('PATCH', path, json({ action: 'accept' }));
    expect(await client.refusal('PUT', path, text('203.0.113.8', headers))).toBe('403 beyond-limits');
    expect(await client.refusal('DELETE', path, { headers })).toBe('403 beyond-limits');
  });
});
