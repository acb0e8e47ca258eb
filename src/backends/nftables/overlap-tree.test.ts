import { deserialize, serialize } from 'node:v8';
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

  it('agrees with a look at every entry, however many there are', () => {
    const lanes = 5;
    const entry = fc.record({ prefix: prefixes(family), lane: fc.nat(lanes - 1), level: fc.nat(30) });
    const many = fc.array(entry, { minLength: 300, maxLength: 700, size: 'max' });
    fc.assert(
      fc.property(
        many,
        fc.array(entry, { minLength: 1 }),
        fc.infiniteStream(fc.nat()),
        (entries, questions, numbers) => {
          let tree = new OverlapTree(family, lanes);
          const standing: Entry[] = [];
          const ask = (): void => {
            for (const { prefix, lane } of questions) {
              expect(tree.highest(prefix, lane)).toBe(highestOf(standing, prefix, lane));
            }
          };
          for (const [index, one] of entries.entries()) {
            standing.push(one);
            tree.add(one.prefix, one.lane, one.level);
            if (index % 100 === 0) ask();
          }
          ask();
          tree = OverlapTree.from(deserialize(serialize(tree.state())));
          ask();
          while (standing.length > 0) {
            const [gone] = standing.splice(numbers.next().value % standing.length, 1);
            if (gone) tree.remove(gone.prefix, gone.lane, gone.level);
            if (standing.length % 50 === 0) ask();
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it('agrees after levels were renumbered, and goes on from there', () => {
    const entry = fc.record({ prefix: prefixes(family), lane: fc.nat(1), level: fc.nat(30) });
    const many = fc.array(entry, { minLength: 1, maxLength: 300, size: 'max' });
    fc.assert(
      fc.property(many, fc.integer({ min: 1, max: 5 }), fc.nat(3), (entries, divisor, raise) => {
        const tree = new OverlapTree(family, 2);
        for (const { prefix, lane, level } of entries) tree.add(prefix, lane, level);
        const to = (level: number): number => Math.floor(level / divisor) + raise;
        tree.relabel(to);
        const standing = entries.map((one) => ({ ...one, level: to(one.level) }));
        for (const { prefix, lane, level } of [...standing]) {
          expect(tree.highest(prefix, lane)).toBe(highestOf(standing, prefix, lane));
          standing.shift();
          tree.remove(prefix, lane, level);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('finds hosts in and around networks, in whatever order many come and go', () => {
    const width = widthOf(family);
    const count = 20_000;
    const host = (index: number): Prefix => prefixOf({ family, value: BigInt(index) << 3n }, width);
    const everything = prefixOf({ family, value: 0n }, 0);
    const half = prefixOf({ family, value: 0n }, width - 16);
    const orders: ((index: number) => number)[] = [
      (index) => index,
      (index) => count - 1 - index,
      (index) => (index * 7919) % count,
    ];
    const tree = new OverlapTree(family, 1);
    for (const [round, order] of orders.entries()) {
      for (let index = 0; index < count; index++) tree.add(host(order(index)), 0, order(index) % 100);
      expect([tree.highest(everything, 0), tree.highest(host(4242), 0), tree.highest(host(count), 0)]).toEqual([
        99, 42, -1,
      ]);
      expect(tree.highest(half, 0)).toBe(99);
      const leaving = orders[(round + 1) % orders.length] ?? order;
      for (let index = 0; index < count - 1; index++) tree.remove(host(leaving(index)), 0, leaving(index) % 100);
      const left = leaving(count - 1);
      expect(tree.highest(everything, 0)).toBe(left % 100);
      tree.remove(host(left), 0, left % 100);
      expect(tree.highest(everything, 0)).toBe(-1);
    }
    expect(tree.state().blocks.length).toBe(1);
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

  it('keeps one prefix in one lane as often as it was added', () => {
    const tree = new OverlapTree(4, 1);
    const host = parsePrefix('10.1.2.3');
    for (let time = 0; time < 200; time++) tree.add(host, 0, 7);
    for (let time = 0; time < 199; time++) tree.remove(host, 0, 7);
    expect(tree.highest(host, 0)).toBe(7);
    tree.remove(host, 0, 7);
    expect(tree.highest(host, 0)).toBe(-1);
  });

  it('removes nothing in place of what it does not have', () => {
    const tree = new OverlapTree(4, 2);
    tree.add(parsePrefix('10.0.0.0/8'), 0, 3);
    tree.remove(parsePrefix('10.0.0.0/8'), 1, 3);
    tree.remove(parsePrefix('10.0.0.0/8'), 0, 2);
    tree.remove(parsePrefix('10.0.0.0/9'), 0, 3);
    tree.remove(parsePrefix('11.0.0.0/8'), 0, 3);
    expect(tree.highest(parsePrefix('10.0.0.0/8'), 0)).toBe(3);
  });

  it('gives a copy of its state that later changes leave alone', () => {
    const tree = new OverlapTree(4, 1);
    tree.add(parsePrefix('10.0.0.0/8'), 0, 3);
    const state = tree.state();
    tree.add(parsePrefix('10.0.0.0/8'), 0, 4);
    tree.relabel((level) => level + 10);
    expect(OverlapTree.from(state).highest(parsePrefix('10.0.0.0/8'), 0)).toBe(3);
    expect(tree.highest(parsePrefix('10.0.0.0/8'), 0)).toBe(14);
  });
});
