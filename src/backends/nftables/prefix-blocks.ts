import { enlarged, grownFor } from '../../domain/column.ts';
import { BlockPool, type BlockPoolState, room } from './block-pool.ts';
import { noLevel } from './mark.ts';

/** Blocks with less than this are put together with a neighbour. */
const scarce = room / 4;

/** PrefixBlocks as plain values. */
export interface PrefixBlocksState {
  readonly pool: BlockPoolState;
  readonly order: Uint32Array;
  readonly fences: Uint32Array;
  readonly length: number;
}

/**
 * Many prefixes in order, each with its lane and level: a B+ tree of two floors in typed arrays. Blocks hold up to 64 entries
 * in order; fences, one for each block, tell which block to look into. By address and mark, a prefix stands directly before
 * those inside it.
 *
 * Equal entries may stand several times.
 */
export class PrefixBlocks {
  /** The words of the address that the next call is about. */
  readonly wanted: Uint32Array;
  readonly #words: number;
  readonly #stride: number;
  readonly #pool: BlockPool;
  /** The blocks from the lowest entries to the highest. None is empty, unless it is the only one. */
  #order: Uint32Array;
  /** In the same order, an entry that none of the block is below and none of the block before is above. The first isn't used. */
  #fences: Uint32Array;
  /** How many blocks are in order. */
  #length: number;
  /** Where `seek` has come to: the place of a block in the order, and an entry of it, -1 before the first. */
  #place = 0;
  #index = -1;

  /** @param words those of an address @param state what `state` gave; it is taken over */
  constructor(words: number, lanes: number, state?: PrefixBlocksState) {
    this.wanted = new Uint32Array(words);
    this.#words = words;
    this.#stride = words + 1;
    this.#pool = new BlockPool(words, lanes, state?.pool);
    this.#order = state?.order ?? Uint32Array.of(this.#pool.allocate());
    this.#fences = state?.fences ?? new Uint32Array(this.#stride);
    this.#length = state?.length ?? 1;
  }

  /** Adds an entry of the wanted address. */
  add(mark: number): void {
    this.#seek(mark);
    if (this.#pool.count(this.#blockAt(this.#place)) === room) this.#split(mark);
    this.#write(this.#pool.entries, this.#pool.open(this.#blockAt(this.#place), this.#index + 1, mark), mark);
  }

  /** Takes out one entry of the wanted address. @returns whether there was one */
  remove(mark: number): boolean {
    const at = this.before(mark);
    if (at < 0 || this.markAt(at) !== mark || this.commonBits(at) < 32 * this.#words) return false;
    const block = this.#blockAt(this.#place);
    this.#pool.close(block, this.#index);
    if (this.#pool.count(block) < scarce) this.#merge(this.#place);
    return true;
  }

  /** Where the last entry is that isn't above the wanted address with this mark; -1 when all are. */
  before(mark: number): number {
    this.#seek(mark);
    // Removals leave blocks whose first entry is above their fence.
    if (this.#index < 0 && this.#place > 0) {
      this.#place--;
      this.#index = this.#pool.count(this.#blockAt(this.#place)) - 1;
    }
    return this.#index < 0 ? -1 : this.#pool.begin(this.#blockAt(this.#place)) + this.#index * this.#stride;
  }

  /** The mark of the entry at a place that `before` gave. */
  markAt(at: number): number {
    return this.#pool.entries[at + this.#words] ?? 0;
  }

  /** How many leading bits the address of an entry shares with the wanted one. */
  commonBits(at: number): number {
    const entries = this.#pool.entries;
    for (let word = 0; word < this.#words; word++) {
      const differing = (entries[at + word] ?? 0) ^ (this.wanted[word] ?? 0);
      if (differing !== 0) return 32 * word + Math.clz32(differing);
    }
    return 32 * this.#words;
  }

  /**
   * The highest level of a lane among the entries above one address and not above the wanted one.
   * @param first the words of the one
   * @param enough a level at which it needn't look further
   */
  highestBetween(first: Uint32Array, firstMark: number, lastMark: number, lane: number, enough: number): number {
    this.#seek(lastMark);
    const lastPlace = this.#place;
    const lastEnd = this.#index + 1;
    this.wanted.set(first);
    this.#seek(firstMark);
    let highest = noLevel;
    let from = this.#index + 1;
    for (let place = this.#place; place <= lastPlace && highest < enough; place++) {
      const block = this.#blockAt(place);
      const count = this.#pool.count(block);
      const end = place === lastPlace ? lastEnd : count;
      const top = this.#pool.top(block, lane);
      if (top > highest) {
        const found = end - from === count ? top : this.#pool.highest(block, from, end, lane, top);
        highest = Math.max(highest, found);
      }
      from = 0;
    }
    return highest;
  }

  /** The highest level of a lane. */
  highest(lane: number): number {
    let highest = noLevel;
    for (let place = 0; place < this.#length; place++) {
      highest = Math.max(highest, this.#pool.top(this.#blockAt(place), lane));
    }
    return highest;
  }

  /** Renumbers all levels by a function that never turns their order. */
  relabel(to: (level: number) => number): void {
    for (let place = 0; place < this.#length; place++) {
      this.#pool.relabel(this.#blockAt(place), to);
      this.#fence(place);
    }
  }

  state(): PrefixBlocksState {
    return {
      pool: this.#pool.state(),
      order: this.#order.slice(0, this.#length),
      fences: this.#fences.slice(0, this.#length * this.#stride),
      length: this.#length,
    };
  }

  #blockAt(place: number): number {
    return this.#order[place] ?? 0;
  }

  /** Goes to the last entry that isn't above the wanted address with this mark, in the block where that belongs. */
  #seek(mark: number): void {
    const place = this.#search(this.#fences, 0, 0, this.#length, mark);
    const block = this.#blockAt(place);
    this.#place = place;
    this.#index = this.#search(this.#pool.entries, this.#pool.begin(block), -1, this.#pool.count(block), mark);
  }

  /** Of entries in order, which begin at `base`, the last one from `low` on that isn't above what is wanted; `low` when all are. */
  #search(entries: Uint32Array, base: number, low: number, high: number, mark: number): number {
    const stride = this.#stride;
    const wanted = this.wanted[0] ?? 0;
    let last = low;
    let above = high;
    while (above - last > 1) {
      const middle = (last + above) >> 1;
      const at = base + middle * stride;
      const first = entries[at] ?? 0;
      // The first word mostly decides.
      if (first === wanted ? this.#isAbove(entries, at, mark) : first > wanted) above = middle;
      else last = middle;
    }
    return last;
  }

  /** Whether an entry whose first word is the wanted one is above the wanted address with this mark. */
  #isAbove(entries: Uint32Array, at: number, mark: number): boolean {
    for (let word = 1; word < this.#words; word++) {
      const one = entries[at + word] ?? 0;
      const other = this.wanted[word] ?? 0;
      if (one !== other) return one > other;
    }
    return (entries[at + this.#words] ?? 0) > mark;
  }

  /** Makes room behind the full block's entry where `seek` has come to, and goes to where it would come to now. */
  #split(mark: number): void {
    const full = this.#blockAt(this.#place);
    const block = this.#pool.allocate();
    // What comes in ascending order would leave half of every block empty for good.
    const kept = this.#index === room - 1 ? room : room / 2;
    if (kept === room) {
      this.#write(this.#pool.entries, this.#pool.begin(block), mark);
    } else {
      this.#pool.copy(full, kept, block);
      this.#pool.resize(full, kept);
    }
    this.#enter(this.#place + 1, block);
    if (kept < room && this.#index < kept) return;
    this.#place++;
    this.#index -= kept;
  }

  /** Puts two neighbours into one block when they fit well. */
  #merge(place: number): void {
    if (this.#length === 1) return;
    const left = place + 1 < this.#length ? place : place - 1;
    const to = this.#blockAt(left);
    const from = this.#blockAt(left + 1);
    const sum = this.#pool.count(to) + this.#pool.count(from);
    // Some room is left, so that they don't have to be split again soon; but no block may stay empty.
    if (sum > room - scarce && this.#pool.count(to) > 0 && this.#pool.count(from) > 0) return;
    this.#pool.copy(from, 0, to);
    this.#leave(left + 1);
    this.#pool.release(from);
  }

  /** Puts a block whose first entry is written into the order. */
  #enter(place: number, block: number): void {
    const stride = this.#stride;
    if (this.#length === this.#order.length) {
      const length = grownFor(this.#length + 1, this.#length);
      this.#order = enlarged(this.#order, length);
      this.#fences = enlarged(this.#fences, length * stride);
    }
    this.#order.copyWithin(place + 1, place, this.#length);
    this.#fences.copyWithin((place + 1) * stride, place * stride, this.#length * stride);
    this.#order[place] = block;
    this.#length++;
    this.#fence(place);
  }

  /** Takes a block out of the order. */
  #leave(place: number): void {
    const stride = this.#stride;
    this.#order.copyWithin(place, place + 1, this.#length);
    this.#fences.copyWithin(place * stride, (place + 1) * stride, this.#length * stride);
    this.#length--;
  }

  /** Takes the first entry of a block as its fence. */
  #fence(place: number): void {
    const first = this.#pool.begin(this.#blockAt(place));
    const entries = this.#pool.entries;
    for (let word = 0; word < this.#stride; word++) {
      this.#fences[place * this.#stride + word] = entries[first + word] ?? 0;
    }
  }

  #write(entries: Uint32Array, at: number, mark: number): void {
    for (let word = 0; word < this.#words; word++) entries[at + word] = this.wanted[word] ?? 0;
    entries[at + this.#words] = mark;
  }
}
