import { setTimeout } from 'node:timers/promises';
import { deserialize, serialize } from 'node:v8';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { list } from '../../src/backends/list.fixture.ts';
import type { NftablesBackend, NftablesOptions } from '../../src/backends/nftables/nftables.ts';
import { readContents } from '../../src/backends/nftables/table-state.ts';
import { change, desired } from '../../src/backends/rule.fixture.ts';
import type { Range } from '../../src/domain/address.ts';
import { AddressSet } from '../../src/domain/address-set.ts';
import type { EnforcedList } from '../../src/domain/list.ts';
import { DatagramStream } from './datagram-stream.fixture.ts';
import { connection, datagrams } from './loopback.fixture.ts';
import { nft, ruleset } from './netlink.fixture.ts';
import { begun, clearTables, closeAll, heldLists, listedTable, probed } from './nftables.fixture.ts';

let backend: NftablesBackend;

async function begin(options: Partial<NftablesOptions> = {}): Promise<void> {
  backend = await begun(options);
}

beforeEach(() => begin());

afterEach(() => {
  closeAll();
  clearTables();
});

const bad = list('bad 1 drop input any any', '127.0.0.2', '127.0.8.0/24', '127.0.9.1-127.0.9.3', '::1');
const from = (source: string) => datagrams(source, '127.0.0.1');
const sets = async (): Promise<number> => (await readContents()).sets.length;
const counters = async (): Promise<readonly string[]> => (await readContents()).counters;

/** A list of so many hosts of 10.0.0.0/8 and others that aren't next to one another. @param more ranges that come last */
function large(version: number, count: number, more: readonly Range[] = []): EnforcedList {
  function* ranges(): Generator<Range> {
    for (let index = 0; index < count; index++) {
      const value = BigInt(0x0a00_0000 + 2 * index + (version & 1));
      yield { family: 4, first: value, last: value };
    }
    yield { family: 4, first: 0x7f00_0002n, last: 0x7f00_0002n };
    yield* more;
  }
  return { ...list(`large ${version} drop input any any`), addresses: AddressSet.of(ranges()) };
}

/** A list that the kernel refuses when it has taken nearly all of it: two networks overlap. */
function impossible(version: number): EnforcedList {
  const given = large(version, 30_000, [{ family: 4, first: 0xc000_0000n, last: 0xc000_00ffn }]);
  const addresses = new Proxy(given.addresses, {
    get: (target, name) => {
      if (name !== 'rangesBySize') {
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      }
      return function* (...of: Parameters<AddressSet['rangesBySize']>): Generator<Range> {
        yield* target.rangesBySize(...of);
        if (of[1] === 'wide' && of[0] === 4) yield { family: 4, first: 0xc000_0080n, last: 0xc000_01ffn };
      };
    },
  });
  return { ...given, addresses };
}

describe.each<[string, Partial<NftablesOptions>]>([
  ['owned', {}],
  ['without an owner', { without: { owner: true, destroys: true } }],
])('a list, in a table %s,', (_, options) => {
  beforeEach(() => begin(options));

  it('stops packets of what is in it, and no others', async () => {
    await backend.setLists([bad]);
    for (const source of ['127.0.0.2', '127.0.8.77', '127.0.9.2']) expect(await from(source), source).toBe('silence');
    for (const source of ['127.0.0.3', '127.0.9.4', '127.0.7.255']) expect(await from(source), source).toBe('pass');
    expect(await datagrams('::1', '::1')).toBe('silence');
    await backend.setLists([]);
    expect(await from('127.0.0.2')).toBe('pass');
    expect([await sets(), await counters()]).toEqual([0, []]);
  });

  it('comes after every rule, whenever that was put, and after the whitelist', async () => {
    await backend.apply(change({ add: ['accept input any any 127.0.8.1/32 any'] }));
    await backend.setLists([bad]);
    await backend.apply(change({ add: ['accept input any any 127.0.8.2/32 any'] }));
    for (const source of ['127.0.8.1', '127.0.8.2']) expect(await from(source)).toBe('pass');
    expect(await from('127.0.8.3')).toBe('silence');
    await backend.replace(desired({ whitelist: ['127.0.8.3'], lists: [bad] }));
    expect(await from('127.0.8.3')).toBe('pass');
    expect(await from('127.0.8.2')).toBe('silence');
  });

  it('decides before those that come after it', async () => {
    const good = list('good 1 accept input any any', '127.0.8.0/25');
    await backend.setLists([good, bad]);
    expect([await from('127.0.8.1'), await from('127.0.8.128')]).toEqual(['pass', 'silence']);
    await backend.setLists([bad, good]);
    expect(await from('127.0.8.1')).toBe('silence');
  });

  it('looks at the destination in output, and answers as reject does', async () => {
    await backend.setLists([list('far 1 reject output any lo', '127.0.0.6')]);
    expect(await datagrams('127.0.0.1', '127.0.0.6')).not.toBe('pass');
    expect(await datagrams('127.0.0.6', '127.0.0.1')).toBe('pass');
    await backend.setLists([list('far 2 reject output any eth0', '127.0.0.6')]);
    expect(await datagrams('127.0.0.1', '127.0.0.6')).toBe('pass');
  });

  it('is replaced while packets come: none passes that both stop', async () => {
    await backend.setLists([large(0, 1000)]);
    const stream = await DatagramStream.start('127.0.0.2', '127.0.0.3');
    try {
      for (let version = 1; version <= 8; version++) await backend.setLists([large(version, 20_000)]);
    } finally {
      const { sent, banned, other } = await stream.stop();
      expect(banned, `of ${sent}`).toBe(0);
      expect(other).toBeGreaterThan(100);
    }
    expect(await sets()).toBe(1);
  });

  it('that the kernel refuses in the middle leaves those that stood, and nothing of its own', async () => {
    await backend.setLists([bad, large(1, 10)]);
    const before = ruleset();
    await expect(backend.setLists([large(2, 25_000), impossible(3), bad])).rejects.toMatchObject({
      name: 'RfwError',
      code: 'kernel-refused',
      message: expect.stringContaining('list_large_ip4_nets_'),
    });
    expect(ruleset()).toEqual(before);
    expect(await from('127.0.8.1')).toBe('silence');
    // And it goes on from there.
    await backend.setLists([bad, large(2, 10)]);
    expect((await sets()) - 1).toBe(bad.addresses.rangeCount(6) + 2);
    await expect(backend.replace(desired({ lists: [impossible(5)] }))).rejects.toMatchObject({
      code: 'kernel-refused',
    });
    expect(await from('127.0.8.1')).toBe('silence');
  });

  it('that the kernel refuses when all is built anew leaves what stood', async () => {
    await backend.setLists([bad]);
    backend.close();
    backend = await probed(options);
    const names = (await readContents()).sets;
    await expect(backend.replace(desired({ lists: [impossible(1)] }))).rejects.toMatchObject({
      code: 'kernel-refused',
    });
    expect((await readContents()).sets).toEqual(names);
    expect(await from('127.0.8.1')).toBe('silence');
    await backend.replace(desired({ lists: [large(1, 5)] }));
    expect([await from('127.0.8.1'), await from('127.0.0.2')]).toEqual(['pass', 'silence']);
    expect(await counters()).toEqual(['list_large']);
  });
});

it('a list counts what it meets, over its replacements and when all is built anew, and so do the totals', async () => {
  const count = async (): Promise<bigint | undefined> =>
    (await backend.listCounts()).find(({ name }) => name === 'bad')?.packets;
  await backend.setLists([list('other 1 drop input any any', '127.0.0.9'), bad]);
  await datagrams('127.0.0.2', '127.0.0.1', 3);
  expect(await count()).toBe(3n);
  await backend.setLists([{ ...bad, version: 2 }]);
  await datagrams('127.0.0.2', '127.0.0.1', 2);
  expect(await count()).toBe(5n);
  backend.close();
  backend = await probed();
  await backend.replace(desired({ lists: [{ ...bad, version: 3 }] }));
  expect(await count()).toBe(5n);
  expect(await backend.totals()).toContainEqual({
    chain: 'input',
    action: 'drop',
    packets: 5n,
    bytes: expect.any(BigInt),
  });
  // A list that was away begins anew.
  await backend.setLists([]);
  await backend.setLists([bad]);
  expect(await count()).toBe(0n);
});

it('reject answers TCP with a reset where that is asked for, and each packet counts once', async () => {
  await begin({ rejectTcpWithReset: true });
  await backend.setLists([list('no 1 reject input any any', '127.0.0.2')]);
  expect(await connection('127.0.0.2', '127.0.0.1')).toMatchObject({ met: 'refusal' });
  expect((await backend.listCounts())[0]?.packets).toBe(1n);
});

it('elements of a list that ends go by themselves, some seconds later', async () => {
  const ending = { ...bad, expiresAt: Date.now() + 60_000 };
  await backend.setLists([ending]);
  const held = [...listedTable().sets.values()];
  expect(held).toHaveLength(3);
  for (const set of held) {
    expect(set['timeout']).toBeGreaterThan(60);
    expect(set['timeout']).toBeLessThanOrEqual(65);
  }
  expect(await from('127.0.0.2')).toBe('silence');
  await backend.setLists([{ ...bad, version: 2, expiresAt: 0 }]);
  expect(await from('127.0.8.1')).toBe('silence');
  await setTimeout(5200);
  expect(await from('127.0.8.1')).toBe('pass');
  expect(await from('127.0.0.2')).toBe('pass');
  await backend.setLists([{ ...bad, version: 3 }]);
  expect(await from('127.0.8.1')).toBe('silence');
});

describe('a later process', () => {
  const rules = ['accept input any any 127.0.8.1/32 any'];
  const wanted = desired({ rules, lists: [bad] });

  async function restarted(): Promise<unknown> {
    await backend.replace(wanted);
    const memory: unknown = deserialize(serialize(backend.memory()));
    backend.close();
    backend = await probed();
    return memory;
  }

  it('takes lists over as they are', async () => {
    const memory = await restarted();
    const before = listedTable();
    expect(await backend.resume(memory, wanted)).toBe(true);
    expect(await backend.intact(wanted)).toBe(true);
    expect(listedTable()).toEqual(before);
    await backend.setLists([{ ...bad, version: 2 }]);
    expect(heldLists()).toHaveLength(1);
    expect([await from('127.0.8.1'), await from('127.0.8.2')]).toEqual(['pass', 'silence']);
    expect(await sets()).toBe(4);
  });

  it('takes over what it can, and brings other lists', async () => {
    const memory = await restarted();
    const other = list('bad 2 drop input any any', '127.0.0.3');
    expect(await backend.resume(memory, { ...wanted, lists: [other] })).toBe(true);
    expect([await from('127.0.0.2'), await from('127.0.0.3')]).toEqual(['pass', 'silence']);
  });

  it('brings them anew where it knows nothing', async () => {
    await restarted();
    expect(await backend.replace(wanted)).toMatchObject({ rebuilt: true });
    expect(await sets()).toBe(4);
    expect(await from('127.0.0.2')).toBe('silence');
  });
});

it('a table that others changed is brought to its lists anew', async () => {
  await begin({ without: { owner: true } });
  await backend.setLists([bad]);
  nft('flush chain inet rfw input');
  // Nothing of that has been heard yet, and a load is not listened to.
  const other = large(1, 20_000);
  await expect(backend.setLists([other])).rejects.toMatchObject({
    code: 'kernel-refused',
    message: expect.stringContaining('Another program'),
  });
  expect(await backend.intact(desired({ lists: [bad] }))).toBe(false);
  await backend.replace(desired({ lists: [bad] }));
  expect(await from('127.0.0.2')).toBe('silence');
});

it('a change that others make while a list is filled is noticed', async () => {
  await begin({ without: { owner: true } });
  await backend.setLists([bad]);
  const filling = backend.setLists([large(1, 50_000)]);
  await setTimeout(20);
  nft('flush chain inet rfw input');
  await expect(filling).rejects.toMatchObject({ code: 'kernel-refused' });
  expect(await backend.intact(desired({ lists: [bad] }))).toBe(false);
  expect(await backend.replace(desired({ lists: [bad] }))).toMatchObject({ rebuilt: true });
  expect(await from('127.0.0.2')).toBe('silence');
  expect(await sets()).toBe(3);
});

it('the event loop goes on while 100,000 hosts and 5,000 networks are brought in', async () => {
  const networks = Array.from({ length: 5000 }, (_, index): Range => {
    const first = 0xac00_0000n + BigInt(index) * 256n;
    return { family: 4, first, last: first + 127n };
  });
  const given = large(1, 100_000, networks);
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await backend.setLists([given]);
  clearInterval(timer);
  expect(turns).toBeGreaterThan(5);
  const [held] = heldLists();
  expect(held?.addresses.equals(given.addresses)).toBe(true);
});
