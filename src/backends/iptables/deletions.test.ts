import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Address, formatPrefix, parsePrefix } from '../../domain/address.ts';
import { isForeseen, spareAlike } from './deletions.ts';
import { parseLine, type SavedLine } from './line.ts';

const chain = 'INPUT';

/** A line by its arguments, with counters of its own. */
function saved(args: string, counter = 0): SavedLine {
  return { ...parseLine(chain, args, 6), packets: BigInt(counter), bytes: BigInt(counter * 10) };
}

/** What ip6tables-nft compares: addresses in numbers, masks or not, and the rest in words. */
function comparedOf(args: string, masks: 'with masks' | 'without masks'): string {
  const sides = new Map<string, Address>();
  const rest = args.split(/(?<=^| )(-[sd] \S+) ?/).filter((part) => {
    const [, option = '', text = ''] = /^(-[sd]) (\S+)$/.exec(part) ?? [];
    if (text !== '') sides.set(option, parsePrefix(text));
    return text === '';
  });
  const side = (option: string): string => {
    const { value, length } = { value: 0n, length: 0, ...sides.get(option) };
    return masks === 'with masks' ? `${value}/${length}` : `${value}`;
  };
  return [side('-s'), side('-d'), ...rest].join(' ');
}

/** Does what ip6tables-nft-restore does to the chain: a deletion takes the uppermost line that compares the same. */
function restored(lines: readonly SavedLine[], commands: readonly string[], masks: 'with masks' | 'without masks') {
  const result = lines.map(({ args, packets }) => `${packets} ${args}`);
  const argsAt = (row: string): string => row.replace(/^\d+ /, '');
  for (const command of commands) {
    const [, option, place = '1', packets = '0', args = ''] =
      /^-([DI]) INPUT(?: (\d+))?(?: -c (\d+) \d+)? (.+)$/.exec(command) ?? [];
    if (option === 'I') {
      if (Number(place) > result.length + 1) throw new Error(`Index of insertion too big: ${command}`);
      result.splice(Number(place) - 1, 0, `${packets} ${args}`);
      continue;
    }
    const index = result.findIndex((row) => comparedOf(argsAt(row), masks) === comparedOf(args, masks));
    if (index < 0) throw new Error(`Bad rule (does a matching rule exist in that chain?): ${command}`);
    result.splice(index, 1);
  }
  return result;
}

/** Does what is meant: a deletion takes the uppermost line that says the same. */
function literal(lines: readonly SavedLine[], commands: readonly string[]): string[] {
  return restored(lines, commands, 'with masks');
}

const prefixes = ['2001:db8::/64', '2001:db8::/65', '2001:db8::/66', '2001:db8:0:0:4000::/66', '::/1', '::/0'];
const args = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom(...prefixes), fc.constantFrom('', '-i eth0 '), fc.constantFrom('DROP', 'ACCEPT'))
      .map(([prefix, name, target]) => `${prefix === '::/0' ? '' : `-s ${prefix} `}${name}-j ${target}`),
  },
  fc.constantFrom(...prefixes.slice(0, -1)).map((prefix) => `-s ${prefix} -p tcp -m tcp --dport 7393 -j ACCEPT`),
  fc.constantFrom('-s 2001:db8::/64 -m comment --comment "-s ::/3 x" -j DROP', '-p tcp -m tcp --dport 7393 -j ACCEPT'),
);

interface Scene {
  readonly lines: readonly SavedLine[];
  readonly commands: readonly string[];
}

/** A chain, and commands on it that are possible to the letter: deletions of what is there and insertions. */
const scenes: fc.Arbitrary<Scene> = fc
  .record({
    given: fc.array(args, { minLength: 1, maxLength: 12 }),
    steps: fc.array(fc.record({ deletes: fc.boolean(), line: args, pick: fc.nat(40), numbered: fc.boolean() }), {
      maxLength: 8,
    }),
  })
  .map(({ given, steps }) => {
    const lines = given.map((line, index) => saved(line, index + 1));
    const commands: string[] = [];
    for (const { deletes, line, pick, numbered } of steps) {
      const now = literal(lines, commands).map((row) => row.replace(/^\d+ /, ''));
      const target = now[pick % now.length];
      if (deletes && target !== undefined) commands.push(`-D ${chain} ${target}`);
      if (!deletes) commands.push(`-I ${chain}${numbered ? ` ${(pick % (now.length + 1)) + 1}` : ''} ${line}`);
    }
    return { lines, commands };
  });

describe('commands that spare what is alike', () => {
  it.each(['without masks', 'with masks'] as const)('do what is meant where iptables compares %s', (masks) => {
    fc.assert(
      fc.property(scenes, ({ lines, commands }) => {
        const spared = spareAlike(commands, lines);
        expect(restored(lines, spared.commands, masks)).toEqual(literal(lines, commands));
      }),
      { numRuns: 2000 },
    );
  });

  it('foresee the chain that they put lines back in', () => {
    fc.assert(
      fc.property(scenes, ({ lines, commands }) => {
        const { chains, commands: spared } = spareAlike(commands, lines);
        const after = literal(lines, commands).map((row) => saved(row.replace(/^\d+ /, '')));
        expect(isForeseen(chains, after)).toBe(true);
        expect(chains.has(chain)).toBe(spared.some((command) => command.includes(' -c ')));
        if (chains.size > 0 && after.length > 0) expect(isForeseen(chains, after.slice(1))).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  it('are those that were given where nothing stands above that is alike', () => {
    const lines = ['2001:db8::/64', '2001:db8:1::/65', '2001:db8::/65'].map((prefix) => saved(`-s ${prefix} -j DROP`));
    const commands = ['-D INPUT -s 2001:db8::/64 -j DROP', '-I INPUT -s 2001:db8::/65 -j DROP'];
    expect(spareAlike(commands, lines)).toEqual({ commands, chains: new Map() });
  });

  it('put back what they had to take, with its counters, where it stood', () => {
    const lines = [
      saved('-s 2001:db8::/66 -j DROP', 3),
      saved('-j LOG'),
      saved('-s 2001:db8::/2001:fff0:: -j DROP', 4),
      saved('-s 2001:db8::/64 -j DROP', 5),
      saved('-s 2001:db8::/63 -j DROP', 6),
    ];
    expect(spareAlike(['-D INPUT -s 2001:db8::/64 -j DROP'], lines).commands).toEqual([
      '-D INPUT -s 2001:db8::/66 -j DROP',
      '-D INPUT -s 2001:db8::/2001:fff0:: -j DROP',
      '-D INPUT -s 2001:db8::/64 -j DROP',
      '-I INPUT 1 -c 3 30 -s 2001:db8::/66 -j DROP',
      '-I INPUT 3 -c 4 40 -s 2001:db8::/2001:fff0:: -j DROP',
    ]);
  });

  it('take several lines at once and put the others back once', () => {
    const lines = [66, 65, 64, 63].map((length) => saved(`-s 2001:db8::/${length} -j DROP`));
    const commands = [65, 63].map((length) => `-D INPUT -s 2001:db8::/${length} -j DROP`);
    expect(spareAlike(commands, lines).commands).toEqual([
      ...[66, 65, 64, 63].map((length) => `-D INPUT -s 2001:db8::/${length} -j DROP`),
      ...['-I INPUT 1 -c 0 0 -s 2001:db8::/66 -j DROP', '-I INPUT 2 -c 0 0 -s 2001:db8::/64 -j DROP'],
    ]);
  });

  it('know an address that iptables prints in the way of IPv4', () => {
    const lines = [saved('-s ::1.2.3.4/127 -j DROP'), saved('-s ::1.2.3.4/128 -j DROP')];
    expect(spareAlike(['-D INPUT -s ::102:304/128 -j DROP'], lines).commands).toEqual([
      '-D INPUT -s ::1.2.3.4/127 -j DROP',
      '-D INPUT -s ::1.2.3.4/128 -j DROP',
      '-I INPUT 1 -c 0 0 -s ::1.2.3.4/127 -j DROP',
    ]);
  });

  it('leave a line alone that looks elsewhere, in another chain or another way', () => {
    const lines = [
      saved('! -s 2001:db8::/65 -j DROP'),
      saved('-d 2001:db8::/65 -j DROP'),
      saved('-s 2001:db8::/65 -i eth0 -j DROP'),
      saved('-s 2001:db8::/65 -j ACCEPT'),
      saved('-s 2001:db8::/65 -m comment --comment mine -j DROP'),
      { ...saved('-s 2001:db8::/65 -j DROP'), chain: 'mine' },
      saved('-s 2001:db8::/64 -j DROP'),
    ];
    const commands = ['-D INPUT -s 2001:db8::/64 -j DROP'];
    expect(spareAlike(commands, lines).commands).toEqual(commands);
  });

  it('are refused where only a line that is alike is left', () => {
    expect(() => spareAlike(['-D INPUT -s 2001:db8::/64 -j DROP'], [saved('-s 2001:db8::/65 -j DROP')])).toThrow(
      'There is no line in INPUT any more: -s 2001:db8::/64 -j DROP',
    );
  });

  it('are found quickly among many lines', () => {
    const many = Array.from({ length: 50_000 }, (_, index) => {
      const prefix = parsePrefix(`2001:db8:${(index >> 8).toString(16)}:${(index & 255).toString(16)}::/64`);
      return saved(`-s ${formatPrefix(prefix)} -j DROP`);
    });
    const commands = many.slice(0, 1000).map(({ args: line }) => `-D ${chain} ${line}`);
    const began = performance.now();
    expect(spareAlike(commands, many).chains.size).toBe(0);
    expect(performance.now() - began).toBeLessThan(2000);
  });
});
