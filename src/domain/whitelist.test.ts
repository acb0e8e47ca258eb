import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Family,
  formatPrefix,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixOf,
  rangeOf,
  widthOf,
} from './address.ts';
import type { ErrorCode } from './errors.ts';
import { anyInterface } from './interface.ts';
import type { RuleSpec } from './rule.ts';
import { parseWhitelist, parseWhitelistEntry, Whitelist, type WhitelistEntry } from './whitelist.ts';

/** A forward rule: the only kind with two sides. */
function between(source: Prefix | 'any', destination: Prefix | 'any'): RuleSpec {
  return { action: 'drop', chain: 'forward', in: anyInterface, out: anyInterface, source, destination };
}

const side = (text: string): Prefix | 'any' => (text === 'any' ? 'any' : parsePrefix(text));

const whitelist = (...lines: string[]) => parseWhitelist(lines.join('\n'), 'white.list');

describe('parseWhitelistEntry', () => {
  it.each([
    ['1.2.3.4', '1.2.3.4', '1.2.3.4'],
    ['1.2.3.4/24', '1.2.3.0', '1.2.3.255'],
    ['1.2.3.4-1.2.3.9', '1.2.3.4', '1.2.3.9'],
    ['1.2.3.4 - 1.2.3.9', '1.2.3.4', '1.2.3.9'],
    ['1.2.3.4-1.2.3.4', '1.2.3.4', '1.2.3.4'],
    ['0.0.0.0-255.255.255.255', '0.0.0.0', '255.255.255.255'],
    ['2001:db8::1', '2001:db8::1', '2001:db8::1'],
    ['2001:db8::/126', '2001:db8::', '2001:db8::3'],
    ['2001:db8::1-2001:db8::9', '2001:db8::1', '2001:db8::9'],
    ['::ffff:1.2.3.4', '1.2.3.4', '1.2.3.4'],
    ['::ffff:1.2.3.4/120', '1.2.3.0', '1.2.3.255'],
    ['::ffff:1.2.3.4-1.2.3.9', '1.2.3.4', '1.2.3.9'],
  ])('reads %s as %s to %s and keeps the text', (text, first, last) => {
    const { family, value } = parseAddress(first);
    expect(parseWhitelistEntry(text)).toEqual({ text, family, first: value, last: parseAddress(last).value });
  });

  it.each<[string, ErrorCode, string]>([
    ['1.2.3', 'address-invalid', 'Incorrect IP address: "1.2.3"'],
    ['1.2.3.4/33', 'mask-invalid', 'Incorrect netmask "33": it must be a number from 0 to 32'],
    ['1.2.3.4-', 'address-invalid', 'Incorrect IP address: ""'],
    ['-1.2.3.4', 'address-invalid', 'Incorrect IP address: ""'],
    ['1.2.3.4-9', 'address-invalid', 'Incorrect IP address: "9"'],
    ['1.2.3.4-1.2.3.9-1.2.3.12', 'address-invalid', 'Incorrect IP address: "1.2.3.9-1.2.3.12"'],
    ['1.0.0.0/8-2.0.0.0/8', 'address-invalid', 'Incorrect IP address: "1.0.0.0/8"'],
    ['1.2.3.4-2001:db8::1', 'family-mismatch', 'The range "1.2.3.4-2001:db8::1" must have two ends of one family'],
    ['1.2.3.9-1.2.3.4', 'address-invalid', 'The range "1.2.3.9-1.2.3.4" ends before it begins: write 1.2.3.4-1.2.3.9'],
    [
      '2001:DB8::9-2001:db8::1',
      'address-invalid',
      'The range "2001:DB8::9-2001:db8::1" ends before it begins: write 2001:db8::1-2001:db8::9',
    ],
  ])('refuses %s with %s: %s', (text, code, message) => {
    expect(() => parseWhitelistEntry(text)).toThrow(expect.objectContaining({ name: 'RfwError', code, message }));
  });
});

describe('parseWhitelist', () => {
  it('reads one entry a line and skips comments and blank lines, with any line end', () => {
    const file = [
      '# the office',
      '11.22.33.0/24   # ours since 2014',
      '',
      '  ; and the old way to comment',
      '\t1.2.3.4;no space before',
      '   ',
      '10.0.0.1 - 10.0.0.9 # a range; with a comment # in the comment',
      '2001:db8::/32',
      '#1.1.1.1',
    ];
    const read = ['11.22.33.0/24', '1.2.3.4', '10.0.0.1 - 10.0.0.9', '2001:db8::/32'];
    for (const lineEnd of ['\n', '\r\n']) {
      for (const end of ['', lineEnd, lineEnd + lineEnd]) {
        const { entries } = parseWhitelist(file.join(lineEnd) + end, 'white.list');
        expect(entries.map(({ text }) => text)).toEqual(read);
      }
    }
  });

  it.each(['\r', '\u2028', '\u2029'])('ends a comment at the end of its line and nowhere before: %j', (character) => {
    const { entries } = parseWhitelist(`# one${character}9.9.9.9\n1.2.3.4`, 'white.list');
    expect(entries.map(({ text }) => text)).toEqual(['1.2.3.4']);
  });

  it('keeps the order and the repetitions of the file', () => {
    const { entries } = whitelist('2001:db8::1', '1.2.3.4', '1.1.1.1', '1.2.3.4');
    expect(entries.map(({ text }) => text).join(' ')).toBe('2001:db8::1 1.2.3.4 1.1.1.1 1.2.3.4');
  });

  it('reads past a byte order mark', () => {
    expect(whitelist('\uFEFF1.2.3.4').entries.map(({ text }) => text)).toEqual(['1.2.3.4']);
  });

  it.each([
    ['at the first line', ['nonsense', '1.2.3.4'], 1, 'Incorrect IP address: "nonsense"'],
    ['after comments and blank lines', ['# one', '', '1.2.3.4', '1.2.3'], 4, 'Incorrect IP address: "1.2.3"'],
    ['with CRLF', ['1.2.3.4\r', '1.2.3.4/64\r'], 2, 'Incorrect netmask "64": it must be a number from 0 to 32'],
    ['at two addresses on one line', ['1.2.3.4 5.6.7.8'], 1, 'Incorrect IP address: "1.2.3.4 5.6.7.8"'],
    ['at a host name', ['localhost'], 1, 'Incorrect IP address: "localhost"'],
    ['at a comment of C', ['// 1.2.3.4'], 1, 'Incorrect IP address: ""'],
    ['at a range of two families', ['1.2.3.4-::5'], 1, 'The range "1.2.3.4-::5" must have two ends of one family'],
  ])('fails %s with the file, the line and what is allowed', (_, lines, line, reason) => {
    expect(() => parseWhitelist(lines.join('\n'), '/etc/rfw/white.list')).toThrow(
      expect.objectContaining({
        name: 'RfwError',
        code: 'whitelist-invalid',
        message: `/etc/rfw/white.list, line ${line}: ${reason}. Allowed: an address, a CIDR prefix or a range first-last, IPv4 or IPv6`,
        cause: expect.objectContaining({ name: 'RfwError', message: reason }),
      }),
    );
  });

  it.each(['', '\n', '\r\n \r\n', '# 1.2.3.4\n; 5.6.7.8', '#'])('refuses a file without an entry: %j', (text) => {
    expect(() => parseWhitelist(text, 'white.list')).toThrow(
      expect.objectContaining({
        code: 'whitelist-invalid',
        message:
          'white.list: no entry. The whitelist needs at least one: add the address you administer this host from',
      }),
    );
  });
});

describe('Whitelist.covers', () => {
  it.each([
    ['1.2.3.4', true],
    ['1.2.3.5', false],
    ['::ffff:1.2.3.4', true],
    ['10.0.0.0', true],
    ['10.255.255.255', true],
    ['9.255.255.255', false],
    ['11.0.0.0', false],
    ['2001:db8::1', true],
    ['2001:db8::9', true],
    ['2001:db8::a', false],
    // The same 32 bits as 1.2.3.4, in the other family.
    ['::1.2.3.4', false],
  ])('says of %s: %s', (text, covered) => {
    expect(whitelist('1.2.3.4', '10.0.0.0/8', '2001:db8::1-2001:db8::9').covers(parseAddress(text))).toBe(covered);
  });
});

describe('Whitelist.conflict', () => {
  it.each([
    ['the host itself', '1.2.3.4', 'any', '1.2.3.4'],
    ['a network that holds a whitelisted host', '1.0.0.0/8', 'any', '1.2.3.4'],
    ['every address', '0.0.0.0/0', 'any', '1.2.3.4'],
    ['a host in a whitelisted network', '10.1.2.3', 'any', '10.0.0.0/8'],
    ['a network in a whitelisted network', '10.1.0.0/16', 'any', '10.0.0.0/8'],
    ['a network that meets a range only at its first address', '20.0.0.6/31', 'any', '20.0.0.7-20.0.0.12'],
    ['a network that meets a range only at its last address', '20.0.0.12/30', 'any', '20.0.0.7-20.0.0.12'],
    ['an IPv6 network around a host', '2001:db8::/32', 'any', '2001:db8::1'],
    ['the IPv4-mapped host', '::ffff:1.2.3.4', 'any', '1.2.3.4'],
    ['the destination', 'any', '1.2.3.4', '1.2.3.4'],
    ['the destination beside a free source', '8.8.8.8', '10.1.2.3', '10.0.0.0/8'],
    ['both sides: the first entry of the list', '10.1.2.3', '1.2.3.4', '1.2.3.4'],
  ])('finds %s: %s to %s', (_, source, destination, entry) => {
    const list = whitelist('1.2.3.4', '10.0.0.0/8', '20.0.0.7-20.0.0.12', '2001:db8::1');
    expect(list.conflict(between(side(source), side(destination)))?.text).toBe(entry);
  });

  it.each([
    ['the neighbours of a host', '1.2.3.5', '1.2.3.3'],
    ['the neighbours of a network', '9.0.0.0/8', '11.0.0.0/8'],
    ['the neighbours of a range', '20.0.0.6', '20.0.0.13'],
    ['the same number in the other family', '::1.2.3.4', 'any'],
  ])('leaves alone %s: %s to %s', (_, source, destination) => {
    const list = whitelist('1.2.3.4', '10.0.0.0/8', '20.0.0.7-20.0.0.12', '2001:db8::1');
    expect(list.conflict(between(side(source), side(destination)))).toBeUndefined();
  });

  it.each([
    ['any', '2001:db8::1'],
    ['2001:db8::1', 'any'],
  ])('does not count the any of %s to %s, though all of IPv4 is whitelisted', (source, destination) => {
    expect(whitelist('0.0.0.0/0').conflict(between(side(source), side(destination)))).toBeUndefined();
  });

  it('does not count the any side of a rule whose other side is free', () => {
    expect(whitelist('10.0.0.1').conflict(between(side('10.0.0.2'), 'any'))).toBeUndefined();
  });
});

/** 32 addresses at `base`, few enough to enumerate: `4:17` is the address base + 17 of IPv4. */
interface Universe {
  readonly family: Family;
  readonly base: bigint;
}

/** Both ends of both families: the last of IPv4 and the first of IPv6 must never be taken for neighbours. */
const universes: readonly Universe[] = [
  { family: 4, base: 0n },
  { family: 4, base: 0xc000_0220n },
  { family: 4, base: 0xffff_ffe0n },
  { family: 6, base: 0n },
  { family: 6, base: (1n << 128n) - 32n },
];

const members = universes.flatMap(({ family, base }) =>
  Array.from({ length: 32 }, (_, offset) => ({ family, value: base + BigInt(offset) })),
);

/** The members of the universes, as text, that the range of any source holds. */
function enumerate(range: { family: Family; first: bigint; last: bigint }): string[] {
  return members
    .filter(({ family, value }) => family === range.family && value >= range.first && value <= range.last)
    .map(({ family, value }) => `${family}:${value}`);
}

const universe = fc.constantFrom(...universes);

const entry = fc.tuple(universe, fc.nat(31), fc.nat(31)).map(([{ family, base }, a, b]): WhitelistEntry => {
  const [first, last] = [base + BigInt(Math.min(a, b)), base + BigInt(Math.max(a, b))];
  return { text: `${family}:${first}-${last}`, family, first, last };
});

/** A prefix within a universe, or one of the shorter ones around it. */
const prefix = fc
  .tuple(universe, fc.nat(31), fc.oneof({ weight: 3, arbitrary: fc.nat(5) }, fc.nat(128)))
  .map(([{ family, base }, offset, host]) =>
    prefixOf({ family, value: base + BigInt(offset) }, Math.max(0, widthOf(family) - host)),
  );

const anySide = fc.oneof({ weight: 3, arbitrary: prefix }, { weight: 1, arbitrary: fc.constant('any' as const) });

describe('Whitelist against brute force', () => {
  it('finds the first entry that shares an address with a side, whichever of the two is larger', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 4 }), anySide, anySide, (entries, source, destination) => {
        const touched = new Set([source, destination].flatMap((one) => (one === 'any' ? [] : enumerate(rangeOf(one)))));
        const first = entries.find((one) => enumerate(one).some((member) => touched.has(member)));
        expect(new Whitelist(entries).conflict(between(source, destination))).toEqual(first);
      }),
      { numRuns: 1000 },
    );
  });

  it('covers the members of its entries and no other', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 4 }), (entries) => {
        const held = new Set(entries.flatMap(enumerate));
        const list = new Whitelist(entries);
        const wrong = members.filter((one) => list.covers(one) !== held.has(`${one.family}:${one.value}`));
        expect(wrong).toEqual([]);
      }),
    );
  });

  it('gives prefixes that hold each address of the union once, in order, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 6 }), (entries) => {
        const union = new Set(entries.flatMap(enumerate));
        const inOrder = members.map(({ family, value }) => `${family}:${value}`).filter((one) => union.has(one));
        const ranges = new Whitelist(entries).prefixes().map(rangeOf);
        expect(ranges.flatMap(enumerate)).toEqual(inOrder);
        // Nothing outside of the universes either.
        const size = ranges.reduce((sum, { first, last }) => sum + (last - first + 1n), 0n);
        expect(size).toBe(BigInt(union.size));
      }),
      { numRuns: 500 },
    );
  });

  it('gives the fewest prefixes: no two of them make up a shorter one', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 6 }), (entries) => {
        const prefixes = new Whitelist(entries).prefixes();
        const parents = prefixes.map((one) => `${formatPrefix(prefixOf(one, one.length - 1))} of /${one.length}`);
        expect(new Set(parents).size).toBe(parents.length);
      }),
      { numRuns: 500 },
    );
  });
});

describe('Whitelist.prefixes', () => {
  it.each([
    ['a host', ['1.2.3.4'], '1.2.3.4/32'],
    ['repetitions once', ['1.2.3.4', '1.2.3.4/32', '::ffff:1.2.3.4'], '1.2.3.4/32'],
    ['neighbours as one', ['10.0.0.0/25', '10.0.0.128/25'], '10.0.0.0/24'],
    ['neighbours in any order as one', ['10.0.0.128/25', '10.0.0.0/25'], '10.0.0.0/24'],
    ['the larger of nested ones', ['10.1.2.3', '10.0.0.0/8', '10.1.0.0/16'], '10.0.0.0/8'],
    ['overlapping ranges as one', ['10.0.0.0-10.0.0.5', '10.0.0.3-10.0.0.7'], '10.0.0.0/29'],
    ['what follows a nested one', ['10.0.0.0-10.0.0.7', '10.0.0.1', '10.0.0.8-10.0.0.15'], '10.0.0.0/28'],
    ['IPv4 first, ascending', ['::1', '9.9.9.9', '::', '1.1.1.1'], '1.1.1.1/32 9.9.9.9/32 ::/127'],
    ['the two ends of families apart', ['255.255.255.255', '::'], '255.255.255.255/32 ::/128'],
    ['everything', ['0.0.0.0-255.255.255.255', '::/1', '8000::/1'], '0.0.0.0/0 ::/0'],
  ])('gives %s for %j: %s', (_, lines, prefixes) => {
    expect(
      whitelist(...lines)
        .prefixes()
        .map(formatPrefix)
        .join(' '),
    ).toBe(prefixes);
  });
});

describe('Whitelist.prefixes of a range around the IPv4-mapped block', () => {
  it('leaves that block out, since as text it would be IPv4', () => {
    const around = new Whitelist([parseWhitelistEntry('::fffe:ffff:ffff-::1:0:0:0')]);
    expect(around.prefixes().map(formatPrefix)).toEqual(['::fffe:ffff:ffff/128', '::1:0:0:0/128']);
  });
});
