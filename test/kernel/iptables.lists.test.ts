import { execFileSync } from 'node:child_process';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasRepaired } from '../../src/backends/backend.ts';
import type { IptablesBackend } from '../../src/backends/iptables/iptables.ts';
import { listFrom } from '../../src/backends/iptables/list.fixture.ts';
import { setName } from '../../src/backends/iptables/list-line.ts';
import { change, desired, guard } from '../../src/backends/rule.fixture.ts';
import type { EnforcedList } from '../../src/domain/list.ts';
import { destroySets, ipset, saved, setNames } from './ipset.fixture.ts';
import { clear, iptables, probed, show, variants } from './iptables.fixture.ts';
import { connection, datagrams } from './loopback.fixture.ts';

const spam = (prefixes: readonly string[], shape = 'drop input any any', more = {}) =>
  listFrom(`spam ${shape}`, prefixes, more);
const [four, six] = ['10.66.0.0/16', '2001:db8:66::/48'];

/** The entries of a list's set of IPv4 as ipset shows them. */
function entries(list: EnforcedList, family: 4 | 6 = 4): string[] {
  const add = `add ${setName(list, family)} `;
  return saved()
    .filter((line) => line.startsWith(add))
    .map((line) => line.slice(add.length));
}

const line = (list: EnforcedList, family: 4 | 6 = 4): string =>
  `-A INPUT -m set --match-set ${setName(list, family)} src -j ${list.action.toUpperCase()}`;

beforeAll(() => execFileSync('ip', ['link', 'set', 'lo', 'up']));

describe.each(variants)('lists of iptables-%s', (variant) => {
  let backend: IptablesBackend;

  beforeEach(async () => {
    clear();
    destroySets();
    iptables(variant, '-A INPUT -s 10.0.0.9/32 -j DROP');
    ipset('create rfw hash:net');
    ipset('create other hash:net');
    ipset('add other 10.66.0.0/16');
    backend = await probed(variant);
  });

  afterEach(() => {
    backend.close();
    clear();
    destroySets();
  });

  const foreign = ['-A INPUT -s 10.0.0.9/32 -j DROP'];
  const foreignSets = ['other', 'rfw'];

  it('are a set and a line for each family that they have addresses of, below rules and above others', async () => {
    const list = spam([four, '10.77.0.7', six]);
    const rule = 'accept input any any 10.66.6.6/32 any';
    await backend.replace(desired({ rules: [rule], guard: guard(7393, '192.0.2.0/24') }));
    await backend.setLists([list]);
    const guarded = show(variant, 'INPUT').slice(0, 2);
    expect(show(variant, 'INPUT')).toEqual([...guarded, '-A INPUT -s 10.66.6.6/32 -j ACCEPT', line(list), ...foreign]);
    expect(show(variant, 'INPUT', 6).at(-1)).toBe(line(list, 6));
    expect(entries(list)).toEqual(['10.66.0.0/16', '10.77.0.7']);
    expect(entries(list, 6)).toEqual(['2001:db8:66::/48']);
    // A rule that comes later is above all the same.
    await backend.apply(change({ add: ['accept input any any 10.77.0.0/24 any'] }));
    expect(show(variant, 'INPUT')[2]).toBe('-A INPUT -s 10.77.0.0/24 -j ACCEPT');
    await backend.setLists([]);
    expect(show(variant, 'INPUT').slice(2)).toEqual([
      '-A INPUT -s 10.77.0.0/24 -j ACCEPT',
      '-A INPUT -s 10.66.6.6/32 -j ACCEPT',
      ...foreign,
    ]);
    expect(setNames()).toEqual(foreignSets);
  });

  it('find their place below rules that came and went since, and keep the order that is given', async () => {
    await backend.replace(desired({ rules: ['drop input any any 10.0.0.1 any', 'drop input any any 10.0.0.2 any'] }));
    await backend.apply(
      change({ remove: ['drop input any any 10.0.0.1 any'], add: ['drop input any any 10.0.0.3 any'] }),
    );
    const lists = ['a', 'b', 'c'].map((name) => listFrom(`${name} drop input any any`, [four]));
    const [a, b, c] = lists as [EnforcedList, EnforcedList, EnforcedList];
    const rules = ['-A INPUT -s 10.0.0.3/32 -j DROP', '-A INPUT -s 10.0.0.2/32 -j DROP'];
    await backend.setLists([b]);
    await backend.setLists([a, b, c]);
    expect(show(variant, 'INPUT')).toEqual([...rules, line(a), line(b), line(c), ...foreign]);
    await backend.setLists([c, a]);
    expect(show(variant, 'INPUT')).toEqual([...rules, line(c), line(a), ...foreign]);
    expect(
      await backend.intact(
        desired({ rules: ['drop input any any 10.0.0.2 any', 'drop input any any 10.0.0.3 any'], lists: [c, a] }),
      ),
    ).toBe(true);
  });

  it('have every shape that rules have', async () => {
    const lists = [
      spam([four, six], 'reject input eth0 any'),
      listFrom('out accept output any ppp+', [four, six]),
      listFrom('through drop forward eth0 eth1 destination', [four]),
      listFrom('all drop forward any any', ['0.0.0.0/0', '::/0']),
    ];
    await backend.setLists(lists);
    expect(await backend.intact(desired({ lists }))).toBe(true);
    expect(hasRepaired(await backend.replace(desired({ lists })))).toBe(false);
    const [reject, out, through, all] = lists.map((list) => setName(list, 4));
    expect(show(variant)).toEqual([
      `-A INPUT -i eth0 -m set --match-set ${reject} src -j REJECT --reject-with icmp-port-unreachable`,
      ...foreign,
      `-A FORWARD -i eth0 -o eth1 -m set --match-set ${through} dst -j DROP`,
      `-A FORWARD -m set --match-set ${all} src -j DROP`,
      `-A OUTPUT -o ppp+ -m set --match-set ${out} dst -j ACCEPT`,
    ]);
    expect(entries(lists[3] ?? spam([]))).toEqual(['0.0.0.0/1', '128.0.0.0/1']);
  });

  it('are swapped: the line stays as it is, with what it has counted', async () => {
    const before = spam(['127.0.0.66']);
    await backend.setLists([before]);
    await datagrams('127.0.0.66', '127.0.0.1', 3);
    const after = spam(['127.0.0.66', '127.0.0.68']);
    await backend.setLists([after]);
    await datagrams('127.0.0.68', '127.0.0.1', 2);
    expect(entries(after)).toEqual(['127.0.0.66', '127.0.0.68']);
    const [count] = await backend.listCounts();
    expect(count).toMatchObject({ name: 'spam', packets: 5n });
    expect((await backend.totals()).find(({ chain, action }) => chain === 'input' && action === 'drop')?.packets).toBe(
      5n,
    );
    expect(setNames()).toEqual([...foreignSets, setName(after, 4)].sort());
  });

  it('stop packets, but those of an address that a rule accepts', async () => {
    await backend.replace(desired({ lists: [spam(['127.0.0.64/28', '::1'])] }));
    expect(await datagrams('127.0.0.66', '127.0.0.1')).toBe('silence');
    expect(await datagrams('127.0.0.80', '127.0.0.1')).toBe('pass');
    expect(await datagrams('::1', '::1')).toBe('silence');
    await backend.apply(change({ add: ['accept input any any 127.0.0.66 any'] }));
    expect(await datagrams('127.0.0.66', '127.0.0.1')).toBe('pass');
    await backend.setLists([spam(['127.0.0.64/28'], 'reject input any any')]);
    expect((await connection('127.0.0.67', '127.0.0.1')).met).toBe('refusal');
    expect(await datagrams('::1', '::1')).toBe('pass');
  });

  it('change action and addresses at once, under another set', async () => {
    const before = spam(['127.0.0.66']);
    const after = spam(['127.0.0.67'], 'reject input any any');
    await backend.setLists([before]);
    await backend.setLists([after]);
    expect(show(variant, 'INPUT')).toHaveLength(2);
    expect(setNames()).toEqual([...foreignSets, setName(after, 4)].sort());
    expect((await connection('127.0.0.67', '127.0.0.1')).met).toBe('refusal');
    expect(await datagrams('127.0.0.66', '127.0.0.1')).toBe('pass');
  });

  it('have neither line nor set of a family that they lost', async () => {
    const list = spam([four, six]);
    await backend.setLists([list]);
    await backend.setLists([spam([six])]);
    expect(show(variant)).toEqual(foreign);
    expect(show(variant, '', 6)).toEqual([line(list, 6)]);
    await backend.setLists([spam([])]);
    expect([show(variant, '', 6), setNames()]).toEqual([[], foreignSets]);
    expect(await backend.listCounts()).toEqual([{ name: 'spam', packets: 0n, bytes: 0n }]);
  });

  it('let go by themselves some seconds after they should have ended', async () => {
    const list = spam([four], undefined, { expiresAt: Date.now() + 60_000 });
    await backend.setLists([list]);
    const [timeout] = entries(list).map((entry) => Number(/timeout (\d+)/.exec(entry)?.[1]));
    expect(timeout).toBeGreaterThan(60);
    expect(timeout).toBeLessThanOrEqual(65);
    // Another expiry is another set, and the addresses are the same.
    const longer = { ...list, version: list.version + 1000, expiresAt: Date.now() + 600_000 };
    await backend.setLists([longer]);
    expect(Number(/timeout (\d+)/.exec(entries(list)[0] ?? '')?.[1])).toBeGreaterThan(600);
    await backend.setLists([{ ...longer, version: longer.version + 1, expiresAt: null }]);
    expect(entries(list)).toEqual([four]);
  });

  it('of a refused change stand as they did, in both families', async () => {
    const before = [spam([four, six]), listFrom('more drop input any any', [four, six])];
    await backend.setLists(before);
    const stood = [show(variant), show(variant, '', 6), saved()];
    // The name of a set that is to be swapped is taken by one of another type.
    const taken = listFrom('taken drop input any any', [four]);
    ipset(`create ${setName(taken, 4)} hash:ip,port`);
    const lists = [spam(['10.1.0.0/16', six]), taken, listFrom('more reject input any any', [four, '2001:db8::/64'])];
    await expect(backend.setLists(lists)).rejects.toMatchObject({
      code: 'kernel-refused',
      message: expect.stringContaining('IPSET_ERR_TYPE_MISMATCH'),
    });
    ipset(`destroy ${setName(taken, 4)}`);
    expect([show(variant), show(variant, '', 6), saved()]).toEqual(stood);
    expect(await backend.intact(desired({ lists: before }))).toBe(true);
  });

  it.each([
    ['IPv4', 4],
    ['IPv6', 6],
  ] as const)('stand as they did when the lines of %s are refused', async (_, family) => {
    const before = [spam([four, six])];
    await backend.setLists(before);
    // Somebody takes out a line, and the set of a new list in the moment before its line is put in.
    const stood = [show(variant), show(variant, '', 6), saved()];
    const next = listFrom('next drop input any any', [four, six]);
    const original = backend.setLists([spam(['10.1.0.0/16', six]), next]);
    const stolen = new Promise<void>((resolve) => {
      const steal = (): void => {
        try {
          ipset(`destroy ${setName(next, family)}`);
          resolve();
        } catch {
          setImmediate(steal);
        }
      };
      setImmediate(steal);
    });
    await stolen;
    await expect(original).rejects.toMatchObject({ name: 'RfwError' });
    expect([show(variant), show(variant, '', 6), saved()]).toEqual(stood);
  });

  describe('that others have changed', () => {
    const list = spam([four, '10.77.0.7', six]);
    const other = listFrom('other-list drop input any any', ['10.88.0.0/16']);
    const wanted = desired({ rules: ['drop input any any 10.0.0.1 any'], lists: [list, other] });

    it.each<[string, () => void]>([
      ['by iptables -F', () => iptables(variant, '-F')],
      ['by ip6tables -F', () => iptables(variant, '-F', 6)],
      ['by deleting a line', () => iptables(variant, line(list).replace('-A', '-D'))],
      ['by ipset flush', () => ipset('flush')],
      ['by adding an entry', () => ipset(`add ${setName(list, 4)} 10.99.0.0/16`)],
      ['by deleting an entry', () => ipset(`del ${setName(list, 4)} 10.77.0.7`)],
      [
        'by taking out line and set',
        () => {
          iptables(variant, line(list).replace('-A', '-D'));
          ipset(`destroy ${setName(list, 4)}`);
        },
      ],
      [
        'by putting the last list first',
        () => {
          iptables(variant, line(other).replace('-A', '-D'));
          iptables(variant, line(other).replace('-A', '-I'));
        },
      ],
    ])('%s, are not intact and can be repaired', async (_, act) => {
      await backend.replace(wanted);
      const stood = [
        show(variant, 'INPUT').filter((one) => !foreign.includes(one)),
        show(variant, 'INPUT', 6),
        saved(),
      ];
      act();
      expect(await backend.intact(wanted)).toBe(false);
      const repair = await backend.replace(wanted);
      expect(repair.lists).toBeGreaterThan(0);
      if (saved().length !== stood[2]?.length) ipset('add other 10.66.0.0/16');
      expect([
        show(variant, 'INPUT').filter((one) => !foreign.includes(one)),
        show(variant, 'INPUT', 6),
        saved(),
      ]).toEqual(stood);
      expect(await backend.intact(wanted)).toBe(true);
      expect(hasRepaired(await backend.replace(wanted))).toBe(false);
    });

    it('are repaired under lines of others that look up their sets, and leave those alone', async () => {
      await backend.replace(wanted);
      const log = `-A INPUT -m set --match-set ${setName(list, 4)} src -j LOG`;
      iptables(variant, log);
      expect(await backend.intact(wanted)).toBe(true);
      await backend.setLists([other]);
      expect(show(variant, 'INPUT')).toContain(log);
      // It can't be destroyed, and goes at the first repair after the line that looks it up.
      expect(setNames()).toContain(setName(list, 4));
      await backend.setLists([list, other]);
      expect(entries(list)).toEqual(['10.66.0.0/16', '10.77.0.7']);
      expect(await backend.intact(wanted)).toBe(true);
      await backend.setLists([other]);
      iptables(variant, log.replace('-A', '-D'));
      await backend.replace(desired({ lists: [other] }));
      expect(setNames()).toEqual([...foreignSets, setName(other, 4)].sort());
    });
  });

  it('of an earlier process are taken over by their names, and what is left over goes', async () => {
    const [list, gone] = [spam([four, six]), listFrom('gone drop forward any any', [four])];
    await backend.replace(desired({ lists: [gone, list] }));
    backend.close();
    // As a process that ended while it filled a set.
    ipset('create rfw-~0-4 hash:net');
    ipset('create rfw-~7-6 hash:net family inet6');
    backend = await probed(variant);
    const next = { ...list, version: 1 };
    const repair = await backend.replace(desired({ lists: [next] }));
    expect(repair.lists).toBe(2);
    expect(show(variant)).toEqual([line(list), ...foreign]);
    expect(setNames()).toEqual([...foreignSets, setName(list, 4), setName(list, 6)].sort());
    expect(hasRepaired(await backend.replace(desired({ lists: [next] })))).toBe(false);
  });

  it('move to the other variant, whose sets are the same, and are never without', async () => {
    const [list, gone] = [spam([four, six]), listFrom('gone drop input any any', [four])];
    await backend.replace(desired({ lists: [list, gone] }));
    const other = variants.find((one) => one !== variant) ?? variant;
    const next = await probed(other);
    await next.replace(desired({ lists: [list] }));
    const leaving = await probed(variant);
    expect(await leaving.teardown({ rules: [], guards: [] })).toEqual(['2 lists from the filter table']);
    expect([show(variant), show(other), show(other, '', 6)]).toEqual([foreign, [line(list)], [line(list, 6)]]);
    expect(setNames()).toEqual([...foreignSets, setName(list, 4), setName(list, 6)].sort());
    expect(await next.intact(desired({ lists: [list] }))).toBe(true);
    next.close();
    leaving.close();
  });

  it('are torn down by a process that knows nothing of them, and nothing else is', async () => {
    const lists = [spam([four, six]), listFrom('through drop forward any any', [four])];
    await backend.replace(desired({ lists }));
    // Twice, as an iptables-restore of a saved rule set leaves it.
    iptables(variant, line(lists[0] ?? spam([])));
    backend.close();
    backend = await probed(variant);
    expect(await backend.teardown({ rules: [], guards: [] })).toEqual(['2 lists from the filter table']);
    expect([show(variant), show(variant, '', 6), setNames()]).toEqual([foreign, [], foreignSets]);
    expect(await backend.teardown({ rules: [], guards: [] })).toEqual([]);
  });
});
