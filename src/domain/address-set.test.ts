import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Family, formatPrefix, type Prefix, parseAddress, prefixesOf, type Range, rangeOf } from './address.ts';
import { AddressSet } from './address-set.ts';
import { parseWhitelistEntry } from './whitelist.ts';

const set = (...entries: readonly string[]): AddressSet => AddressSet.of(entries.map(parseWhitelistEntry));
const texts = (prefixes: Iterable<Prefix>): string[] => Array.from(prefixes, formatPrefix);
const everything = set('0.0.0.0/0', '::/0');

/** Small pieces of the address space, at whose borders words of 32 bits and the families end, as a model can go through them. */
const bases: Readonly<Record<Family, readonly bigint[]>> = {
  4: [0n, 0x7fff_fff8n, 0xffff_fff0n],
  6: [0n, (1n << 32n) - 8n, (1n << 96n) - 8n, (1n << 128n) - 16n],
};
const piece = 16n;

const range = fc
  .constantFrom<Family>(4, 6)
  .chain((family) => fc.record({ family: fc.constant(family), base: fc.constantFrom(...bases[family]) }))
  .chain(({ family, base }) =>
    fc.tuple(fc.bigInt(0n, piece - 1n), fc.bigInt(0n, piece - 1n)).map(
      ([a, length]): Range => ({
        family,
        first: base + a,
        last: base + (a + length < piece ? a + length : piece - 1n),
      }),
    ),
  );
const ranges = fc.array(range, { maxLength: 12 });

function* universe(): Generator<{ readonly family: Family; readonly value: bigint }> {
  for (const family of [4, 6] as const) {
    for (const base of bases[family]) for (let value = base; value < base + piece; value++) yield { family, value };
  }
}

const has = (all: readonly Range[], { family, value }: { family: Family; value: bigint }): boolean =>
  all.some((one) => one.family === family && one.first <= value && value <= one.last);

describe('a set of addresses', () => {
  it('of nothing has nothing', () => {
    expect(AddressSet.empty.isEmpty).toBe(true);
    expect(AddressSet.empty.addresses).toEqual({ 4: 0n, 6: 0n });
    expect(texts(AddressSet.empty.prefixes())).toEqual([]);
    expect(AddressSet.empty.prefixCount()).toBe(0);
    expect(AddressSet.empty.has(parseAddress('0.0.0.0'))).toBe(false);
    expect(set().equals(AddressSet.empty)).toBe(true);
  });

  it('merges what overlaps and what touches, and sorts', () => {
    const merged = set('10.0.1.0/24', '2001:db8::/33', '10.0.0.5', '10.0.0.0/24', '2001:db8:8000::/33', '9.0.0.0');
    expect(texts(merged.prefixes())).toEqual(['9.0.0.0/32', '10.0.0.0/23', '2001:db8::/32']);
    expect(merged.rangeCount()).toBe(3);
    expect(merged.addresses).toEqual({ 4: 513n, 6: 1n << 96n });
    expect(merged.isEmpty).toBe(false);
  });

  it('goes to both ends of both families', () => {
    expect(texts(everything.prefixes())).toEqual(['0.0.0.0/0', '::/0']);
    expect(everything.prefixCount()).toBe(2);
    expect(everything.has(parseAddress('255.255.255.255'))).toBe(true);
    expect(everything.without(everything).isEmpty).toBe(true);
    expect(AddressSet.empty.without(everything).isEmpty).toBe(true);
    expect(texts(everything.without(set('128.0.0.0/1', '::/1')).prefixes())).toEqual(['0.0.0.0/1', '8000::/1']);
    expect(set('0.0.0.1-255.255.255.255').prefixCount()).toBe(32);
    expect(set('::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe').prefixCount(6)).toBe(254);
  });

  it('gives no IPv4-mapped prefixes as IPv6', () => {
    const around = set('::fffe:ffff:ffff-::1:0:0:0');
    expect(texts(around.prefixes())).toEqual(['::fffe:ffff:ffff/128', '::1:0:0:0/128']);
    expect(around.prefixCount()).toBe(2);
  });

  it('is what a model is: merged, by every operation, for every address', () => {
    fc.assert(
      fc.property(ranges, ranges, (a, b) => {
        const [left, right] = [AddressSet.of(a), AddressSet.of(b)];
        const results = {
          left,
          union: left.union(right),
          intersection: left.intersection(right),
          without: left.without(right),
        };
        for (const address of universe()) {
          const [inA, inB] = [has(a, address), has(b, address)];
          const found = Object.fromEntries(Object.entries(results).map(([name, one]) => [name, one.has(address)]));
          expect(found).toEqual({ left: inA, union: inA || inB, intersection: inA && inB, without: inA && !inB });
        }
        for (const one of Object.values(results)) {
          const again = AddressSet.of([...one.ranges()].reverse());
          expect(again.equals(one)).toBe(true);
          expect([...again.ranges()]).toEqual([...one.ranges()]);
          expect(AddressSet.fromBytes(one.toBytes()).equals(one)).toBe(true);
        }
        expect(results.union.equals(AddressSet.of([...a, ...b]))).toBe(true);
        expect(results.without.union(results.intersection).equals(left)).toBe(true);
        for (const other of b) expect(left.overlaps(other)).toBe(a.some((one) => overlap(one, other)));
      }),
    );
  });

  it('gives the fewest prefixes, and counts them', () => {
    fc.assert(
      fc.property(ranges, (given) => {
        const one = AddressSet.of(given);
        const expected = [...one.ranges()]
          .flatMap(prefixesOf)
          .filter(({ family, value }) => family === 4 || value >> 32n !== 0xffffn);
        expect(texts(one.prefixes())).toEqual(texts(expected));
        expect(one.prefixCount()).toBe(expected.length);
        expect(AddressSet.of(expected.map(rangeOf)).equals(one)).toBe(true);
      }),
    );
  });

  it('gives pages of prefixes that together are all', () => {
    fc.assert(
      fc.property(ranges, fc.integer({ min: 1, max: 5 }), (given, length) => {
        const all = [...AddressSet.of(given).prefixes()];
        const paged: Prefix[] = [];
        for (let after = paged.at(-1); after !== undefined || paged.length === 0; ) {
          const source =
            after === undefined ? AddressSet.of(given).prefixes() : AddressSet.of(given).prefixesAfter(after);
          const page: Prefix[] = [];
          for (const prefix of source) if (page.push(prefix) === length) break;
          if (page.length === 0) break;
          paged.push(...page);
          after = page.at(-1);
        }
        expect(texts(paged)).toEqual(texts(all));
      }),
    );
  });
});

function overlap(a: Range, b: Range): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

describe('what the store gives', () => {
  const whole = set('10.0.0.0/8', '192.0.2.1', '2001:db8::/32').toBytes();

  it('is read back', () => {
    expect(texts(AddressSet.fromBytes(whole).prefixes())).toEqual(['10.0.0.0/8', '192.0.2.1/32', '2001:db8::/32']);
    const inside = new Uint8Array([9, ...whole, 9]).subarray(1, -1);
    expect(AddressSet.fromBytes(inside).equals(AddressSet.fromBytes(whole))).toBe(true);
  });

  it('is refused when anything is wrong with it', () => {
    const refused = expect.objectContaining({ name: 'RfwError', code: 'store-failed' });
    const attempt = (bytes: Uint8Array): unknown => {
      try {
        return AddressSet.fromBytes(bytes);
      } catch (error) {
        return error;
      }
    };
    expect(attempt(new Uint8Array())).toEqual(refused);
    expect(attempt(Uint8Array.of(2, ...whole.subarray(1)))).toEqual(refused);
    expect(attempt(whole.subarray(0, -1))).toEqual(refused);
    expect(attempt(new Uint8Array([...whole, 0]))).toEqual(refused);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = Uint8Array.from(whole, (byte, index) => (index === at ? byte ^ change : byte));
        const result = attempt(damaged);
        // Other bytes are other addresses, or garbage; never a set that is out of order.
        if (result instanceof AddressSet) expect(AddressSet.of(result.ranges()).equals(result)).toBe(true);
        else expect(result).toEqual(refused);
      }),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void attempt(bytes)));
  });
});

it('takes hosts in any order, by 8 bytes for each', () => {
  const count = 200_000;
  for (const shift of [0n, 96n]) {
    const family = shift === 0n ? 4 : 6;
    function* hosts(): Generator<Range> {
      for (let index = 0; index < count; index++) {
        const value = BigInt(Math.imul(index, 0x9e37_79b1) >>> 0) << shift;
        yield { family, first: value, last: value };
      }
    }
    const all = AddressSet.of(hosts());
    expect(all.addresses[family]).toBe(BigInt(count));
    expect(all.prefixCount()).toBe(count);
    expect(all.toBytes().length).toBeLessThan((family === 4 ? 8 : 32) * count + 10);
  }
});
