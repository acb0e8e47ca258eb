import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Address,
  type Family,
  formatAddress,
  formatPrefix,
  parseAddress,
  parsePrefix,
  prefixesOf,
  prefixOf,
  type Range,
  rangeContains,
  rangeOf,
  rangesOverlap,
  widthOf,
} from './address.ts';

const address: fc.Arbitrary<Address> = fc
  .constantFrom<Family>(4, 6)
  .chain((family) =>
    fc.bigInt({ min: 0n, max: (1n << BigInt(widthOf(family))) - 1n }).map((value) => ({ family, value })),
  );

describe('rangeOf', () => {
  it.each([
    ['1.2.3.4/32', '1.2.3.4', '1.2.3.4'],
    ['1.2.3.0/24', '1.2.3.0', '1.2.3.255'],
    ['0.0.0.0/0', '0.0.0.0', '255.255.255.255'],
    ['128.0.0.0/1', '128.0.0.0', '255.255.255.255'],
    ['2001:db8::/126', '2001:db8::', '2001:db8::3'],
    ['::/0', '::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ])('of %s is %s to %s', (text, first, last) => {
    const range = rangeOf(parsePrefix(text));
    expect(formatAddress({ family: range.family, value: range.first })).toBe(first);
    expect(formatAddress({ family: range.family, value: range.last })).toBe(last);
  });

  it('holds what differs in a host bit and not what differs in a network bit', () => {
    fc.assert(
      fc.property(address, fc.nat(128), fc.nat(127), ({ family, value }, length, bit) => {
        fc.pre(length <= widthOf(family) && bit < widthOf(family));
        const range = rangeOf(prefixOf({ family, value }, length));
        const other = { family, value: value ^ (1n << BigInt(bit)) };
        expect(rangeContains(range, { family, value })).toBe(true);
        expect(rangeContains(range, other)).toBe(bit < widthOf(family) - length);
      }),
      { numRuns: 500 },
    );
  });
});

/** 32 addresses are few enough to try everything, and at both ends of a family arithmetic can go over the edge. */
const universes: { name: string; family: Family; base: bigint }[] = [
  { name: 'the first 32 addresses of IPv4', family: 4, base: 0n },
  { name: '192.0.2.32/27', family: 4, base: 0xc000_0220n },
  { name: 'the last 32 addresses of IPv4', family: 4, base: 0xffff_ffe0n },
  { name: 'the first 32 addresses of IPv6', family: 6, base: 0n },
  { name: '2001:db8::20/123', family: 6, base: 0x2001_0db8_0000_0000_0000_0000_0000_0020n },
  { name: 'the last 32 addresses of IPv6', family: 6, base: (1n << 128n) - 32n },
];

const offsets = Array.from({ length: 32 }, (_, offset) => offset);

/** All 528 ranges of the universe, as offsets. */
const spans = offsets.flatMap((first) => offsets.slice(first).map((last) => ({ first, last })));

/** The least number of aligned blocks that tile the offsets from `first` to `last`, by trying them all. */
const fewest = new Map<string, number>();
function fewestBlocks(first: number, last: number): number {
  if (first > last) return 0;
  const known = fewest.get(`${first} ${last}`);
  if (known !== undefined) return known;
  const sizes = [1, 2, 4, 8, 16, 32].filter((size) => first % size === 0 && first + size - 1 <= last);
  const least = Math.min(...sizes.map((size) => 1 + fewestBlocks(first + size, last)));
  fewest.set(`${first} ${last}`, least);
  return least;
}

describe.each(universes)('in $name, tried exhaustively,', ({ family, base }) => {
  const rangeFrom = ({ first, last }: { first: number; last: number }): Range => ({
    family,
    first: base + BigInt(first),
    last: base + BigInt(last),
  });

  it('a range contains the addresses from its first to its last', () => {
    const wrong = spans.filter((span) => {
      const contained = offsets.filter((offset) =>
        rangeContains(rangeFrom(span), { family, value: base + BigInt(offset) }),
      );
      return String(contained) !== String(offsets.slice(span.first, span.last + 1));
    });
    expect(wrong).toEqual([]);
  });

  it('two ranges overlap when an address lies in both', () => {
    const all = spans.map((span) => ({
      span,
      range: rangeFrom(span),
      bits: offsets.slice(span.first, span.last + 1).reduce((bits, offset) => bits | (1 << offset), 0),
    }));
    const wrong = all.flatMap((a) =>
      all.filter((b) => rangesOverlap(a.range, b.range) !== ((a.bits & b.bits) !== 0)).map((b) => [a.span, b.span]),
    );
    expect(wrong).toEqual([]);
  });

  it('the prefixes of a range hold exactly its addresses, each once and ascending', () => {
    for (const span of spans) {
      const held = prefixesOf(rangeFrom(span)).flatMap((one) => {
        const { first, last } = rangeOf(one);
        return Array.from({ length: Number(last - first) + 1 }, (_, index) => Number(first - base) + index);
      });
      expect(held).toEqual(offsets.slice(span.first, span.last + 1));
    }
  });

  it('the prefixes of a range are as few as can be', () => {
    const counts = spans.map((span) => prefixesOf(rangeFrom(span)).length);
    expect(counts).toEqual(spans.map(({ first, last }) => fewestBlocks(first, last)));
  });
});

describe('ranges of different families', () => {
  const four: Range = { family: 4, first: 0n, last: 0xffff_ffffn };
  const six: Range = { family: 6, first: 0n, last: 0xffff_ffffn };

  it('never overlap, whatever the numbers are', () => {
    expect(rangesOverlap(four, six)).toBe(false);
    expect(rangesOverlap(six, four)).toBe(false);
  });

  it('never contain an address of the other family', () => {
    expect(rangeContains(four, { family: 6, value: 1n })).toBe(false);
    expect(rangeContains(six, { family: 4, value: 1n })).toBe(false);
  });
});

describe('prefixesOf', () => {
  const between = (first: string, last: string): Range => {
    const { family, value } = parseAddress(first);
    return { family, first: value, last: parseAddress(last).value };
  };

  it.each([
    ['1.2.3.4', '1.2.3.4', '1.2.3.4/32'],
    ['10.0.0.0', '10.255.255.255', '10.0.0.0/8'],
    ['10.0.0.1', '10.0.0.6', '10.0.0.1/32 10.0.0.2/31 10.0.0.4/31 10.0.0.6/32'],
    ['0.0.0.0', '255.255.255.255', '0.0.0.0/0'],
    ['255.255.255.254', '255.255.255.255', '255.255.255.254/31'],
    ['2001:db8::', '2001:db8::ffff', '2001:db8::/112'],
    ['2001:db8::ffff', '2001:db8::1:0', '2001:db8::ffff/128 2001:db8::1:0/128'],
    ['::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '::/0'],
  ])('of %s to %s are %s', (first, last, prefixes) => {
    expect(prefixesOf(between(first, last)).map(formatPrefix).join(' ')).toBe(prefixes);
  });

  it.each([
    ['0.0.0.1', '255.255.255.254', 62],
    ['::1', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe', 254],
  ])('of %s to %s, the worst case of the family, are %i', (first, last, count) => {
    expect(prefixesOf(between(first, last))).toHaveLength(count);
  });

  it('of any range follow each other without a gap from its first address to its last', () => {
    const range = address.chain(({ family, value: first }) =>
      fc
        .bigInt({ min: first, max: (1n << BigInt(widthOf(family))) - 1n })
        .map((last): Range => ({ family, first, last })),
    );
    fc.assert(
      fc.property(range, ({ family, first, last }) => {
        const parts = prefixesOf({ family, first, last }).map(rangeOf);
        const starts = parts.map((part) => part.first);
        const ends = parts.map((part) => part.last + 1n);
        expect([...starts, last + 1n]).toEqual([first, ...ends]);
      }),
    );
  });
});
