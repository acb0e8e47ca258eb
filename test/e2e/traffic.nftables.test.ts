import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ListedRule } from '../../src/api/compat/render.ts';
import { Connection, Relay } from './client.fixture.ts';
import { Daemon } from './daemon.fixture.ts';
import { Network, runIn } from './network.fixture.ts';
import { connect, EchoServers, mustPass, ping, probe } from './probe.fixture.ts';
import { until } from './process.fixture.ts';
import { Program } from './program.fixture.ts';
import { Table } from './table.fixture.ts';

const network = new Network();
const servers = new EchoServers();
const program = new Program();
const families = [
  { name: 'IPv4', host: '10.82.1.1', client: '10.82.1.2', length: 32 },
  { name: 'IPv6', host: 'fd82::1', client: 'fd82::2', length: 128 },
] as const;
let client = '';
let table: Table;
let daemon: Daemon;

beforeAll(async () => {
  const host = await network.namespace('host');
  client = await network.namespace('client');
  await network.link(
    { namespace: client, device: 'eth0', addresses: ['10.82.1.2/24', 'fd82::2/64'] },
    { namespace: host, device: 'veth0', addresses: ['10.82.1.1/24', 'fd82::1/64'] },
  );
  await servers.start(host);
  table = new Table(host);
  daemon = new Daemon({ program, namespace: host, config: ['firewall.backend = nftables', 'reject.tcp.reset'] });
  await daemon.start();
  for (const { host: address } of families) await mustPass(client, address);
});

afterEach(async () => {
  await daemon.flush();
});

afterAll(async () => {
  servers.stop();
  await daemon.stop();
  await network.close();
  program.remove();
});

/** The lines of the log that tell of drift. */
function drift(): string[] {
  return daemon.log.split('\n').filter((line) => line.includes('Drift'));
}

describe.each(families)('with nftables, over $name,', ({ host, client: address, length }) => {
  it('PUT blocks an address until DELETE', async () => {
    await daemon.put(`/drop/input/any/${address}`);
    expect(await probe(client, host)).toBe('silence/silence');
    await daemon.delete(`/drop/input/any/${address}`);
    await mustPass(client, host);
  });

  it('a rule ends within 250 ms of its time, and not before', async () => {
    const { rule } = await daemon.put(`/drop/input/any/${address}?expire=1`);
    const end = Date.parse(rule.expiresAt ?? '');
    let lastSeen = 0;
    // What a read still shows had not ended when it began, and what it doesn't show had ended when it was done.
    await until('the rule is out', async () => {
      const begin = Date.now();
      if (!(await table.sources()).includes(`${address}/${length}`)) return true;
      lastSeen = begin;
      return false;
    });
    expect(Date.now() - end, 'milliseconds too early').toBeGreaterThanOrEqual(0);
    expect(lastSeen - end, 'milliseconds too late').toBeLessThanOrEqual(250);
    expect(await ping(client, host)).toBe('pass');
    expect((await daemon.delete(`/drop/input/any/${address}`)).status).toBe('absent');
  });

  it('reject.tcp.reset refuses a connection at once, and pings too', async () => {
    await daemon.put(`/reject/input/any/${address}`);
    const url = `http://${host.includes(':') ? `[${host}]` : host}:8080/`;
    const { status, stderr, milliseconds } = await runIn(client, 'curl', '-sS', '-g', '--max-time', '5', url);
    expect({ status, stderr }).toEqual({
      status: 7,
      stderr: expect.stringMatching(/Connection refused|Couldn't connect/),
    });
    expect(milliseconds).toBeLessThan(900);
    expect(await ping(client, host)).toBe('refusal');
  });
});

describe('GET /list', () => {
  it('shows what more than a thousand rules have met, the newest first', async () => {
    const relay = await Relay.start(program, daemon.namespace);
    const connection = new Connection(relay);
    try {
      const asked: string[] = [];
      const put = async (target: string, chain = 'input'): Promise<void> => {
        const { code, body } = await connection.request('PUT', `/drop/${chain}/any/${target}`);
        expect({ code, body }).toMatchObject({ code: 200 });
        asked.unshift(`${chain.toUpperCase()} ${target}`);
      };
      for (const { client: address } of families) await put(address);
      for (let number = 0; number < 1300; number++) {
        const low = `${number >> 8}.${number & 255}`;
        await put(number % 3 === 0 ? `2001:db8::${(number + 1).toString(16)}` : `198.18.${low}`);
        if (number % 100 === 0) await put(`198.19.${low}`, 'output');
      }
      await pings(3);
      const { body } = await connection.request('GET', '/list');
      const rows = JSON.parse(body) as ListedRule[];
      const shown = (chain: string) => rows.filter((row) => row.chain === chain);
      for (const [chain, count] of [['INPUT', 1302] as const, ['OUTPUT', 13] as const]) {
        const wanted = asked.filter((line) => line.startsWith(chain));
        expect(shown(chain).map((row) => `${chain} ${chain === 'INPUT' ? row.source : row.destination}`)).toEqual(
          wanted,
        );
        expect(shown(chain).map((row) => row.num)).toEqual(Array.from({ length: count }, (_, index) => `${index + 1}`));
      }
      expect(rows).toHaveLength(1315);
      const met = rows.filter((row) => row.pkts !== '0');
      expect(met.map((row) => row.source)).toEqual(['fd82::2', '10.82.1.2']);
      // An echo request of ping has 56 bytes of data; on the other family neighbours may be looked for too.
      expect(met[1]).toMatchObject({ pkts: '3', bytes: String(3 * (20 + 8 + 56)), num: '1302' });
      expect(Number(met[0]?.pkts)).toBeGreaterThanOrEqual(3);
      expect(Number(met[0]?.bytes)).toBeGreaterThanOrEqual(3 * (40 + 8 + 56));
      const one = await connection.request('GET', '/list/output');
      expect(JSON.parse(one.body)).toEqual(shown('OUTPUT'));
    } finally {
      connection.close();
      relay.stop();
    }
  });

  /** That many echo requests to each address of the host. */
  async function pings(count: number): Promise<void> {
    const args = ['-n', '-q', '-i', '0.02', '-W', '0.2', '-c', String(count)];
    for (const { host } of families) expect((await runIn(client, 'ping', ...args, host)).status).toBe(1);
  }
});

describe('while it runs', () => {
  it('nobody else can undo anything, and nothing is taken for drift', async () => {
    for (const { client: address } of families) await daemon.put(`/drop/input/any/${address}`);
    const sets = await table.sets();
    // Others may have their own; that goes.
    expect(await table.nft('add table ip another')).toMatchObject({ status: 0 });
    expect(await table.nft('flush ruleset')).toMatchObject({ status: 0 });
    expect(await table.nft('list table ip another')).toMatchObject({ status: 1 });
    for (const line of [
      'delete table inet rfw',
      'flush table inet rfw',
      'flush chain inet rfw input',
      'insert rule inet rfw input accept',
      `delete element inet rfw ${sets.find((name) => name.startsWith('input'))} { 10.82.1.2 }`,
    ]) {
      const { status, stderr } = await table.nft(line);
      expect({ line, status, stderr }).toEqual({ line, status: 1, stderr: expect.stringContaining('not permitted') });
    }
    expect(await Promise.all(families.map(({ host }) => probe(client, host)))).toEqual(
      families.map(() => 'silence/silence'),
    );
    await sleep(1200);
    expect(await table.sets()).toEqual(sets);
    expect((await table.sources()).toSorted()).toEqual(['10.82.1.2/32', 'fd82::2/128']);
    expect(drift()).toEqual([]);
    expect((await daemon.request('GET', '/')).body).toContain('\nDrift repaired   0\n');
    for (const { client: address, host } of families) {
      expect((await daemon.delete(`/drop/input/any/${address}`)).status).toBe('deleted');
      expect(await connect(client, host)).toBe('pass');
    }
  });
});
