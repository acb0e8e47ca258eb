import {
  type Address,
  type Family,
  families,
  hostPrefix,
  isMapped,
  type Prefix,
  prefixOf,
  type Range,
  rangeContains,
  rangesOverlap,
  widthOf,
} from './address.ts';
import {
  type AddressRanges,
  areEqual,
  areMerged,
  complement,
  findRange,
  intersect,
  isNarrow,
  noRanges,
  unite,
  valueAt,
  wordsOf,
} from './address-ranges.ts';
import { RfwError } from './errors.ts';
import { RangeCollector } from './range-collector.ts';

type ByFamily<T> = Readonly<Record<Family, T>>;

/** The first byte of `toBytes`. */
const format = 1;

/** The version, and for each family how many ranges there are, as 32 bits. */
const headerLength = 1 + 4 * families.length;

/**
 * Any addresses of both families, as disjoint ranges in numbers: 8 bytes for a range of IPv4 and 32 for one of IPv6. It never
 * changes; operations give a new one, in a time that grows with the number of ranges of both.
 */
export class AddressSet {
  readonly #ranges: ByFamily<AddressRanges>;
  #prefixCounts: ByFamily<number> | undefined;

  private constructor(ranges: ByFamily<AddressRanges>) {
    this.#ranges = ranges;
  }

  // No static field: the compiler makes one that uses the class before it has a name for it.
  static get empty(): AddressSet {
    return nothing;
  }

  /** The addresses of all the ranges, which may overlap and come in any order. A Prefix goes through `rangeOf`. */
  static of(ranges: Iterable<Range>): AddressSet {
    const collected = { 4: new RangeCollector(4), 6: new RangeCollector(6) };
    for (const { family, first, last } of ranges) collected[family].add(first, last);
    return AddressSet.collected(collected);
  }

  /** The addresses of what was collected, which may go on after that. */
  static collected(ranges: ByFamily<RangeCollector>): AddressSet {
    return new AddressSet({ 4: ranges[4].ranges(), 6: ranges[6].ranges() });
  }

  /**
   * Reads what `toBytes` has written.
   * @throws RfwError `store-failed` for anything else
   */
  static fromBytes(bytes: Uint8Array): AddressSet {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < headerLength || view.getUint8(0) !== format) throw unreadable('is of no known form');
    let at = headerLength;
    const words = (count: number): Uint32Array => {
      const array = new Uint32Array(count);
      for (let index = 0; index < count; index++, at += 4) array[index] = view.getUint32(at);
      return array;
    };
    const counts = families.map((family, index) => ({ family, count: view.getUint32(1 + 4 * index) }));
    const length = counts.reduce((sum, { family, count }) => sum + 8 * wordsOf(family) * count, headerLength);
    if (bytes.length !== length) throw unreadable(`has ${bytes.length} bytes where ${length} are expected`);
    const read = counts.map(({ family, count }): AddressRanges => {
      const ranges = { family, count, firsts: words(wordsOf(family) * count), lasts: words(wordsOf(family) * count) };
      if (!areMerged(ranges)) throw unreadable('has ranges out of order');
      return ranges;
    });
    return new AddressSet({ 4: read[0] ?? noRanges(4), 6: read[1] ?? noRanges(6) });
  }

  /** For the store: of the same addresses always the same bytes, on every machine. */
  toBytes(): Uint8Array {
    const arrays = families.flatMap((family) => [this.#ranges[family].firsts, this.#ranges[family].lasts]);
    const length = arrays.reduce((sum, array) => sum + array.byteLength, headerLength);
    const view = new DataView(new ArrayBuffer(length));
    view.setUint8(0, format);
    for (const [index, family] of families.entries()) view.setUint32(1 + 4 * index, this.#ranges[family].count);
    let at = headerLength;
    for (const array of arrays) {
      for (const word of array) {
        view.setUint32(at, word);
        at += 4;
      }
    }
    return new Uint8Array(view.buffer);
  }

  get isEmpty(): boolean {
    return families.every((family) => this.#ranges[family].count === 0);
  }

  has({ family, value }: Address): boolean {
    const next = this.#rangeAt(family, findRange(this.#ranges[family], value));
    return next !== undefined && rangeContains(next, { family, value });
  }

  /** Whether any address of the range is in it. */
  overlaps(range: Range): boolean {
    const next = this.#rangeAt(range.family, findRange(this.#ranges[range.family], range.first));
    return next !== undefined && rangesOverlap(next, range);
  }

  union(other: AddressSet): AddressSet {
    return this.#with(other, unite);
  }

  intersection(other: AddressSet): AddressSet {
    return this.#with(other, intersect);
  }

  /** What is in this and not in the other. */
  without(other: AddressSet): AddressSet {
    return this.#with(other, (own, others) => (others.count === 0 ? own : intersect(own, complement(others))));
  }

  equals(other: AddressSet): boolean {
    return families.every((family) => areEqual(this.#ranges[family], other.#ranges[family]));
  }

  /** How many addresses it has of each family. */
  get addresses(): ByFamily<bigint> {
    const count = (family: Family): bigint => {
      let sum = 0n;
      for (const { first, last } of this.ranges(family)) sum += last - first + 1n;
      return sum;
    };
    return { 4: count(4), 6: count(6) };
  }

  /** How many ranges there are, of one family or of both. */
  rangeCount(family?: Family): number {
    return family === undefined ? this.#ranges[4].count + this.#ranges[6].count : this.#ranges[family].count;
  }

  /** The disjoint ranges, ascending; by default of both families, IPv4 first. */
  *ranges(family?: Family): Generator<Range> {
    for (const each of family === undefined ? families : [family]) {
      for (let index = 0; index < this.#ranges[each].count; index++) yield this.#rangeAt(each, index) as Range;
    }
  }

  /** The ranges of at most `most` addresses, or those that have more; `most` must be small. */
  *rangesBySize(family: Family, which: 'narrow' | 'wide', most: number): Generator<Range> {
    const ranges = this.#ranges[family];
    for (let index = 0; index < ranges.count; index++) {
      if (isNarrow(ranges, index, most) === (which === 'narrow')) yield this.#rangeAt(family, index) as Range;
    }
  }

  /** How many addresses the ranges of at most `most` addresses have together, and how many ranges have more. */
  countsBySize(family: Family, most: number): { readonly narrowAddresses: number; readonly wideRanges: number } {
    const ranges = this.#ranges[family];
    const { firsts, lasts } = ranges;
    const words = wordsOf(family);
    let [narrowAddresses, wideRanges] = [0, 0];
    for (let index = 0; index < ranges.count; index++) {
      const low = words * (index + 1) - 1;
      if (isNarrow(ranges, index, most)) narrowAddresses += (lasts[low] ?? 0) - (firsts[low] ?? 0) + 1;
      else wideRanges++;
    }
    return { narrowAddresses, wideRanges };
  }

  /** How many prefixes `prefixes` gives. */
  prefixCount(family?: Family): number {
    this.#prefixCounts ??= { 4: countPrefixes(this.#ranges[4]), 6: countPrefixes(this.#ranges[6]) };
    return family === undefined ? this.#prefixCounts[4] + this.#prefixCounts[6] : this.#prefixCounts[family];
  }

  /**
   * The fewest prefixes that hold exactly these addresses, ascending; by default of both families, IPv4 first. IPv4-mapped
   * ones are left out: no packet has such an address as IPv6, and their text would read back as IPv4.
   */
  *prefixes(family?: Family): Generator<Prefix> {
    for (const range of this.ranges(family)) yield* prefixesIn(range);
  }

  /** Those of `prefixes` that come after the address: of a listing the page after the one that ended with it. */
  *prefixesAfter({ family, value }: Address): Generator<Prefix> {
    for (let index = findRange(this.#ranges[family], value); ; index++) {
      const range = this.#rangeAt(family, index);
      if (range === undefined) break;
      for (const prefix of prefixesIn(range)) if (prefix.value > value) yield prefix;
    }
    if (family === 4) yield* this.prefixes(6);
  }

  #rangeAt(family: Family, index: number): Range | undefined {
    const { count, firsts, lasts } = this.#ranges[family];
    if (index >= count) return undefined;
    return { family, first: valueAt(family, firsts, index), last: valueAt(family, lasts, index) };
  }

  #with(other: AddressSet, operation: (a: AddressRanges, b: AddressRanges) => AddressRanges): AddressSet {
    return new AddressSet({
      4: operation(this.#ranges[4], other.#ranges[4]),
      6: operation(this.#ranges[6], other.#ranges[6]),
    });
  }
}

const nothing = AddressSet.of([]);

function unreadable(reason: string): RfwError {
  return new RfwError('store-failed', `A stored set of addresses can't be read: it ${reason}`);
}

/**
 * Where the prefixes of a range turn from growing to shrinking: the address in it, or just after it, that is a multiple of
 * the highest power of two.
 */
function summit(first: bigint, end: bigint): bigint {
  const shift = BigInt((first ^ end).toString(2).length - 1);
  return (end >> shift) << shift;
}

function* prefixesIn({ family, first, last }: Range): Generator<Prefix> {
  if (first === last) {
    const host = hostPrefix({ family, value: first });
    if (!isMapped(host)) yield host;
    return;
  }
  const end = last + 1n;
  const top = summit(first, end);
  const width = widthOf(family);
  for (let value = first; value !== end; ) {
    const left = value < top ? top - value : end - value;
    const bits = value < top ? lowestBit(left) : left.toString(2).length - 1;
    const prefix = prefixOf({ family, value }, width - bits);
    if (!isMapped(prefix)) yield prefix;
    value += 1n << BigInt(bits);
  }
}

function lowestBit(value: bigint): number {
  return (value & -value).toString(2).length - 1;
}

/** Counts without making them: those below the summit are the bits of the way up, those above it of the way down. */
function countPrefixes({ family, count, firsts, lasts }: AddressRanges): number {
  let sum = 0;
  for (let index = 0; index < count; index++) {
    if (family === 4) {
      sum += smallPrefixCount(firsts[index] ?? 0, lasts[index] ?? 0);
    } else {
      const range = { family, first: valueAt(family, firsts, index), last: valueAt(family, lasts, index) };
      if (range.first === range.last) sum++;
      else for (const _ of prefixesIn(range)) sum++;
    }
  }
  return sum;
}

function smallPrefixCount(first: number, last: number): number {
  if (first === last) return 1;
  // The end after the highest address has one bit more than fits: its way up is the bits of what is left, taken as negative.
  if (last === 0xffff_ffff) return first === 0 ? 1 : ones(-first);
  const end = last + 1;
  const shift = 31 - Math.clz32(first ^ end);
  const top = ((end >>> shift) << shift) >>> 0;
  return ones(top - first) + ones(end - top);
}

function ones(value: number): number {
  let count = 0;
  for (let rest = value >>> 0; rest !== 0; rest &= rest - 1) count++;
  return count;
}
