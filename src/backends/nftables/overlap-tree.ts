import { type Family, type Prefix, widthOf } from '../../domain/address.ts';

/** What stands for "no level" in a node. */
const none = -1;

/** No node has this number; the root is 1. */
const absent = 0;
const root = 1;

/**
 * Which levels the prefixes have that overlap a given one: a path-compressed binary tree over the bits of addresses, in
 * typed arrays, since a million hosts are two million nodes. Prefixes stand in lanes (actions, say), and each node knows
 * for each lane the highest level below it, so that a question costs as many steps as the prefix has bits at most.
 *
 * One prefix may be added to one lane several times, with one level or several.
 */
export class OverlapTree {
  readonly #lanes: number;
  /** 32-bit words of an address. */
  readonly #words: number;
  readonly #width: number;
  #capacity = 1024;
  #used = root;
  /** Words of the prefix of each node, most significant first. */
  #keys: Uint32Array<ArrayBuffer>;
  #lengths = new Uint8Array(this.#capacity);
  /** Two for each node: where the next bit is 0, and where it is 1. A free node's first names the next free one. */
  #children = new Int32Array(2 * this.#capacity);
  /** For each node and lane, the highest level that stands there. */
  #own: Int16Array<ArrayBuffer>;
  /** For each node and lane, the highest level that stands there or below. */
  #below: Int16Array<ArrayBuffer>;
  /** The other levels, where more than one stands at a node in a lane. */
  readonly #more = new Map<number, number[]>();
  #free = absent;
  readonly #wanted: Uint32Array;

  constructor(family: Family, lanes: number) {
    this.#lanes = lanes;
    this.#width = widthOf(family);
    this.#words = this.#width / 32;
    this.#keys = new Uint32Array(this.#words * this.#capacity);
    this.#own = new Int16Array(lanes * this.#capacity).fill(none);
    this.#below = new Int16Array(lanes * this.#capacity).fill(none);
    this.#wanted = new Uint32Array(this.#words);
  }

  /** The highest level in the lane among the prefixes that overlap this one; -1 when none does. */
  highest(prefix: Prefix, lane: number): number {
    this.#read(prefix);
    let highest = none;
    let node = root;
    for (;;) {
      if (this.#lengthOf(node) >= prefix.length) return Math.max(highest, this.#belowAt(node, lane));
      highest = Math.max(highest, this.#ownAt(node, lane));
      const child = this.#childFor(node);
      if (child === absent) return highest;
      const common = this.#commonLength(child, Math.min(this.#lengthOf(child), prefix.length));
      // The child branches off before the prefix ends: nothing under it overlaps.
      if (common < this.#lengthOf(child) && common < prefix.length) return highest;
      node = child;
    }
  }

  /** Adds a prefix to the lane. Levels are 0 to 32,767. */
  add(prefix: Prefix, lane: number, level: number): void {
    this.#read(prefix);
    const path = this.#descend(prefix.length, true);
    const node = path.at(-1) ?? root;
    const at = node * this.#lanes + lane;
    const own = this.#ownAt(node, lane);
    if (own === none) {
      this.#own[at] = level;
    } else {
      const others = this.#more.get(at) ?? [];
      others.push(Math.min(own, level));
      this.#more.set(at, others);
      this.#own[at] = Math.max(own, level);
    }
    this.#settle(path, lane);
  }

  /** Takes out what was added with the same arguments. */
  remove(prefix: Prefix, lane: number, level: number): void {
    this.#read(prefix);
    const path = this.#descend(prefix.length, false);
    const node = path.at(-1) ?? root;
    if (this.#lengthOf(node) !== prefix.length) return;
    this.#takeOwn(node * this.#lanes + lane, level);
    this.#settle(path, lane);
    this.#prune(path);
  }

  #takeOwn(at: number, level: number): void {
    const others = this.#more.get(at) ?? [];
    const index = others.indexOf(level);
    if (index >= 0) others.splice(index, 1);
    else if (this.#own[at] === level) this.#own[at] = others.length === 0 ? none : takeHighest(others);
    if (others.length === 0) this.#more.delete(at);
  }

  /** The nodes from the root to the one of the wanted prefix; without `create`, to the last one on its way. */
  #descend(length: number, create: boolean): number[] {
    const path = [root];
    let node = root;
    while (this.#lengthOf(node) < length) {
      const child = this.#childFor(node);
      if (child === absent) {
        if (!create) return path;
        node = this.#attach(node, this.#make(length));
      } else {
        const common = this.#commonLength(child, Math.min(this.#lengthOf(child), length));
        if (common < this.#lengthOf(child)) {
          if (!create) return path;
          node = this.#split(node, child, common);
        } else {
          node = child;
        }
      }
      path.push(node);
    }
    return path;
  }

  /** Puts a node of the first `length` wanted bits between a node and its child. */
  #split(parent: number, child: number, length: number): number {
    const node = this.#make(length);
    this.#setChild(node, this.#keyBit(child, length), child);
    for (let lane = 0; lane < this.#lanes; lane++) {
      this.#below[node * this.#lanes + lane] = this.#belowAt(child, lane);
    }
    return this.#attach(parent, node);
  }

  #attach(parent: number, node: number): number {
    this.#setChild(parent, this.#wantedBit(this.#lengthOf(parent)), node);
    return node;
  }

  /** Works out anew what stands below, from the end of the path up. */
  #settle(path: readonly number[], lane: number): void {
    for (let index = path.length - 1; index >= 0; index--) {
      const node = path[index] ?? root;
      let highest = this.#ownAt(node, lane);
      for (const bit of [0, 1]) {
        const child = this.#children[2 * node + bit] ?? absent;
        if (child !== absent) highest = Math.max(highest, this.#belowAt(child, lane));
      }
      this.#below[node * this.#lanes + lane] = highest;
    }
  }

  /** Takes out nodes at the end of the path that hold nothing and don't branch. */
  #prune(path: readonly number[]): void {
    for (let index = path.length - 1; index > 0; index--) {
      const node = path[index] ?? root;
      const left = this.#children[2 * node] ?? absent;
      const right = this.#children[2 * node + 1] ?? absent;
      if (this.#holdsAny(node) || (left !== absent && right !== absent)) return;
      const parent = path[index - 1] ?? root;
      this.#setChild(parent, this.#children[2 * parent] === node ? 0 : 1, left === absent ? right : left);
      this.#release(node);
    }
  }

  #holdsAny(node: number): boolean {
    for (let lane = 0; lane < this.#lanes; lane++) if (this.#ownAt(node, lane) !== none) return true;
    return false;
  }

  #make(length: number): number {
    const node = this.#allocate();
    for (let word = 0; word < this.#words; word++) {
      const kept = Math.min(32, Math.max(0, length - 32 * word));
      const mask = kept === 0 ? 0 : (0xffff_ffff << (32 - kept)) >>> 0;
      this.#keys[node * this.#words + word] = (this.#wanted[word] ?? 0) & mask;
    }
    this.#lengths[node] = length;
    return node;
  }

  #allocate(): number {
    if (this.#free !== absent) {
      const node = this.#free;
      this.#free = this.#children[2 * node] ?? absent;
      this.#children[2 * node] = absent;
      return node;
    }
    if (++this.#used >= this.#capacity) this.#grow();
    return this.#used;
  }

  #release(node: number): void {
    this.#children[2 * node] = this.#free;
    this.#children[2 * node + 1] = absent;
    this.#below.fill(none, node * this.#lanes, (node + 1) * this.#lanes);
    this.#free = node;
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#keys = enlarged(this.#keys, new Uint32Array(this.#words * this.#capacity));
    this.#lengths = enlarged(this.#lengths, new Uint8Array(this.#capacity));
    this.#children = enlarged(this.#children, new Int32Array(2 * this.#capacity));
    this.#own = enlarged(this.#own, new Int16Array(this.#lanes * this.#capacity).fill(none));
    this.#below = enlarged(this.#below, new Int16Array(this.#lanes * this.#capacity).fill(none));
  }

  /** Takes the words of the prefix that all else is about. */
  #read(prefix: Prefix): void {
    for (let word = 0; word < this.#words; word++) {
      this.#wanted[word] = Number((prefix.value >> BigInt(this.#width - 32 * (word + 1))) & 0xffff_ffffn);
    }
  }

  #lengthOf(node: number): number {
    return this.#lengths[node] ?? 0;
  }

  #ownAt(node: number, lane: number): number {
    return this.#own[node * this.#lanes + lane] ?? none;
  }

  #belowAt(node: number, lane: number): number {
    return this.#below[node * this.#lanes + lane] ?? none;
  }

  #setChild(node: number, bit: number, child: number): void {
    this.#children[2 * node + bit] = child;
  }

  /** The child in whose direction the wanted prefix goes on. */
  #childFor(node: number): number {
    return this.#children[2 * node + this.#wantedBit(this.#lengthOf(node))] ?? absent;
  }

  #wantedBit(position: number): number {
    return ((this.#wanted[position >>> 5] ?? 0) >>> (31 - (position & 31))) & 1;
  }

  #keyBit(node: number, position: number): number {
    return ((this.#keys[node * this.#words + (position >>> 5)] ?? 0) >>> (31 - (position & 31))) & 1;
  }

  /** How many leading bits the node's prefix and the wanted one share, up to `most`. */
  #commonLength(node: number, most: number): number {
    for (let word = 0; word < this.#words && 32 * word < most; word++) {
      const differing = (this.#keys[node * this.#words + word] ?? 0) ^ (this.#wanted[word] ?? 0);
      if (differing !== 0) return Math.min(most, 32 * word + Math.clz32(differing));
    }
    return most;
  }
}

/** Takes the highest number out. The array must not be empty. */
function takeHighest(numbers: number[]): number {
  const highest = Math.max(...numbers);
  numbers.splice(numbers.indexOf(highest), 1);
  return highest;
}

function enlarged<T extends { set(source: T): void }>(small: T, large: T): T {
  large.set(small);
  return large;
}
