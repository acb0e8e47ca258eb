import { type Family, type Prefix, widthOf } from '../../domain/address.ts';
import { splitWords } from '../../domain/words.ts';
import { anyLevel, anyMark, laneOf, lengthOf, levelOf, markOf, noLevel } from './mark.ts';
import { PrefixBlocks, type PrefixBlocksState } from './prefix-blocks.ts';

/** An OverlapTree as plain values that the structured clone algorithm and v8.serialize take. */
export interface OverlapTreeState {
  readonly family: Family;
  readonly lanes: number;
  readonly blocks: PrefixBlocksState;
  readonly standing: Uint32Array;
  readonly ceilings: Int16Array;
}

/**
 * Which levels the prefixes have that overlap a given one. Prefixes stand in lanes (actions, say). They are kept in order,
 * where those inside a given one are neighbours, with what is highest in each block of them; those around it are looked for
 * one by one, by the lengths that are in use at all. A million hosts take some 15 MB for IPv4.
 *
 * One prefix may be added to one lane several times, with one level or several.
 */
export class OverlapTree {
  readonly #family: Family;
  readonly #lanes: number;
  readonly #width: number;
  readonly #blocks: PrefixBlocks;
  /** How many prefixes of each length stand in each lane, and behind the lengths of a lane how many in all. */
  readonly #standing: Uint32Array;
  /** For each lane a level that none in it is above, so that what reaches it needs no further look. */
  readonly #ceilings: Int16Array;
  /** The words of the prefix that all is about. */
  readonly #prefix: Uint32Array;

  constructor(family: Family, lanes: number, state?: OverlapTreeState) {
    this.#family = family;
    this.#lanes = lanes;
    this.#width = widthOf(family);
    this.#blocks = new PrefixBlocks(this.#width / 32, lanes, state?.blocks);
    this.#standing = state?.standing ?? new Uint32Array(lanes * (this.#width + 2));
    this.#ceilings = state?.ceilings ?? new Int16Array(lanes).fill(noLevel);
    this.#prefix = new Uint32Array(this.#width / 32);
  }

  /** Takes over what `state` gave, without a look at the prefixes. */
  static from(state: OverlapTreeState): OverlapTree {
    return new OverlapTree(state.family, state.lanes, state);
  }

  /** The highest level in the lane among the prefixes that overlap this one; -1 when none does. */
  highest(prefix: Prefix, lane: number): number {
    if (this.#standing[this.#total(lane)] === 0) return noLevel;
    this.#read(prefix, this.#prefix);
    const ceiling = this.#ceilings[lane] ?? noLevel;
    const around = this.#highestAround(prefix.length, lane, ceiling);
    if (around === ceiling || this.#lengthInUse(this.#width, lane) <= prefix.length) return around;
    this.#mask(this.#blocks.wanted, prefix.length, 0xffff_ffff);
    const first = markOf(prefix.length, lane, anyLevel);
    return Math.max(around, this.#blocks.highestBetween(this.#prefix, first, anyMark, lane, ceiling));
  }

  /** Adds a prefix to the lane. Levels are 0 to 32,767. */
  add(prefix: Prefix, lane: number, level: number): void {
    this.#read(prefix, this.#blocks.wanted);
    this.#blocks.add(markOf(prefix.length, lane, level));
    this.#count(prefix.length, lane, 1);
    if ((this.#ceilings[lane] ?? noLevel) < level) this.#ceilings[lane] = level;
  }

  /** Takes out what was added with the same arguments. */
  remove(prefix: Prefix, lane: number, level: number): void {
    this.#read(prefix, this.#blocks.wanted);
    if (!this.#blocks.remove(markOf(prefix.length, lane, level))) return;
    this.#count(prefix.length, lane, -1);
    if (this.#standing[this.#total(lane)] === 0) this.#ceilings[lane] = noLevel;
  }

  /** Renumbers all levels. @param to the new level of one that is in use; of two, the higher one's must not be lower */
  relabel(to: (level: number) => number): void {
    this.#blocks.relabel(to);
    for (let lane = 0; lane < this.#lanes; lane++) this.#ceilings[lane] = this.#blocks.highest(lane);
  }

  /** A copy of everything, for `from`. */
  state(): OverlapTreeState {
    return {
      family: this.#family,
      lanes: this.#lanes,
      blocks: this.#blocks.state(),
      standing: this.#standing.slice(),
      ceilings: this.#ceilings.slice(),
    };
  }

  /** The highest level in the lane among the prefixes that hold the one that was read, itself included. */
  #highestAround(longest: number, lane: number, ceiling: number): number {
    let highest = noLevel;
    let length = this.#lengthInUse(longest, lane);
    while (length >= 0 && highest < ceiling) {
      this.#mask(this.#blocks.wanted, length, 0);
      const at = this.#blocks.before(markOf(length, lane, anyLevel));
      if (at < 0) break;
      const mark = this.#blocks.markAt(at);
      // All that hold the prefix and are shorter stand before this entry, and would end behind it: so they hold it too.
      let common = Math.min(lengthOf(mark), this.#blocks.commonBits(at));
      if (common === length && lengthOf(mark) === length) {
        if (laneOf(mark) === lane) highest = Math.max(highest, levelOf(mark));
        common--;
      }
      length = this.#lengthInUse(Math.min(common, length - 1), lane);
    }
    return highest;
  }

  /** The longest length up to `longest` that prefixes of the lane have; -1 when they are all longer. */
  #lengthInUse(longest: number, lane: number): number {
    const base = lane * (this.#width + 2);
    let length = longest;
    while (length >= 0 && this.#standing[base + length] === 0) length--;
    return length;
  }

  /** Where it is counted how many prefixes stand in the lane. */
  #total(lane: number): number {
    return lane * (this.#width + 2) + this.#width + 1;
  }

  #count(length: number, lane: number, change: 1 | -1): void {
    const at = lane * (this.#width + 2) + length;
    this.#standing[at] = (this.#standing[at] ?? 0) + change;
    const total = this.#total(lane);
    this.#standing[total] = (this.#standing[total] ?? 0) + change;
  }

  #read(prefix: Prefix, words: Uint32Array): void {
    if (this.#family === 4) words[0] = Number(prefix.value);
    else splitWords(prefix.value, words);
  }

  /** Writes the first bits of the prefix that was read, and `host` as all that follow. */
  #mask(words: Uint32Array, length: number, host: number): void {
    for (let word = 0; word < words.length; word++) {
      const kept = Math.min(32, Math.max(0, length - 32 * word));
      const mask = kept === 0 ? 0 : 0xffff_ffff << (32 - kept);
      words[word] = ((this.#prefix[word] ?? 0) & mask) | (host & ~mask);
    }
  }
}
