import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Answer, curl } from './curl.fixture.ts';
import { Daemon } from './daemon.fixture.ts';
import { Network } from './network.fixture.ts';
import { iptables, nftables } from './place.fixture.ts';
import { mustPing, ping } from './probe.fixture.ts';
import { until } from './process.fixture.ts';
import { Program } from './program.fixture.ts';
import { Table } from './table.fixture.ts';

const network = new Network();
const program = new Program();
const hostAddress = '10.84.1.1';
const clientAddress = '10.84.1.2';
const path = '/v1/lists/spam';
const made = `${path}?action=drop&chain=input`;
let client = '';
let host = '';
let table: Table;
let daemon: Daemon;

beforeAll(async () => {
  client = await network.namespace('client');
  host = await network.namespace('host');
  await network.link(
    { namespace: client, device: 'eth0', addresses: [`${clientAddress}/24`] },
    { namespace: host, device: 'veth0', addresses: [`${hostAddress}/24`] },
  );
  table = new Table(host);
});

beforeEach(async () => {
  daemon = new Daemon({ program, namespace: host, config: ['firewall.backend = nftables'] });
  await daemon.start();
  await mustPing(client, hostAddress);
});

afterEach(async () => {
  await daemon.kill();
  await daemon.flush();
  await mustPing(client, hostAddress);
});

afterAll(async () => {
  await network.close();
  program.remove();
});

/** A text with so many hosts, and these entries. */
function hosts(count: number, ...more: readonly string[]): string {
  const file = program.fresh('list');
  const lines = Array.from({ length: count }, (_, at) => `${11 + (at >> 16)}.${(at >> 8) & 255}.${at & 255}.7`);
  writeFileSync(file, `; hosts\n${[...lines, ...more].join('\n')}\n`);
  return file;
}

const send = (method: string, to: string, type: string, data: string): Promise<Answer> =>
  curl(host, '-X', method, '-H', `content-type: ${type}`, '--data-binary', data, `${daemon.url}${to}`);

// biome-ignore lint/suspicious/noExplicitAny: what a test expects of an answer it says itself
async function put(to: string, file: string): Promise<any> {
  const { code, body } = await send('PUT', to, 'text/plain', `@${file}`);
  expect([200, 201], body).toContain(code);
  return JSON.parse(body);
}

it('a list of 100,000 hosts blocks those in it, after the rules, and never the whitelisted', async () => {
  const { report } = await put(made, hosts(100_000, clientAddress));
  expect(report).toMatchObject({ entries: 100_001, bad: 0 });
  expect(await ping(client, hostAddress)).toBe('silence');
  await daemon.put(`/accept/input/any/${clientAddress}`);
  expect(await ping(client, hostAddress)).toBe('pass');
  await daemon.delete(`/accept/input/any/${clientAddress}`);
  expect(await ping(client, hostAddress)).toBe('silence');
  const added = await send('POST', '/v1/whitelist', 'application/json', JSON.stringify({ entry: clientAddress }));
  expect(added.code).toBe(201);
  expect(await ping(client, hostAddress)).toBe('pass');
  const detail = JSON.parse((await daemon.request('GET', `${path}?limit=1`)).body);
  expect(detail).toMatchObject({ entries: 100_001, cut: { entries: 1, first: [`${clientAddress}/32`] } });
  expect(detail.counters.packets).toBeGreaterThan(0);
  expect((await daemon.request('DELETE', `/v1/whitelist?entry=${clientAddress}`)).code).toBe(200);
  expect(await ping(client, hostAddress)).toBe('silence');
  await put(path, hosts(100_000));
  expect(await ping(client, hostAddress)).toBe('pass');
  expect(daemon.log).not.toContain('Drift');
});

it('a list ends on time, and one that is not confirmed is undone', async () => {
  await put(`${made}&ttl=2s`, hosts(10, clientAddress));
  expect(await ping(client, hostAddress)).toBe('silence');
  await until('the list is out', async () => (await daemon.request('GET', path)).code === 404, 5);
  await mustPing(client, hostAddress);
  await put(`${made}&confirm=1s`, hosts(10, clientAddress));
  await until('the list is undone', async () => (await daemon.request('GET', path)).code === 404, 5);
  await mustPing(client, hostAddress);
  expect(daemon.log).toContain('List expired');
});

it('lists are taken over after a stop as they are, and brought back after a crash', async () => {
  await put(made, hosts(1000, clientAddress));
  await put('/v1/lists/brief?action=drop&chain=input&ttl=1h', hosts(10));
  const before = await table.sets();
  expect(before.filter((name) => name.startsWith('list_spam'))).toHaveLength(1);
  await daemon.stop();
  expect(await ping(client, hostAddress)).toBe('silence');
  await daemon.start();
  expect(await table.sets()).toEqual(before);
  expect(await ping(client, hostAddress)).toBe('silence');
  await daemon.kill();
  await daemon.start();
  expect(await ping(client, hostAddress)).toBe('silence');
  expect((await daemon.request('GET', '/v1/lists')).body).toMatch(/"name":"brief".*"name":"spam"/);
  expect((await daemon.flush()).stdout).toContain('Deleted 2 stored lists: no start brings them back');
  await mustPing(client, hostAddress);
  await daemon.stop();
  await daemon.start();
  expect(JSON.parse((await daemon.request('GET', '/v1/lists')).body)).toEqual({ items: [] });
});

it('lists move to another backend and back, and a flush without a daemon deletes them', async () => {
  await put(made, hosts(1000, clientAddress));
  for (const place of [iptables(host, 'iptables-nft'), nftables(host)]) {
    await daemon.stop();
    daemon.configure(place.config);
    await daemon.start();
    expect(await ping(client, hostAddress)).toBe('silence');
    await put(path, hosts(1000));
    await mustPing(client, hostAddress);
    await put(path, hosts(1000, clientAddress));
    expect(await ping(client, hostAddress)).toBe('silence');
  }
  await daemon.stop();
  expect((await daemon.flush()).stdout).toContain('Deleted 1 stored list: no start brings them back');
  await mustPing(client, hostAddress);
});
