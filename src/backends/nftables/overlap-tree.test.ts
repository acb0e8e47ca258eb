import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Family,
  type Prefix,
  parsePrefix,
  prefixOf,
  rangeOf,
  rangesOverlap,
  widthOf,
} from '../../domain/address.ts';
import { OverlapTree } from './overlap-tree.ts';

interface Entry {
  readonly prefix: Prefix;
  readonly lane: number;
  readonly level: number;
}

/** Every entry looked at: what the tree must agree with. */
function highestOf(entries: readonly Entry[], prefix: Prefix, lane: number): number {
  const overlapping = entries.filter(
    (entry) => entry.lane === lane && rangesOverlap(rangeOf(entry.prefix), rangeOf(prefix)),
  );
  return Math.max(-1, ...overlapping.map(({ level }) => level));
}

/** Prefixes that share their beginnings, so that they overlap, branch and stand under each other. */
function prefixes(family: Family): fc.Arbitrary<Prefix> {
  const width = widthOf(family);
  return fc
    .tuple(fc.nat(0xff), fc.constantFrom(0, 1, 2, 5, 6, 7, 8), fc.constantFrom(0, width / 2 - 3, width - 8))
    .map(([byte, bits, shift]) => {
      const value = (BigInt(byte) << BigInt(width - 8 - shift)) & ((1n << BigInt(width)) - 1n);
      return prefixOf({ family, value }, Math.min(width, shift + bits));
    });
}

describe.each([4, 6] as const)('OverlapTree of IPv%i', (family) => {
  it('agrees with a look at every entry, whatever is added and removed', () => {
    const step = fc.record({
      remove: fc.boolean(),
      pick: fc.nat(),
      entry: fc.record({ prefix: prefixes(family), lane: fc.nat(1), level: fc.nat(4) }),
      question: prefixes(family),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const tree = new OverlapTree(family, 2);
        const entries: Entry[] = [];
        for (const { remove, pick, entry, question } of steps) {
          if (remove && entries.length > 0) {
            const [gone] = entries.splice(pick % entries.length, 1);
            if (gone) tree.remove(gone.prefix, gone.lane, gone.level);
          } else {
            entries.push(entry);
            tree.add(entry.prefix, entry.lane, entry.level);
          }
          for (const lane of [0, 1]) expect(tree.highest(question, lane)).toBe(highestOf(entries, question, lane));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('uses the nodes of removed prefixes again', () => {
    const tree = new OverlapTree(family, 1);
    const everything = prefixOf({ family, value: 0n }, 0);
    for (let round = 0; round < 5; round++) {
      const hosts = Array.from({ length: 2000 }, (_, index) =>
        prefixOf({ family, value: BigInt(index * 7919) }, widthOf(family)),
      );
      for (const host of hosts) tree.add(host, 0, round);
      expect(tree.highest(everything, 0)).toBe(round);
      for (const host of hosts) tree.remove(host, 0, round);
      expect(tree.highest(everything, 0)).toBe(-1);
    }
  });
});

describe('OverlapTree', () => {
  it('finds what holds a prefix and what it holds, and nothing beside it', () => {
    const tree = new OverlapTree(4, 1);
    tree.add(parsePrefix('10.0.0.0/8'), 0, 1);
    tree.add(parsePrefix('10.1.2.3'), 0, 3);
    const highest = (text: string): number => tree.highest(parsePrefix(text), 0);
    expect(highest('10.1.2.3')).toBe(3);
    expect(highest('10.1.2.4')).toBe(1);
    expect(highest('10.1.0.0/16')).toBe(3);
    expect(highest('11.0.0.0/8')).toBe(-1);
    expect(highest('0.0.0.0/0')).toBe(3);
  });
});
