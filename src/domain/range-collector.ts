import type { Family } from './address.ts';
import { type AddressRanges, compare, copy, Merging, wordsOf } from './address-ranges.ts';
import { ipv6Words, splitWords } from './words.ts';

function areAscending(words: number, addresses: Uint32Array, count: number): boolean {
  for (let index = 1; index < count; index++) {
    if (compare(words, addresses, words * (index - 1), addresses, words * index) > 0) return false;
  }
  return true;
}

/** Where in 64 bits, as two words of 32, the upper half is on this machine. */
const upper = new Uint32Array(BigUint64Array.of(1n).buffer)[0] === 1 ? 1 : 0;

/** The ends of ranges of IPv4 by turns, ascending: sorted as numbers of 64 bits, which no code of ours comes near to in speed. */
function sortedPairs(firsts: Uint32Array, lasts: Uint32Array, count: number): Uint32Array {
  const pairs = new Uint32Array(2 * count);
  for (let index = 0; index < count; index++) {
    pairs[2 * index + upper] = firsts[index] ?? 0;
    pairs[2 * index + 1 - upper] = lasts[index] ?? 0;
  }
  new BigUint64Array(pairs.buffer).sort();
  return pairs;
}

/** The numbers 0 to `count` - 1, in ascending order of the addresses that they stand for. */
function ascending(words: number, addresses: Uint32Array, count: number): Uint32Array {
  let order: Uint32Array<ArrayBuffer> = new Uint32Array(count);
  for (let index = 0; index < count; index++) order[index] = index;
  let other: Uint32Array<ArrayBuffer> = new Uint32Array(count);
  // By each byte, from the lowest up; what was in order stays so among equals.
  for (let word = words - 1; word >= 0; word--) {
    for (let shift = 0; shift < 32; shift += 8) {
      const places = new Uint32Array(257);
      for (let index = 0; index < count; index++) {
        const byte = ((addresses[words * index + word] ?? 0) >>> shift) & 255;
        places[byte + 1] = (places[byte + 1] ?? 0) + 1;
      }
      if (places.includes(count)) continue;
      for (let byte = 1; byte < 257; byte++) places[byte] = (places[byte] ?? 0) + (places[byte - 1] ?? 0);
      for (let turn = 0; turn < count; turn++) {
        const index = order[turn] ?? 0;
        const byte = ((addresses[words * index + word] ?? 0) >>> shift) & 255;
        const place = places[byte] ?? 0;
        other[place] = index;
        places[byte] = place + 1;
      }
      [order, other] = [other, order];
    }
  }
  return order;
}

/** Any ranges of one family, as they come; `ranges` merges them. */
export class RangeCollector {
  readonly family: Family;
  readonly #words: number;
  #firsts: Uint32Array<ArrayBuffer>;
  #lasts: Uint32Array<ArrayBuffer>;
  #count = 0;
  readonly #one = new Uint32Array(ipv6Words);

  constructor(family: Family) {
    this.family = family;
    this.#words = wordsOf(family);
    this.#firsts = new Uint32Array(16 * this.#words);
    this.#lasts = new Uint32Array(16 * this.#words);
  }

  /** How many ranges were given. */
  get count(): number {
    return this.#count;
  }

  /** Adds a range of IPv4. */
  addSmall(first: number, last: number): void {
    this.#room();
    this.#firsts[this.#count] = first;
    this.#lasts[this.#count++] = last;
  }

  add(first: bigint, last: bigint): void {
    if (this.family === 4) {
      this.addSmall(Number(first), Number(last));
      return;
    }
    this.#room();
    splitWords(first, this.#one);
    this.#firsts.set(this.#one, this.#words * this.#count);
    splitWords(last, this.#one);
    this.#lasts.set(this.#one, this.#words * this.#count++);
  }

  /** Adds a range whose ends are in words, as many as an address of the family has. */
  addWords(first: Uint32Array, last: Uint32Array): void {
    this.#room();
    copy(this.#words, first, 0, this.#firsts, this.#words * this.#count);
    copy(this.#words, last, 0, this.#lasts, this.#words * this.#count++);
  }

  ranges(): AddressRanges {
    const count = this.#count;
    const merging = new Merging(this.family, count);
    if (areAscending(this.#words, this.#firsts, count)) {
      for (let index = 0; index < count; index++) merging.add(this.#firsts, this.#lasts, this.#words * index);
    } else if (this.family === 4) {
      const pairs = sortedPairs(this.#firsts, this.#lasts, count);
      const [firsts, lasts] = [pairs.subarray(upper), pairs.subarray(1 - upper)];
      for (let index = 0; index < count; index++) merging.add(firsts, lasts, 2 * index);
    } else {
      for (const index of ascending(this.#words, this.#firsts, count)) {
        merging.add(this.#firsts, this.#lasts, this.#words * index);
      }
    }
    return merging.ranges();
  }

  #room(): void {
    if (this.#words * this.#count < this.#firsts.length) return;
    const larger = (array: Uint32Array): Uint32Array<ArrayBuffer> => {
      const grown = new Uint32Array(2 * array.length);
      grown.set(array);
      return grown;
    };
    this.#firsts = larger(this.#firsts);
    this.#lasts = larger(this.#lasts);
  }
}
