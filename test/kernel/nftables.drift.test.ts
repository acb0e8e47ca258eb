import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasRepaired } from '../../src/backends/backend.ts';
import type { NftablesBackend } from '../../src/backends/nftables/nftables.ts';
import { change, desired, guard, rule } from '../../src/backends/rule.fixture.ts';
import { execute } from './iptables.fixture.ts';
import { datagrams } from './loopback.fixture.ts';
import { nft, nftMeanwhile, until } from './netlink.fixture.ts';
import { clearTables, closeAll, heldRules, meddling, probed } from './nftables.fixture.ts';

const drop = 'drop input any any 127.0.0.2/32 any';
const net = 'reject output any any any 127.0.5.0/24';
const pair = 'accept forward any any 10.0.0.0/8 10.1.0.0/16';
const more = 'drop input any any 127.0.0.3/32 any';
const wanted = desired({ rules: [drop, net, pair], guard: guard(7393, '192.0.2.0/24'), whitelist: ['192.0.2.0/24'] });

const hosts = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `drop input any any 10.${index >> 8}.${index & 255}.1/32 any`);

let backend: NftablesBackend;
let calls = 0;
let end: () => void;

// All of these are about a table that nobody can own, as before Linux 6.9.

/** Everything as nft prints it; with -j it prints nothing once a table is dormant. */
const listed = (): string => execute('nft', ['list', 'ruleset']);

/** What is asserted of every state: all rules and the guard, and nothing of anybody else. */
function isWhole(): void {
  const held = heldRules();
  expect(held.keys.toSorted()).toEqual([drop, net, pair].toSorted());
  expect(held.guard).toEqual(wanted.guard);
  expect(listed()).not.toMatch(/mine|targets|dormant/);
}

beforeEach(async () => {
  closeAll();
  clearTables();
  backend = await probed({ without: { owner: true } });
  await backend.replace(wanted);
  calls = 0;
  end = backend.watch(() => calls++);
});

afterEach(() => {
  end();
  closeAll();
  clearTables();
});

const element = 'input_drop_ip4_hosts_1 { 127.0.0.2 }';
const regular = 'delete chain inet rfw input\nadd chain inet rfw input';

describe.each<[string, string]>([
  ['an element that is deleted', `delete element inet rfw ${element}`],
  ['an element that comes', 'add element inet rfw input_drop_ip4_hosts_1 { 127.0.0.77 }'],
  ['a chain that is flushed', 'flush chain inet rfw input'],
  ['a chain of pairs that is flushed', 'flush chain inet rfw forward_pairs_1'],
  ['a chain without its hook', `flush chain inet rfw input\n${regular}`],
  ['a chain at another priority', `flush chain inet rfw input\n${regular} { type filter hook input priority 7; }`],
  ['a policy', 'add chain inet rfw input { policy drop; }'],
  ['a table put to sleep', 'add table inet rfw { flags dormant; }'],
  ['the table deleted', 'delete table inet rfw'],
  ['a table in the place of the one that was deleted', 'delete table inet rfw\nadd table inet rfw'],
  ['a flush of all tables', 'flush ruleset'],
  ['things of their own in the table', meddling],
])('of a table without an owner, %s', (_, script) => {
  it('is told within a second, refuses changes until it is repaired, and is repaired', async () => {
    await nftMeanwhile(script);
    expect(await until(() => calls > 0)).toBeLessThan(1000);
    expect(await backend.intact(wanted)).toBe(false);
    const before = listed();
    await expect(backend.apply(change({ add: [more], remove: [drop] }))).rejects.toMatchObject({
      name: 'RfwError',
      code: 'kernel-refused',
      message: 'Another program has changed table inet rfw',
    });
    expect(listed()).toBe(before);
    expect(hasRepaired(await backend.replace(wanted))).toBe(true);
    isWhole();
    expect(await backend.intact(wanted)).toBe(true);
    expect(hasRepaired(await backend.replace(wanted))).toBe(false);
    await backend.apply(change({ add: [more], remove: [drop] }));
    expect(heldRules().keys.toSorted()).toEqual([more, net, pair].toSorted());
    expect(await datagrams('127.0.0.3', '127.0.0.1')).toBe('silence');
  });
});

it('changes of its own are no news, nor are those in other tables, nor what the kernel lets go by itself', async () => {
  await backend.apply({ ...change({}), add: [{ ...rule(more), expiresAt: Date.now() - 4900 }] });
  await backend.apply(change({ remove: [drop] }));
  await backend.apply(change({ add: [drop, 'drop input any any 10.0.0.0/8 any'] }));
  await nftMeanwhile('add table inet another\nadd chain inet another rfw\nadd table ip rfw\ndelete table ip rfw');
  await backend.replace(desired({ rules: [drop] }));
  await sleep(600);
  expect(calls).toBe(0);
  expect(await backend.intact(desired({ rules: [drop] }))).toBe(true);
});

it('a change by others is told of to whoever begins to watch after it', async () => {
  end();
  calls = 0;
  await nftMeanwhile('insert rule inet rfw input accept');
  await sleep(200);
  end = backend.watch(() => calls++);
  expect(calls).toBe(1);
  expect(await backend.intact(wanted)).toBe(false);
});

it('the watch goes on after a repair, until it is ended', async () => {
  for (let round = 0; round < 3; round++) {
    calls = 0;
    await nftMeanwhile('flush chain inet rfw input');
    await until(() => calls > 0);
    await backend.replace(wanted);
  }
  await sleep(50);
  end();
  calls = 0;
  await nftMeanwhile('flush chain inet rfw input');
  await sleep(100);
  expect(calls).toBe(0);
  expect(await backend.intact(wanted)).toBe(false);
});

it('a change that comes right after one by others, before it is heard of, is made as a whole or not at all', async () => {
  nft(`delete element inet rfw ${element}`);
  // The event loop had no turn since.
  await backend.apply(change({ add: [more], remove: [drop] }));
  expect(heldRules().keys.toSorted()).toEqual([more, net, pair].toSorted());
  await until(() => calls > 0);
  nft('flush ruleset');
  await expect(backend.apply(change({ add: [drop] }))).rejects.toMatchObject({ code: 'kernel-refused' });
  expect(listed()).toBe('');
  await backend.replace(wanted);
  isWhole();
});

it('a change by others while many rules are brought in is not missed', async () => {
  await nftMeanwhile('flush ruleset');
  await until(() => calls > 0);
  const rules = Array.from(
    { length: 60_000 },
    (_, index) => `drop input any any 10.${index >> 8}.${index & 255}.1 any`,
  );
  const replacing = backend.replace(desired({ rules }));
  const meddled = (async () => {
    for (let round = 0; round < 40; round++) await nftMeanwhile('flush ruleset').catch(() => {});
  })();
  await replacing.catch(() => {});
  await meddled;
  await until(() => calls > 0);
  expect(await backend.intact(desired({ rules }))).toBe(false);
  await backend.replace(wanted);
  isWhole();
});

it('20,000 rules of its own in one change are no news either', async () => {
  await backend.apply(change({ add: hosts(20_000) }));
  await backend.apply(change({ remove: hosts(20_000) }));
  await sleep(300);
  expect(calls).toBe(0);
  expect(await backend.intact(wanted)).toBe(true);
});

it('a repair that fails leaves nobody in the belief that all is well', async () => {
  await nftMeanwhile('flush chain inet rfw input');
  await until(() => calls > 0);
  const twice = 'drop input any any 127.0.0.4/32 any';
  const impossible = desired({ rules: [...hosts(12_000), twice, twice] });
  await expect(backend.replace(impossible)).rejects.toMatchObject({ code: 'kernel-refused' });
  expect(await backend.intact(wanted)).toBe(false);
  await expect(backend.apply(change({ add: [more] }))).rejects.toMatchObject({ name: 'RfwError' });
  await backend.replace(wanted);
  isWhole();
});
