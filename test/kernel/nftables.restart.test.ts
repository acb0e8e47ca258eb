import { deserialize, serialize } from 'node:v8';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasRepaired } from '../../src/backends/backend.ts';
import type { NftablesBackend, NftablesOptions } from '../../src/backends/nftables/nftables.ts';
import { ownership, rfwTable } from '../../src/backends/nftables/table.ts';
import { change, desired, guard, readAll, rule } from '../../src/backends/rule.fixture.ts';
import { ruleKey } from '../../src/domain/rule.ts';
import { Connection } from '../../src/netlink/connection.ts';
import { addTable } from '../../src/netlink/nftables/commands.ts';
import { execute } from './iptables.fixture.ts';
import { datagrams } from './loopback.fixture.ts';
import { nft } from './netlink.fixture.ts';
import { clearTables, closeAll, heldRules, probed } from './nftables.fixture.ts';

const host = 'drop input any any 127.0.0.2/32 any';
const net = 'accept input eth0 any 10.0.0.0/8 any';
const six = 'reject output any ppp+ any 2001:db8::/32';
const pair = 'accept forward any any 10.0.0.0/8 10.1.0.0/16';
const pair6 = 'drop forward any any 2001:db8::1/128 2001:db8::2/128';
const rules = [host, net, six, pair, pair6];
const wanted = desired({ rules, guard: guard(7393, '192.0.2.0/24'), whitelist: ['192.0.2.0/24', '2001:db8:9::/48'] });

let first: NftablesBackend;

/** All of the table as nft prints it, but for its owner and the times that are left. */
function listed(): string {
  return execute('nft', ['-a', 'list', 'table', 'inet', 'rfw'])
    .replace(/^table .*\n\tflags .*\n/, '')
    .replace(/ expires \w+/g, '');
}

/** What a later process finds of what an earlier one remembers. */
function handedOver(backend: NftablesBackend): unknown {
  const memory: unknown = deserialize(serialize(backend.memory()));
  backend.close();
  return memory;
}

beforeEach(async () => {
  closeAll();
  clearTables();
  first = await probed();
  await first.replace(wanted);
});

afterEach(() => {
  closeAll();
  clearTables();
});

describe('a later process resumes', () => {
  it('and changes nothing in the kernel', async () => {
    await first.apply({ ...change({ remove: [net] }), add: [{ ...rule(net), expiresAt: Date.now() + 3_600_000 }] });
    expect(await datagrams('127.0.0.2', '127.0.0.1')).toBe('silence');
    const before = listed();
    const memory = handedOver(first);
    const next = await probed();
    expect(await next.resume(memory, wanted)).toBe(true);
    expect(listed()).toBe(before);
    expect(() => nft('flush table inet rfw')).toThrow('Operation not permitted');
    expect(await next.intact(wanted)).toBe(true);
    const order = [host, six, pair, pair6, net];
    expect(hasRepaired(await next.replace({ ...wanted, rules: order.map(rule) }))).toBe(false);
    expect(listed()).toBe(before);
  });

  it('by what was cloned in one process too, and again and again', async () => {
    let backend = first;
    for (let run = 0; run < 4; run++) {
      const memory: unknown = structuredClone(backend.memory());
      backend.close();
      backend = await probed();
      expect(await backend.resume(memory, wanted)).toBe(true);
    }
    await backend.apply(change({ remove: rules }));
    expect(heldRules().keys).toEqual([]);
  });

  it('and goes on: newest on top, pairs and all taken out, new names for new sets', async () => {
    const next = await probed();
    expect(await next.resume(handedOver(first), wanted)).toBe(true);
    const onTop = 'accept input any any 127.0.0.0/8 any';
    const above = 'drop forward any any 10.2.0.0/16 any';
    const other = 'accept forward any any 10.3.0.0/16 10.1.0.0/16';
    await next.apply(change({ add: [onTop, above, other], remove: [pair] }));
    const { keys } = heldRules();
    expect(keys.toSorted()).toEqual([host, net, six, pair6, onTop, above, other].toSorted());
    expect(keys.indexOf(onTop)).toBeLessThan(keys.indexOf(host));
    expect(await datagrams('127.0.0.2', '127.0.0.1')).toBe('pass');
    await next.apply({ ...change({}), renew: [{ ...rule(host), expiresAt: Date.now() + 60_000 }] });
    await next.apply(change({ remove: [onTop, pair6] }));
    expect(await datagrams('127.0.0.2', '127.0.0.1')).toBe('silence');
    const [state] = await readAll(next, [host]);
    expect(state && [ruleKey(state.spec), state.packets > 0n]).toEqual([host, true]);
    await next.apply(change({ remove: [other, above, six, host, net] }));
    expect(heldRules().keys).toEqual([]);
    expect(listed()).not.toMatch(/set input|set output|set forward|chain forward_pairs/);
    await next.apply(change({ add: rules }));
    expect(heldRules().keys.toSorted()).toEqual(rules.toSorted());
  });

  it('with another guard and whitelist, which it brings', async () => {
    const next = await probed();
    const changed = desired({ rules, guard: guard(7394, '10.9.0.0/16', '::/0'), whitelist: ['10.9.0.0/16'] });
    expect(await next.resume(handedOver(first), changed)).toBe(true);
    expect(heldRules().guard).toEqual(changed.guard);
    const text = listed();
    expect(text).toContain('elements = { 10.9.0.0/16 }');
    expect(text).not.toMatch(/7393|192\.0\.2\.0|whitelist_ip6/);
    expect(hasRepaired(await next.replace(changed))).toBe(false);
    expect(heldRules().keys.toSorted()).toEqual(rules.toSorted());
  });

  it('with none of them, and then with the former ones again', async () => {
    const next = await probed();
    expect(await next.resume(handedOver(first), desired({ rules }))).toBe(true);
    expect(heldRules()).toEqual({ keys: expect.arrayContaining(rules), guard: null });
    const third = await probed();
    const memory = handedOver(next);
    expect(await third.resume(memory, wanted)).toBe(true);
    expect(heldRules().guard).toEqual(wanted.guard);
  });
});

describe('a later process does not resume, and changes nothing,', () => {
  const foreign: Readonly<Record<string, string>> = {
    'another program has changed the table': 'flush chain inet rfw input',
    'another program has changed another table': 'add table ip another',
    'another program has changed something and taken that back': 'add table ip another\n delete table ip another',
    'the table was deleted': 'delete table inet rfw',
    'everything was flushed': 'flush ruleset',
    'another table is in its place': 'delete table inet rfw\nadd table inet rfw { flags owner; }',
  };

  it.each(Object.entries(foreign))('when %s', async (_, script) => {
    const memory = handedOver(first);
    nft(script);
    const before = execute('nft', ['list', 'ruleset']);
    const next = await probed();
    expect(await next.resume(memory, wanted)).toBe(false);
    expect(execute('nft', ['list', 'ruleset'])).toBe(before);
    await expect(next.apply(change({ remove: [host] }))).rejects.toMatchObject({ code: 'kernel-unavailable' });
    expect(await next.intact(wanted)).toBe(false);
    await next.replace(wanted);
    expect(heldRules().keys.toSorted()).toEqual(rules.toSorted());
  });

  it.each<[string, Partial<NftablesOptions>]>([
    ['rules are to count no more', { counters: false }],
    ['reject is to answer otherwise', { rejectTcpWithReset: true }],
    ['tables are not to be owned', { without: { owner: true } }],
  ])('when %s', async (_, options) => {
    const memory = handedOver(first);
    const before = listed();
    const next = await probed(options);
    expect(await next.resume(memory, wanted)).toBe(false);
    expect(listed()).toBe(before);
    await next.replace(wanted);
    // A rule that rejects may be two in the kernel.
    expect([...new Set(heldRules().keys)].toSorted()).toEqual(rules.toSorted());
  });

  it('when a run in between has changed anything', async () => {
    const memory = handedOver(first);
    const between = await probed();
    await between.replace(wanted);
    between.close();
    const next = await probed();
    expect(await next.resume(memory, wanted)).toBe(false);
  });

  it('when another process owns the table by now', async () => {
    const memory = structuredClone(first.memory());
    const next = await probed();
    expect(await next.resume(memory, wanted)).toBe(false);
    await first.apply(change({ remove: [host] }));
    expect(await next.resume(memory, wanted)).toBe(false);
    expect(await first.intact(wanted)).toBe(true);
  });

  it('when another program has claimed the table and let go of it', async () => {
    const memory = handedOver(first);
    const connection = Connection.open();
    connection.transact([addTable(rfwTable, ownership)]);
    connection.close();
    const next = await probed();
    expect(await next.resume(memory, wanted)).toBe(false);
  });
});

it('there is nothing to remember before the table is known, after it is gone, and where others may change it', async () => {
  expect((await probed()).memory()).toBeUndefined();
  await first.teardown();
  expect(first.memory()).toBeUndefined();
  const older = await probed({ without: { owner: true } });
  await older.replace(wanted);
  expect(older.memory()).toBeUndefined();
});

it('what is remembered does not change with the backend that goes on', async () => {
  const memory = first.memory();
  const copy = structuredClone(memory);
  await first.apply(change({ add: ['drop forward any any 10.7.0.0/16 10.8.0.0/16'], remove: [host, net] }));
  expect(memory).toEqual(copy);
});
