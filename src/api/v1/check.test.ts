import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parsePrefix } from '../../domain/address.ts';
import { parseInterface } from '../../domain/interface.ts';
import { removeList, replaceList } from '../../engine/lists.fixture.ts';
import { spec, whitelist } from '../../engine/rules.fixture.ts';
import { type OpenServer, openServer } from '../server.fixture.ts';

let server: OpenServer;
beforeAll(async () => {
  server = await openServer();
  const rules: [string, string][] = [
    ['drop input any any 203.0.113.0/24 any', 'botnet'],
    ['accept input any any 203.0.113.7 any', ''],
    ['reject input eth0 any 203.0.113.0/25 any', ''],
    ['drop output any ppp+ any 203.0.113.7', ''],
    ['drop forward any any 203.0.113.7 198.51.100.0/24', ''],
    ['accept forward lan any 203.0.113.0/24 any', ''],
  ];
  for (const [text, comment] of rules)
    await server.engine.submit({
      kind: 'put',
      spec: spec(text),
      expire: text.startsWith('reject') ? 600 : 0,
      origin: 'token:detector',
      comment,
    });
});
afterAll(() => server.close());

// biome-ignore lint/suspicious/noExplicitAny: what a test expects of an answer it says itself
async function check(query: string): Promise<any> {
  const { status, text } = await server.send('GET', `/v1/check?${query}`);
  expect(status, text).toBe(200);
  return JSON.parse(text);
}

/** The sentences, without instants. */
async function sentences(query: string): Promise<string[]> {
  const { packets } = await check(query);
  return packets.map(({ sentence }: { sentence: string }) => sentence.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '…'));
}

describe('GET /v1/check', () => {
  it('says what becomes of packets of a chain, and why', async () => {
    const { ip, packets } = await check('ip=203.0.113.7&chain=input');
    expect(ip).toBe('203.0.113.7');
    expect(packets).toHaveLength(1);
    expect(packets[0]).toMatchObject({
      chain: 'input',
      source: '203.0.113.7',
      destination: null,
      in: null,
      out: null,
      verdict: 'accept',
      reason: 'rule',
      whitelist: [],
      pairs: 0,
      guard: null,
      rules: [
        {
          id: 'reject~input~eth0~any~203.0.113.0_25~any',
          decides: false,
          only: 'only on eth0',
          expiresAt: expect.any(String),
        },
        { id: 'accept~input~any~any~203.0.113.7_32~any', decides: true, only: null, expiresAt: null },
        { id: 'drop~input~any~any~203.0.113.0_24~any', decides: false, comment: 'botnet', origin: 'token:detector' },
      ],
    });
  });

  it('tells of lists after the rules, and which of them decides', async () => {
    const properties = (more: object) => ({ action: 'drop', chain: 'input', comment: 'DROP', ...more }) as const;
    const entries = ['198.51.100.0/24', '203.0.113.7'];
    for (const [name, more] of [
      ['old', {}],
      ['bound', { in: parseInterface('eth0'), action: 'reject' }],
    ] as const) {
      await server.engine.listing.write(replaceList(name, entries, properties(more)), () => ({}));
    }
    const { packets } = await check('ip=198.51.100.9&chain=input');
    expect(packets[0]).toMatchObject({
      verdict: 'drop',
      reason: 'list',
      rules: [],
      lists: [
        { name: 'bound', decides: false, only: 'only on eth0', action: 'reject' },
        { name: 'old', decides: true, only: null, comment: 'DROP', origin: 'test' },
      ],
    });
    expect(await sentences('ip=198.51.100.9&chain=input')).toEqual([
      'Packets from 198.51.100.9 to this host are dropped for good by the list old (DROP), which test made and which is of …. On eth0 they are rejected for good by the list bound (DROP), which test made and which is of ….',
    ]);
    const ruled = await check('ip=203.0.113.7&chain=input&in=eth1');
    expect(ruled.packets[0]).toMatchObject({
      verdict: 'accept',
      reason: 'rule',
      lists: [{ name: 'old', decides: false }],
    });
    for (const name of ['old', 'bound']) await server.engine.listing.write(removeList(name), () => ({}));
  });

  it('says it for people', async () => {
    expect(await sentences('ip=203.0.113.200')).toEqual([
      'Packets from 203.0.113.200 to this host are dropped for good by drop~input~any~any~203.0.113.0_24~any (botnet), which token:detector put at ….',
      'Packets from this host to 203.0.113.200 meet no rule and no list of rfw.',
      'Packets that are forwarded from 203.0.113.200 meet no rule and no list of rfw. In by lan they are accepted for good by accept~forward~lan~any~203.0.113.0_24~any, which token:detector put at ….',
      'Packets that are forwarded to 203.0.113.200 meet no rule and no list of rfw.',
    ]);
    expect(await sentences('ip=203.0.113.7&chain=input&in=eth0')).toEqual([
      'Packets from 203.0.113.7 to this host in by eth0 are rejected until … by reject~input~eth0~any~203.0.113.0_25~any, which token:detector put at ….',
    ]);
    expect(await sentences('ip=192.0.2.9&chain=input')).toEqual([
      'Packets from 192.0.2.9 to this host are touched by no rule and no list, since 192.0.2.0/24 is in the whitelist.',
    ]);
    expect(await sentences('ip=203.0.113.7&chain=forward&in=eth1')).toEqual([
      'Packets that are forwarded from 203.0.113.7 in by eth1 meet no rule and no list of rfw. 1 rule looks at the destination too and may decide otherwise: ask with destination.',
      'Packets that are forwarded to 203.0.113.7 in by eth1 meet no rule and no list of rfw.',
    ]);
    expect(await sentences('ip=198.51.100.9&chain=forward')).toEqual([
      'Packets that are forwarded from 198.51.100.9 meet no rule and no list of rfw.',
      'Packets that are forwarded to 198.51.100.9 meet no rule and no list of rfw. 1 rule looks at the source too and may decide otherwise: ask with that as ip, and destination=198.51.100.9.',
    ]);
    expect(await sentences('ip=203.0.113.7&destination=198.51.100.9&chain=forward&in=eth1')).toEqual([
      'Packets that are forwarded from 203.0.113.7 to 198.51.100.9 in by eth1 are dropped for good by drop~forward~any~any~203.0.113.7_32~198.51.100.0_24, which token:detector put at ….',
    ]);
    expect(await sentences('ip=203.0.113.7&chain=output&out=ppp0')).toEqual([
      'Packets from this host to 203.0.113.7 out by ppp0 are dropped for good by drop~output~any~ppp+~any~203.0.113.7_32, which token:detector put at ….',
    ]);
  });

  it('mentions the guard of the port', async () => {
    const other = await openServer();
    const guard = { port: 7393, allowed: [parsePrefix('192.0.2.0/24')] };
    await other.engine.protect({ whitelist: whitelist('192.0.2.0/24'), guard });
    const { text } = await other.send('GET', '/v1/check?ip=203.0.113.7');
    await other.close();
    const { packets } = JSON.parse(text);
    expect(packets.map((packet: { guard: unknown }) => packet.guard)).toEqual([
      { port: 7393, verdict: 'drop' },
      { port: 7393, verdict: 'drop' },
      null,
      null,
    ]);
    expect(packets[0].sentence).toBe(
      'Packets from 203.0.113.7 to this host meet no rule and no list of rfw. TCP to port 7393, where rfw serves its clients, is dropped before all that.',
    );
  });

  it('reads IPv6, and IPv4 in the form of IPv6', async () => {
    expect((await check('ip=2001:DB8::1&chain=input')).packets[0]).toMatchObject({
      source: '2001:db8::1',
      reason: 'none',
    });
    expect((await check('ip=::ffff:203.0.113.7&chain=input')).packets[0]).toMatchObject({
      source: '203.0.113.7',
      verdict: 'accept',
    });
  });

  it.each([
    ['', '400 request-invalid'],
    ['ip=x', '400 request-invalid'],
    ['ip=203.0.113', '400 address-invalid'],
    ['ip=203.0.113.0/24', '400 request-invalid'],
    ['ip=203.0.113.7&chain=nat', '400 request-invalid'],
    ['ip=203.0.113.7&chain=input&out=eth0', '400 request-invalid'],
    ['ip=203.0.113.7&chain=output&in=eth0', '400 request-invalid'],
    ['ip=203.0.113.7&chain=input&destination=10.0.0.1', '400 request-invalid'],
    ['ip=203.0.113.7&destination=2001:db8::1', '400 family-mismatch'],
    ['ip=203.0.113.7&in=eth%2B', '400 request-invalid'],
    ['ip=203.0.113.7&port=22', '400 request-invalid'],
  ])('refuses %j', async (query, expected) => {
    const { status, text } = await server.send('GET', `/v1/check?${query}`);
    expect(`${status} ${JSON.parse(text).code}`).toBe(expected);
  });

  it('needs the scope rules:read', async () => {
    const { token } = await server.tokens.create({ name: 'metrics', scopes: ['metrics:read'] }, 'test');
    const { status } = await server.send('GET', '/v1/check?ip=10.0.0.1', {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(status).toBe(403);
  });
});
