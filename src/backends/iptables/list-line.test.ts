import { describe, expect, it } from 'vitest';
import { longestName } from '../../netlink/ipset/constants.ts';
import { parseLine } from './line.ts';
import { listFrom } from './list.fixture.ts';
import { listLine, listOf, setName } from './list-line.ts';

const shapes = [
  'spam drop input any any',
  'spam drop input eth0 any',
  'spam accept output any ppp+',
  'spam reject forward eth0 eth1+',
  'spam-and-scanners drop input any any',
];
const lists = [
  ...shapes.map((shape) => listFrom(shape, [])),
  listFrom('spam reject forward eth0 eth1+ destination', []),
  listFrom(`${'x'.repeat(64)} drop input any any`, []),
  listFrom(`${'x'.repeat(63)}y drop input any any`, []),
];

describe('the line of a list', () => {
  it('is what iptables shows', () => {
    const [plain, , output, through] = lists.map((list) => listLine(list, 4).args);
    expect(plain).toMatch(/^-m set --match-set rfw-spam-[0-9a-z]{9}-4 src -j DROP$/);
    expect(output).toMatch(/^-o ppp\+ -m set --match-set rfw-spam-\S{9}-4 dst -j ACCEPT$/);
    expect(through).toMatch(
      /^-i eth0 -o eth1\+ -m set --match-set \S+ src -j REJECT --reject-with icmp-port-unreachable$/,
    );
    expect(listLine(listFrom(shapes[3] ?? '', []), 6).args).toMatch(
      /-6 src -j REJECT --reject-with icmp6-port-unreachable$/,
    );
  });

  it.each([4, 6] as const)('is known when it is read, IPv%d', (family) => {
    for (const list of lists) {
      const line = listLine(list, family);
      expect(parseLine(line.chain, line.args, family)).toEqual(line);
    }
  });

  it.each([
    ['another set', '-m set --match-set spam src -j DROP'],
    ['a set that only begins like ours', '-m set --match-set rfw-spam src -j DROP'],
    ['another target', '-m set --match-set rfw-spam-000000000-4 src -j LOG'],
    ['another match beside', '-p tcp -m set --match-set rfw-spam-000000000-4 src -j DROP'],
    ['what is not in the set', '-m set ! --match-set rfw-spam-000000000-4 src -j DROP'],
    ['two sides', '-m set --match-set rfw-spam-000000000-4 src,dst -j DROP'],
    ['another answer', '-m set --match-set rfw-spam-000000000-4 src -j REJECT --reject-with tcp-reset'],
    [
      'an answer where none is',
      '-m set --match-set rfw-spam-000000000-4 src -j DROP --reject-with icmp-port-unreachable',
    ],
    ['a comment', '-m set --match-set rfw-spam-000000000-4 src -m comment --comment x -j DROP'],
  ])('is not one with %s', (_, args) => {
    expect(parseLine('INPUT', args, 4)).toEqual({ chain: 'INPUT', key: args, args });
  });

  it('is not one in a chain that rfw has no lines in', () => {
    const { args } = listLine(listFrom('spam drop input any any', []), 4);
    expect(parseLine('mine', args, 4).list).toBeUndefined();
  });
});

describe('the name of a set', () => {
  it('is another for whatever makes another line, and fits', () => {
    const names = lists.flatMap((list) => [setName(list, 4), setName(list, 6)]);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name.length).toBeLessThanOrEqual(longestName);
  });

  it('is the same for the same list with other addresses, in every process', () => {
    const name = setName(listFrom('spam drop input any any', []), 4);
    expect(setName(listFrom('spam drop input any any', ['10.0.0.0/8'], { expiresAt: 5 }), 4)).toBe(name);
    expect(name).toBe('rfw-spam-q17jv7jlb-4');
    expect(listOf(name)).toBe(name.replace(/-4$/, ''));
  });
});
