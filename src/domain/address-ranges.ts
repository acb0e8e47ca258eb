import type { Family } from './address.ts';
import { ipv6Words, joinWords, splitWords } from './words.ts';

/** Words of 32 bits that an address of the family has. */
export function wordsOf(family: Family): 1 | 4 {
  return family === 4 ? 1 : ipv6Words;
}

/** Disjoint ranges of one family, none next to another, ascending. Each end has as many words as an address. */
export interface AddressRanges {
  readonly family: Family;
  readonly count: number;
  readonly firsts: Uint32Array;
  readonly lasts: Uint32Array;
}

export function noRanges(family: Family): AddressRanges {
  return { family, count: 0, firsts: new Uint32Array(), lasts: new Uint32Array() };
}

/** Which of two addresses is higher: negative, 0 or positive. */
export function compare(words: number, a: Uint32Array, atA: number, b: Uint32Array, atB: number): number {
  for (let word = 0; word < words; word++) {
    const difference = (a[atA + word] ?? 0) - (b[atB + word] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Writes the address that follows. @returns false, and zero is written, when there is none */
function writeNext(words: number, from: Uint32Array, at: number, into: Uint32Array, to: number): boolean {
  let carry = 1;
  for (let word = words - 1; word >= 0; word--) {
    const sum = (from[at + word] ?? 0) + carry;
    carry = sum > 0xffff_ffff ? 1 : 0;
    into[to + word] = sum >>> 0;
  }
  return carry === 0;
}

/** Writes the address before. @returns false, and the highest is written, when there is none */
function writePrevious(words: number, from: Uint32Array, at: number, into: Uint32Array, to: number): boolean {
  let borrow = 1;
  for (let word = words - 1; word >= 0; word--) {
    const difference = (from[at + word] ?? 0) - borrow;
    borrow = difference < 0 ? 1 : 0;
    into[to + word] = difference >>> 0;
  }
  return borrow === 0;
}

/** Copies an address. */
export function copy(words: number, from: Uint32Array, at: number, into: Uint32Array, to: number): void {
  for (let word = 0; word < words; word++) into[to + word] = from[at + word] ?? 0;
}

/** Ranges in the making, given in ascending order of their first addresses: what overlaps or touches becomes one. */
export class Merging {
  readonly #family: Family;
  readonly #words: number;
  readonly #firsts: Uint32Array;
  readonly #lasts: Uint32Array;
  /** The address after the last range; with `#open` false there is none. */
  readonly #next: Uint32Array;
  #open = true;
  #count = 0;

  constructor(family: Family, most: number) {
    this.#family = family;
    this.#words = wordsOf(family);
    this.#firsts = new Uint32Array(this.#words * most);
    this.#lasts = new Uint32Array(this.#words * most);
    this.#next = new Uint32Array(this.#words);
  }

  add(firsts: Uint32Array, lasts: Uint32Array, at: number): void {
    const words = this.#words;
    const last = words * (this.#count - 1);
    if (this.#count > 0) {
      if (!this.#open) return;
      if (compare(words, firsts, at, this.#next, 0) <= 0) {
        if (compare(words, lasts, at, this.#lasts, last) > 0) this.#end(lasts, at, last);
        return;
      }
    }
    copy(words, firsts, at, this.#firsts, last + words);
    this.#end(lasts, at, last + words);
    this.#count++;
  }

  #end(lasts: Uint32Array, at: number, to: number): void {
    copy(this.#words, lasts, at, this.#lasts, to);
    this.#open = writeNext(this.#words, lasts, at, this.#next, 0);
  }

  ranges(): AddressRanges {
    const length = this.#words * this.#count;
    // A view would keep the whole buffer alive; most often all of it is used.
    const fitted = (array: Uint32Array): Uint32Array => (array.length === length ? array : array.slice(0, length));
    return {
      family: this.#family,
      count: this.#count,
      firsts: fitted(this.#firsts),
      lasts: fitted(this.#lasts),
    };
  }
}

/** What is in either. */
export function unite(a: AddressRanges, b: AddressRanges): AddressRanges {
  if (a.count === 0) return b;
  if (b.count === 0) return a;
  const words = wordsOf(a.family);
  const merging = new Merging(a.family, a.count + b.count);
  let [inA, inB] = [0, 0];
  while (inA < a.count || inB < b.count) {
    const takeA =
      inB === b.count || (inA < a.count && compare(words, a.firsts, words * inA, b.firsts, words * inB) <= 0);
    if (takeA) merging.add(a.firsts, a.lasts, words * inA++);
    else merging.add(b.firsts, b.lasts, words * inB++);
  }
  return merging.ranges();
}

/** What is in both. */
export function intersect(a: AddressRanges, b: AddressRanges): AddressRanges {
  if (a.count === 0 || b.count === 0) return noRanges(a.family);
  const words = wordsOf(a.family);
  const merging = new Merging(a.family, a.count + b.count);
  const first = new Uint32Array(words);
  const last = new Uint32Array(words);
  let [inA, inB] = [0, 0];
  while (inA < a.count && inB < b.count) {
    const [atA, atB] = [words * inA, words * inB];
    if (compare(words, a.firsts, atA, b.firsts, atB) >= 0) copy(words, a.firsts, atA, first, 0);
    else copy(words, b.firsts, atB, first, 0);
    const aEndsFirst = compare(words, a.lasts, atA, b.lasts, atB) <= 0;
    if (aEndsFirst) copy(words, a.lasts, words * inA++, last, 0);
    else copy(words, b.lasts, words * inB++, last, 0);
    if (compare(words, first, 0, last, 0) <= 0) merging.add(first, last, 0);
  }
  return merging.ranges();
}

/** All addresses of the family but those. */
export function complement({ family, count, firsts, lasts }: AddressRanges): AddressRanges {
  const words = wordsOf(family);
  const merging = new Merging(family, count + 1);
  const first = new Uint32Array(words);
  const last = new Uint32Array(words);
  let more = true;
  for (let at = 0; at < words * count; at += words) {
    if (writePrevious(words, firsts, at, last, 0) && compare(words, first, 0, last, 0) <= 0)
      merging.add(first, last, 0);
    more = writeNext(words, lasts, at, first, 0);
  }
  if (more) merging.add(first, last.fill(0xffff_ffff), 0);
  return merging.ranges();
}

/** The number of the first range that does not end before the address; `count` when all do. */
export function findRange({ family, count, lasts }: AddressRanges, value: bigint): number {
  const words = wordsOf(family);
  const wanted = new Uint32Array(ipv6Words);
  splitWords(value, wanted);
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(words, lasts, words * middle, wanted, ipv6Words - words) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether a range has at most so many addresses, which must be few, and all but their lowest word in common. */
export function isNarrow({ family, firsts, lasts }: AddressRanges, index: number, most: number): boolean {
  const words = wordsOf(family);
  const low = words * (index + 1) - 1;
  if ((lasts[low] ?? 0) - (firsts[low] ?? 0) >= most) return false;
  return compare(words - 1, firsts, words * index, lasts, words * index) === 0;
}

/** An end of a range as a number. */
export function valueAt(family: Family, ends: Uint32Array, index: number): bigint {
  return family === 4 ? BigInt(ends[index] ?? 0) : joinWords(ends, ipv6Words * index);
}

/** Whether these are ranges as the type wants them: disjoint, none next to another, ascending. */
export function areMerged({ family, count, firsts, lasts }: AddressRanges): boolean {
  const words = wordsOf(family);
  const next = new Uint32Array(words);
  for (let index = 0; index < count; index++) {
    const at = words * index;
    if (compare(words, firsts, at, lasts, at) > 0) return false;
    if (index === 0) continue;
    if (!writeNext(words, lasts, at - words, next, 0) || compare(words, firsts, at, next, 0) <= 0) return false;
  }
  return true;
}

export function areEqual(a: AddressRanges, b: AddressRanges): boolean {
  const same = (x: Uint32Array, y: Uint32Array): boolean => x.every((word, index) => word === y[index]);
  return a.count === b.count && same(a.firsts, b.firsts) && same(a.lasts, b.lasts);
}
