import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ListedRule } from '../../src/api/compat/render.ts';
import { guard } from '../../src/backends/rule.fixture.ts';
import { Daemon } from './daemon.fixture.ts';
import { Network } from './network.fixture.ts';
import { outwardServer } from './outward.fixture.ts';
import { mustPing, ping } from './probe.fixture.ts';
import { until } from './process.fixture.ts';
import { Program } from './program.fixture.ts';
import { changeStored } from './store.fixture.ts';
import { Table } from './table.fixture.ts';

const network = new Network();
const program = new Program();
const hostAddress = '10.81.1.1';
const clientAddress = '10.81.1.2';
const net = '10.81.0.0/16';
let client = '';
let outward: readonly string[] = [];
let host = '';
let table: Table;
let daemon: Daemon;

beforeAll(async () => {
  outward = await outwardServer(program);
  client = await network.namespace('client');
  host = await network.namespace('host');
  await network.link(
    { namespace: client, device: 'eth0', addresses: [`${clientAddress}/24`] },
    { namespace: host, device: 'veth0', addresses: [`${hostAddress}/24`] },
  );
  table = new Table(host);
});

/** What must hold after every start: rules that overlap, of both families and of every chain, and one that ends. */
const paths = [
  `/drop/input/any/${net}`,
  '/drop/input/veth/198.18.0.1',
  '/reject/output/any/2001:db8:18::/48',
  '/accept/forward/any/172.16.0.0/12/any/10.1.0.0/16',
  '/drop/input/any/198.18.0.2?expire=1h',
  `/accept/input/any/${clientAddress}`,
];
const keys = [
  `accept input any any ${clientAddress}/32 any`,
  'drop input any any 198.18.0.2/32 any',
  'accept forward any any 172.16.0.0/12 10.1.0.0/16',
  'reject output any any any 2001:db8:18::/48',
  'drop input veth+ any 198.18.0.1/32 any',
  `drop input any any ${net} any`,
];
const guarded = guard(7393, '127.0.0.0/8', '::1/128');

beforeEach(async () => {
  daemon = new Daemon({ program, namespace: host, config: ['firewall.backend = nftables', ...outward] });
  await daemon.start();
  for (const path of paths) await daemon.put(path);
});

afterEach(async () => {
  await daemon.kill();
  await daemon.flush();
});

afterAll(async () => {
  await network.close();
  program.remove();
});

/** That the daemon has all the rules and no more, in their order, and that the kernel enforces them and the guard. */
async function allHolds(but: readonly string[] = []): Promise<void> {
  const wanted = keys.filter((key) => !but.includes(key));
  const held = await table.held();
  expect([...new Set(held.keys)].toSorted()).toEqual(wanted.toSorted());
  expect(held.guard).toEqual(guarded);
  expect(await listed()).toEqual(inOrder(wanted));
  const accepted = wanted.includes(`accept input any any ${clientAddress}/32 any`);
  expect(await ping(client, hostAddress)).toBe(accepted ? 'pass' : 'silence');
}

/** Newest first, chain by chain. */
function inOrder(wanted: readonly string[]): string[] {
  return ['input', 'output', 'forward'].flatMap((chain) => wanted.filter((key) => key.split(' ')[1] === chain));
}

async function listed(): Promise<string[]> {
  const { body } = await daemon.request('GET', '/list');
  return (JSON.parse(body) as ListedRule[]).map(({ target, chain, inp, out, source, destination }) => {
    const name = (text: string): string => (text === '*' ? 'any' : text);
    const side = (text: string): string => {
      if (text === '0.0.0.0/0' || text === '::/0') return 'any';
      return text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`;
    };
    const words = [target.toLowerCase(), chain.toLowerCase(), name(inp), name(out), side(source), side(destination)];
    return words.join(' ');
  });
}

/** That rules go on to be put, deleted and ended on time. */
async function goesOn(): Promise<void> {
  expect((await daemon.put(`/drop/input/any/${net}`)).status).toBe('exists');
  expect((await daemon.delete(`/accept/input/any/${clientAddress}`)).status).toBe('deleted');
  expect(await ping(client, hostAddress)).toBe('silence');
  expect((await daemon.delete(`/drop/input/any/${net}`)).status).toBe('deleted');
  await mustPing(client, hostAddress);
  expect((await daemon.put(`/drop/input/any/${clientAddress}?expire=1`)).status).toBe('created');
  expect(await table.sources()).toContain(`${clientAddress}/32`);
  await until('pings pass', async () => (await ping(client, hostAddress)) === 'pass', 5);
  expect(daemon.log).not.toContain('"level":"error"');
}

describe('after SIGTERM and a start', () => {
  it('everything holds and nothing was brought in anew', async () => {
    const before = await table.sets();
    for (const line of ['add table ip another', 'delete table ip another']) {
      // What others do while it runs is no reason to doubt what it leaves.
      expect(await table.nft(line)).toMatchObject({ status: 0 });
      expect(await daemon.stop()).toEqual({ code: 0, signal: null });
      await daemon.start();
      await allHolds();
      expect(await table.sets()).toEqual(before);
    }
    expect(daemon.log).not.toContain('Drift');
    await goesOn();
  });

  it('rules have the end that they were given, and those that are over are out before the first answer', async () => {
    const over = await daemon.put('/drop/input/any/198.18.0.3?expire=2');
    const later = await daemon.put('/drop/input/any/198.18.0.4?expire=10');
    await daemon.stop();
    await sleep(Math.max(0, endOf(over) - Date.now()));
    daemon.launch();
    const first = await until('an answer', async () => {
      const answer = await daemon.request('GET', '/list');
      return answer.code !== 0 && answer;
    });
    expect(first).toMatchObject({ code: 200 });
    const sources = await table.sources();
    expect(Date.now(), 'this was in time').toBeLessThan(endOf(later));
    expect(first.body).not.toContain('198.18.0.3');
    expect(sources).not.toContain('198.18.0.3/32');
    expect(first.body).toContain('198.18.0.4');
    expect(sources).toContain('198.18.0.4/32');
    let lastSeen = 0;
    await until('the other one is out', async () => {
      const begin = Date.now();
      if (!(await table.sources()).includes('198.18.0.4/32')) return true;
      lastSeen = begin;
      return false;
    });
    expect(Date.now(), 'not too early').toBeGreaterThanOrEqual(endOf(later));
    expect(lastSeen - endOf(later), 'milliseconds too late').toBeLessThanOrEqual(250);
    await allHolds();
  });

  it('an address that has come to the whitelist meanwhile is touched by no rule, and the others hold', async () => {
    await daemon.stop();
    daemon.allow(['127.0.0.0/8', '::1', '198.18.0.1']);
    await daemon.start();
    expect(daemon.log).toMatch(/drop input veth\+ any 198\.18\.0\.1\/32 any/);
    const held = await table.held();
    expect(held.guard).toEqual(guard(7393, '127.0.0.0/8', '198.18.0.1/32', '::1/128'));
    expect(await listed()).toEqual(inOrder(keys.filter((key) => !key.includes('198.18.0.1/32'))));
    expect(held.keys).not.toContain('drop input veth+ any 198.18.0.1/32 any');
    expect((await daemon.request('PUT', '/drop/input/any/198.18.0.1')).code).toBe(400);
    // Known again by the next start, with the new whitelist.
    const before = await table.sets();
    await daemon.stop();
    await daemon.start();
    expect(await table.sets()).toEqual(before);
  });

  it('a rule that was deleted from the database by hand is gone from the kernel', async () => {
    await daemon.stop();
    changeStored(daemon.stateDir, `DELETE FROM rules WHERE source = '${clientAddress}/32'`);
    expect(await ping(client, hostAddress)).toBe('pass');
    await daemon.start();
    await allHolds([`accept input any any ${clientAddress}/32 any`]);
  });

  it.each([
    ['everything was flushed', 'flush ruleset'],
    ['the table was deleted', 'delete table inet rfw'],
    ['the chains look up nothing any more', 'flush chain inet rfw input'],
    ['somebody has accepted all at the head of the chain', 'insert rule inet rfw input accept'],
    ['another program has made a table of its own', 'add table ip another'],
  ])('all is back when meanwhile %s', async (_, line) => {
    await daemon.stop();
    expect(await table.nft(line)).toMatchObject({ status: 0 });
    await daemon.start();
    await allHolds();
  });

  it('nothing that another program has put into the table stays, and what it has in its own does', async () => {
    await daemon.stop();
    const script = 'add table ip another; add chain ip another mine; add set inet rfw mine { type ipv4_addr; }';
    expect(await table.nft(script)).toMatchObject({ status: 0 });
    await daemon.start();
    expect(await table.sets()).not.toContain('mine');
    await allHolds();
    expect(await table.nft('list chain ip another mine')).toMatchObject({ status: 0 });
    expect(await table.nft('delete table ip another')).toMatchObject({ status: 0 });
    await allHolds();
    await goesOn();
  });
});

function endOf({ rule }: { readonly rule: { readonly expiresAt?: string | null } }): number {
  return Date.parse(rule.expiresAt ?? '');
}
