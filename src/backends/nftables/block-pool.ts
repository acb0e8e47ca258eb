import { enlarged, grownFor } from '../../domain/column.ts';
import { laneOf, lengthOf, levelOf, markOf, noLevel } from './mark.ts';

/** Entries of a block: many enough that few blocks have to be kept in order, few enough to be moved in no time. */
export const room = 64;

/** A BlockPool as plain values. */
export interface BlockPoolState {
  readonly entries: Uint32Array;
  readonly counts: Uint32Array;
  readonly tops: Int16Array;
  readonly used: number;
  readonly free: readonly number[];
}

/** Blocks of up to 64 entries, by small numbers, with what is highest in each. An entry is the words of an address and a mark. */
export class BlockPool {
  readonly #words: number;
  readonly #lanes: number;
  #entries: Uint32Array;
  /** How many entries each block has. */
  #counts: Uint32Array;
  /** For each block and lane, the highest level in it. */
  #tops: Int16Array;
  /** Numbers ever given. */
  #used: number;
  readonly #free: number[];

  /** @param words those of an address @param state what `state` gave; it is taken over */
  constructor(words: number, lanes: number, state: BlockPoolState = nothing) {
    this.#words = words;
    this.#lanes = lanes;
    this.#entries = state.entries;
    this.#counts = state.counts;
    this.#tops = state.tops;
    this.#used = state.used;
    this.#free = [...state.free];
  }

  /** The entries of all blocks. Valid until the next `allocate`. */
  get entries(): Uint32Array {
    return this.#entries;
  }

  /** Where a block begins in `entries`. */
  begin(block: number): number {
    return block * room * (this.#words + 1);
  }

  /** How many entries a block has. */
  count(block: number): number {
    return this.#counts[block] ?? 0;
  }

  /** The highest level of a lane in a block. */
  top(block: number, lane: number): number {
    return this.#tops[block * this.#lanes + lane] ?? noLevel;
  }

  /** @returns the number of an empty block */
  allocate(): number {
    const block = this.#free.pop() ?? this.#used++;
    if (block >= this.#counts.length) {
      const length = grownFor(block + 1, block);
      this.#entries = enlarged(this.#entries, this.begin(length));
      this.#counts = enlarged(this.#counts, length);
      this.#tops = enlarged(this.#tops, length * this.#lanes);
    }
    this.resize(block, 0);
    return block;
  }

  /** Gives a block back. */
  release(block: number): void {
    this.#free.push(block);
  }

  /** Opens a gap for an entry in a block that isn't full. @returns where the gap is */
  open(block: number, index: number, mark: number): number {
    const stride = this.#words + 1;
    const gap = this.begin(block) + index * stride;
    const count = this.count(block);
    const entries = this.#entries;
    for (let at = this.begin(block) + count * stride - 1; at >= gap; at--) entries[at + stride] = entries[at] ?? 0;
    this.#counts[block] = count + 1;
    const top = block * this.#lanes + laneOf(mark);
    if ((this.#tops[top] ?? noLevel) < levelOf(mark)) this.#tops[top] = levelOf(mark);
    return gap;
  }

  /** Takes an entry out. */
  close(block: number, index: number): void {
    const stride = this.#words + 1;
    const gap = this.begin(block) + index * stride;
    const mark = this.#entries[gap + this.#words] ?? 0;
    const count = this.count(block) - 1;
    const end = this.begin(block) + count * stride;
    for (let to = gap; to < end; to++) this.#entries[to] = this.#entries[to + stride] ?? 0;
    this.#counts[block] = count;
    const top = block * this.#lanes + laneOf(mark);
    if (this.#tops[top] === levelOf(mark)) this.#tops[top] = this.highest(block, 0, count, laneOf(mark), levelOf(mark));
  }

  /** Appends entries of one block, from an index on, to another. They stay where they were, too. */
  copy(block: number, from: number, to: number): void {
    const stride = this.#words + 1;
    const moved = this.count(block) - from;
    const begin = this.begin(block) + from * stride;
    this.#entries.copyWithin(this.begin(to) + this.count(to) * stride, begin, begin + moved * stride);
    this.resize(to, this.count(to) + moved);
  }

  /** Says how many entries a block has. */
  resize(block: number, count: number): void {
    this.#counts[block] = count;
    this.#tops.fill(noLevel, block * this.#lanes, (block + 1) * this.#lanes);
    const stride = this.#words + 1;
    const end = this.begin(block) + count * stride;
    for (let at = this.begin(block); at < end; at += stride) {
      const mark = this.#entries[at + this.#words] ?? 0;
      const top = block * this.#lanes + laneOf(mark);
      if ((this.#tops[top] ?? noLevel) < levelOf(mark)) this.#tops[top] = levelOf(mark);
    }
  }

  /** The highest level of a lane among some entries of a block. @param enough a level at which it needn't look further */
  highest(block: number, from: number, to: number, lane: number, enough: number): number {
    const stride = this.#words + 1;
    const end = this.begin(block) + to * stride;
    let highest = noLevel;
    for (let at = this.begin(block) + from * stride; at < end && highest < enough; at += stride) {
      const mark = this.#entries[at + this.#words] ?? 0;
      if (laneOf(mark) === lane && levelOf(mark) > highest) highest = levelOf(mark);
    }
    return highest;
  }

  /** Renumbers the levels of a block. */
  relabel(block: number, to: (level: number) => number): void {
    const stride = this.#words + 1;
    const count = this.count(block);
    const end = this.begin(block) + count * stride;
    for (let at = this.begin(block) + this.#words; at < end; at += stride) {
      const mark = this.#entries[at] ?? 0;
      this.#entries[at] = markOf(lengthOf(mark), laneOf(mark), to(levelOf(mark)));
    }
    this.resize(block, count);
  }

  state(): BlockPoolState {
    return {
      entries: this.#entries.slice(0, this.begin(this.#used)),
      counts: this.#counts.slice(0, this.#used),
      tops: this.#tops.slice(0, this.#used * this.#lanes),
      used: this.#used,
      free: [...this.#free],
    };
  }
}

const nothing: BlockPoolState = {
  entries: new Uint32Array(),
  counts: new Uint32Array(),
  tops: new Int16Array(),
  used: 0,
  free: [],
};
