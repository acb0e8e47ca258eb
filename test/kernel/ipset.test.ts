import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Connection } from '../../src/netlink/connection.ts';
import { dump } from '../../src/netlink/dump.ts';
import * as ipsets from '../../src/netlink/ipset/commands.ts';
import { longestTimeout } from '../../src/netlink/ipset/constants.ts';
import { type AddressLength, EntryList } from '../../src/netlink/ipset/entries.ts';
import { setType, version } from '../../src/netlink/ipset/objects.ts';
import { destroySets, ipset, saved, setNames } from './ipset.fixture.ts';
import { refusalOf } from './netlink.fixture.ts';

let connection: Connection;

beforeEach(() => {
  destroySets();
  connection = Connection.open();
});

afterEach(() => {
  connection.close();
  destroySets();
});

function revision(addressLength: AddressLength = 4): number {
  const [reply] = connection.request(ipsets.askType('hash:net', addressLength));
  return (reply && ipsets.read(setType, reply).revision) ?? -1;
}

function create(name: string, spec: Partial<ipsets.SetSpec> = {}): void {
  const { addressLength = 4 } = spec;
  const whole = { type: 'hash:net', revision: revision(addressLength), addressLength, ...spec };
  connection.request(ipsets.createSet(name, whole));
}

type Entry = readonly [address: number | bigint, length: number, timeout?: number];

function list(addressLength: AddressLength, ...entries: readonly Entry[]): EntryList {
  const of = new EntryList(addressLength);
  for (const [address, length, timeout] of entries) of.add(address, length, timeout);
  return of;
}

const add = (name: string, entries: EntryList) => connection.request(ipsets.addEntries(name, entries));
const six = (high: bigint, low = 0n): bigint => (high << 64n) + low;

describe('ipset saves what we load as what it loads itself', () => {
  function same(ours: () => void, script: string): void {
    ours();
    // A second may end between the two.
    const coarse = (lines: readonly string[]) =>
      lines.map((line) => line.replace(/timeout (\d{5,})/, (_, left) => `timeout ${Math.round(Number(left) / 100)}00`));
    const found = coarse(saved());
    destroySets();
    ipset('restore', script);
    expect(found).toEqual(coarse(saved()));
    expect(found.length).toBeGreaterThan(0);
  }

  it('networks and hosts of both families', () => {
    same(
      () => {
        create('a');
        create('b', { addressLength: 16, hashSize: 4096, maxElements: 100_000 });
        add('a', list(4, [0x0a000000, 8], [0xc0000207, 32], [0, 1], [0x80000000, 1], [0xffffffff, 32]));
        add('b', list(16, [six(0x20010db8_00000000n), 32], [six(0x20010db8_00000000n, 1n), 128], [0n, 1]));
      },
      `create a hash:net family inet
       add a 10.0.0.0/8
       add a 192.0.2.7
       add a 0.0.0.0/1
       add a 128.0.0.0/1
       add a 255.255.255.255
       create b hash:net family inet6 hashsize 4096 maxelem 100000
       add b 2001:db8::/32
       add b 2001:db8::1
       add b ::/1`,
    );
  });

  it('timeouts and counters', () => {
    same(
      () => {
        create('a', { timeout: longestTimeout, counters: true });
        add('a', list(4, [0x0a000000, 8], [0x0b000000, 8, 0]));
      },
      `create a hash:net timeout ${longestTimeout} counters
       add a 10.0.0.0/8
       add a 11.0.0.0/8 timeout 0`,
    );
  });

  it('what was deleted, flushed, swapped and destroyed', () => {
    same(() => {
      for (const name of ['a', 'b', 'c', 'd']) create(name);
      add('a', list(4, [1, 32], [2, 32]));
      add('b', list(4, [3, 32]));
      add('c', list(4, [4, 32]));
      connection.request(ipsets.deleteEntries('a', list(4, [1, 32])));
      connection.request(ipsets.flushSet('c'));
      connection.request(ipsets.swapSets('a', 'b'));
      connection.request(ipsets.destroySet('d'));
    }, 'create a hash:net\nadd a 0.0.0.3\ncreate b hash:net\nadd b 0.0.0.2\ncreate c hash:net\n');
  });
});

describe('reading', () => {
  it('the versions that the kernel speaks, and the revisions of a type', () => {
    const [reply] = connection.request(ipsets.askProtocol());
    const { protocol = 0, leastProtocol = 99 } = (reply && ipsets.read(version, reply)) ?? {};
    // Protocol 7 is since Linux 4.20; before, no oldest was named.
    expect(protocol).toBeGreaterThanOrEqual(6);
    expect(leastProtocol).toBeLessThanOrEqual(6);
    expect(revision()).toBeGreaterThanOrEqual(6);
    expect(revision(16)).toBe(revision());
    expect(refusalOf(() => connection.request(ipsets.askType('hash:nothing', 4)))).toMatchObject({
      operation: 'ipset type hash:nothing',
      code: 'IPSET_ERR_FIND_TYPE',
    });
  });

  it('nothing from a subsystem that the kernel has not, as on one without ipset: EINVAL', () => {
    const nobody = 13; // NFNL_SUBSYS_COUNT: past the last.
    const request = ipsets.askProtocol();
    const refusal = refusalOf(() => connection.request({ ...request, type: (nobody << 8) | (request.type & 0xff) }));
    expect(refusal.code).toBe('EINVAL');
  });

  it('headers: how many entries, and whether anything refers to the set', async () => {
    create('a', { timeout: 600, maxElements: 70_000 });
    create('b', { addressLength: 16 });
    add('a', list(4, [1, 32], [2, 32]));
    ipset('create all list:set');
    ipset('add all a');
    const sets = ipsets.readSets(await dump(ipsets.listSets('headers')));
    expect(sets).toMatchObject([
      { name: 'a', type: 'hash:net', family: 2, properties: { elements: 2, references: 1, timeout: 600 }, entries: [] },
      { name: 'b', type: 'hash:net', family: 10, properties: { elements: 0, references: 0 }, entries: [] },
      { name: 'all', type: 'list:set' },
    ]);
    expect(sets[0]?.properties?.maxElements).toBe(70_000);
    ipset('destroy all');
  });

  it('all entries of fifty thousand, each once', async () => {
    create('a', { hashSize: 65_536 });
    const entries = new EntryList(4);
    for (let address = 0; address < 50_000; address++) {
      if (entries.full) {
        add('a', entries);
        entries.clear();
      }
      entries.add(4 * address, 30 + (address % 3));
    }
    add('a', entries);
    const [found] = ipsets.readSets(await dump(ipsets.listSets('entries', 'a')));
    const keys = (found?.entries ?? []).map(({ address, length }) => `${address?.ipv4?.join('.')}/${length}`);
    expect(new Set(keys).size).toBe(50_000);
    expect(keys).toHaveLength(50_000);
    expect(keys).toContain('0.0.0.4/31');
    expect(keys).toContain('0.3.13.52/32');
  });

  it('whether an address is in a set', () => {
    create('a');
    add('a', list(4, [0x0a000000, 8]));
    connection.request(ipsets.testEntry('a', Uint8Array.of(10, 9, 8, 7)));
    expect(refusalOf(() => connection.request(ipsets.testEntry('a', Uint8Array.of(11, 0, 0, 1)))).code).toBe(
      'IPSET_ERR_EXIST',
    );
  });
});

describe('refusals have the name of ipset, and say which entry', () => {
  it.each<[string, () => unknown, object]>([
    ['no such set', () => connection.request(ipsets.destroySet('x')), { code: 'ENOENT', operation: 'destroy x' }],
    ['a set that is there', () => create('a'), { code: 'EEXIST', operation: 'create a' }],
    ['swapping with none', () => connection.request(ipsets.swapSets('a', 'x')), { code: 'IPSET_ERR_EXIST_SETNAME2' }],
    ['another family', () => connection.request(ipsets.swapSets('a', 'b')), { code: 'IPSET_ERR_TYPE_MISMATCH' }],
    ['a set in use', () => connection.request(ipsets.destroySet('held')), { code: 'IPSET_ERR_BUSY' }],
    [
      'an entry that is there',
      () => add('a', list(4, [5, 32], [6, 32], [1, 32], [7, 32])),
      { code: 'IPSET_ERR_EXIST', attribute: 'entries[2]' },
    ],
    [
      'an entry that is not',
      () => connection.request(ipsets.deleteEntries('a', list(4, [1, 32], [9, 32]))),
      { code: 'IPSET_ERR_EXIST', attribute: 'entries[1]' },
    ],
    [
      'a timeout where there are none',
      () => add('a', list(4, [9, 32, 5])),
      { code: 'IPSET_ERR_TIMEOUT', attribute: 'entries[0]' },
    ],
    [
      'one more than the set takes',
      () => add('held', list(4, [5, 32], [6, 32], [7, 32])),
      { code: 'IPSET_ERR_HASH_FULL', attribute: 'entries[2]' },
    ],
    [
      'addresses of the other family',
      () => add('a', list(16, [1n, 128])),
      { code: 'IPSET_ERR_PROTOCOL', attribute: 'entries[0]' },
    ],
  ])('%s', (_, act, refusal) => {
    create('a');
    create('b', { addressLength: 16 });
    create('held', { maxElements: 2 });
    add('a', list(4, [1, 32]));
    ipset('create all list:set');
    ipset('add all held');
    expect(refusalOf(act)).toMatchObject({ name: 'NetlinkError', ...refusal });
    ipset('destroy all');
  });

  it('of a message that is full, which comes back whole', () => {
    create('a');
    const entries = new EntryList(4);
    while (!entries.full) entries.add(entries.length, 31, undefined);
    expect(refusalOf(() => add('a', entries))).toMatchObject({ code: 'IPSET_ERR_EXIST', attribute: 'entries[1]' });
  });
});

it('entries end by their timeout', async () => {
  create('a', { timeout: 1 });
  add('a', list(4, [1, 32], [2, 32, 60]));
  expect(setNames()).toEqual(['a']);
  const count = async () => ipsets.readSets(await dump(ipsets.listSets('headers', 'a')))[0]?.properties?.elements;
  expect(await count()).toBe(2);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(await count()).toBe(1);
});
