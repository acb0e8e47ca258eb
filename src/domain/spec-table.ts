import { type Family, type Prefix, prefixOf } from './address.ts';
import { AddressPool, type AddressPoolState } from './address-pool.ts';
import { enlarged, grownFor } from './column.ts';
import { hashOfWords, mixed } from './hash.ts';
import { type RuleSpec, ruleKey } from './rule.ts';
import { type Shape, Shapes, type ShapesState, type ShapeUse, specOf, varyingPrefix } from './shape.ts';
import { ipv6Words, joinWords, splitWords } from './words.ts';

/** A SpecTable as plain values that the structured clone algorithm and v8.serialize take. */
export interface SpecTableState {
  readonly cells: Uint32Array;
  readonly slots: Uint32Array;
  readonly rows: number;
  readonly size: number;
  readonly seed: number;
  readonly shapes: ShapesState;
  readonly pool: AddressPoolState;
}

/** No row. */
const none = -1;

/** Where the number of a row's shape would be: the row was removed. */
const removed = 0xffff_ffff;

const fewestSlots = 64;

/** The part of a slot that is a row: 134 million are more memory than a machine would give for rules. */
const rowBits = 0x07ff_ffff;

/**
 * Rules as rows of numbers: a million take some 20 MB instead of hundreds. Rows are given in ascending order and none is
 * given again before `compact`, so their order is the order in which the rules were added.
 */
export class SpecTable {
  /** Two words for each row: the number of its shape, and its address, which for IPv6 is a number of the pool. */
  #cells: Uint32Array;
  /**
   * Rows by the hash of shape and address, open addressing with linear probing: 1 + the row, 0 is empty. The
   * upper bits are those of the hash, so that hardly a row is looked at that isn't the one.
   */
  #slots: Uint32Array;
  #rows: number;
  #size: number;
  /** Part of every hash, so that nobody can choose addresses that all fall into one place. */
  readonly #seed: number;
  readonly #shapes: Shapes;
  #pool: AddressPool;
  /** The words of the IPv6 address that is looked for. */
  readonly #wanted = new Uint32Array(ipv6Words);

  constructor(state: SpecTableState = nothing()) {
    this.#cells = state.cells;
    this.#slots = state.slots;
    this.#rows = state.rows;
    this.#size = state.size;
    this.#seed = state.seed;
    this.#shapes = new Shapes(state.shapes);
    this.#pool = new AddressPool(state.pool);
  }

  /** Takes over what `state` gave, without a look at the rows. */
  static from(state: SpecTableState): SpecTable {
    return new SpecTable(state);
  }

  /** How many rules there are. */
  get size(): number {
    return this.#size;
  }

  /** How many rows were given since the last `compact`: all that live are less than this. */
  get rows(): number {
    return this.#rows;
  }

  /** The row of a rule; -1 when it isn't there. */
  find(spec: RuleSpec): number {
    const shape = this.#shapes.find(spec);
    return shape === none ? none : this.findIn(shape, varyingPrefix(spec));
  }

  /** The row of the rule that has the shape of this number, and this prefix; -1 when it isn't there. */
  findIn(shape: number, prefix: Prefix): number {
    const slot = this.#slotOf(shape, prefix);
    return slot < 0 ? none : ((this.#slots[slot] ?? 0) & rowBits) - 1;
  }

  /** Adds a rule that isn't there. @returns its row @throws Error when it is, or no row is left */
  add(spec: RuleSpec): number {
    const row = this.tryAdd(spec);
    if (row === none) throw new Error(`The rule is there already: ${ruleKey(spec)}`);
    return row;
  }

  /** Adds a rule unless it is there. @returns its row; -1 when it is there already @throws Error when no row is left */
  tryAdd(spec: RuleSpec): number {
    if (this.#rows === rowBits) throw new Error('No row is left: compact the table');
    // Five eighths full at most: beyond that linear probing gets slow.
    if (8 * (this.#size + 1) > 5 * this.#slots.length) this.#rehash(2 * this.#slots.length);
    const prefix = varyingPrefix(spec);
    const shape = this.#shapes.use(spec);
    const slot = this.#slotOf(shape, prefix);
    if (slot >= 0) {
      this.#shapes.release(shape);
      return none;
    }
    const row = this.#rows++;
    if (2 * row === this.#cells.length) this.#cells = enlarged(this.#cells, 2 * grownFor(row + 1, row));
    this.#cells[2 * row] = shape;
    this.#cells[2 * row + 1] = prefix.family === 4 ? Number(prefix.value) : this.#pool.add(this.#wanted, 0);
    this.#slots[~slot] = entryOf(this.#hashOf(row), row);
    this.#size++;
    return row;
  }

  /** Takes out the rule of a row. @throws Error when there is none */
  remove(row: number): void {
    if (!this.has(row)) throw new Error(`No rule is in row ${row}`);
    this.#vacate(row);
    const shape = this.shapeOf(row);
    if (this.shape(shape).family === 6) this.#pool.remove(this.#addressOf(row));
    this.#shapes.release(shape);
    this.#cells[2 * row] = removed;
    this.#size--;
  }

  /** Whether a rule is in the row. */
  has(row: number): boolean {
    return row < this.#rows && this.#cells[2 * row] !== removed;
  }

  /** The first row from this one on that holds a rule; -1 at the end. */
  next(row: number): number {
    for (let next = row; next < this.#rows; next++) if (this.#cells[2 * next] !== removed) return next;
    return none;
  }

  /** The rule of a row that holds one. Made anew. */
  spec(row: number): RuleSpec {
    const shape = this.shape(this.shapeOf(row));
    const address = this.#addressOf(row);
    const value = shape.family === 4 ? BigInt(address) : joinWords(this.#pool.words, ipv6Words * address);
    return specOf(shape, prefixOf({ family: shape.family, value }, shape.length));
  }

  /** The number of the shape that the rule of a row has. When no rule has it any more, the number may become that of another. */
  shapeOf(row: number): number {
    return this.#cells[2 * row] ?? removed;
  }

  /** The shape of a number that a rule has. */
  shape(id: number): Shape {
    return this.#shapes.at(id);
  }

  /** The shapes that rules have. */
  shapes(): Iterable<ShapeUse> {
    return this.#shapes.inUse();
  }

  /** A word of the address that the rule of a row varies by, of which the caller knows the family: for IPv4 only 0, else 0 to 3. */
  word(row: number, index: number, family: Family): number {
    const address = this.#addressOf(row);
    return family === 4 ? address : (this.#pool.words[ipv6Words * address + index] ?? 0);
  }

  /** Closes the gaps that removed rules left, and gives back their memory. @returns for each new row the old one */
  compact(): Uint32Array {
    const oldRows = new Uint32Array(this.#size);
    const cells = new Uint32Array(2 * this.#size);
    const pool = new AddressPool();
    let row = 0;
    for (let old = this.next(0); old !== none; old = this.next(old + 1)) {
      const shape = this.shapeOf(old);
      const address = this.#addressOf(old);
      oldRows[row] = old;
      cells[2 * row] = shape;
      const isIPv6 = this.shape(shape).family === 6;
      cells[2 * row + 1] = isIPv6 ? pool.add(this.#pool.words, ipv6Words * address) : address;
      row++;
    }
    this.#cells = cells;
    this.#pool = pool;
    this.#rows = row;
    let slots = fewestSlots;
    while (8 * row > 5 * slots) slots *= 2;
    this.#rehash(slots);
    return oldRows;
  }

  /** A copy of everything, for `from`. */
  state(): SpecTableState {
    return {
      cells: this.#cells.slice(0, 2 * this.#rows),
      slots: this.#slots.slice(),
      rows: this.#rows,
      size: this.#size,
      seed: this.#seed,
      shapes: this.#shapes.state(),
      pool: this.#pool.state(),
    };
  }

  #addressOf(row: number): number {
    return this.#cells[2 * row + 1] ?? 0;
  }

  /** The slot where the rule of this shape and prefix is, or when it isn't there, the complement of where it would be. */
  #slotOf(shape: number, prefix: Prefix): number {
    return prefix.family === 4 ? this.#slotOfIPv4(shape, Number(prefix.value)) : this.#slotOfIPv6(shape, prefix.value);
  }

  #slotOfIPv4(shape: number, address: number): number {
    const slots = this.#slots;
    const cells = this.#cells;
    const mask = slots.length - 1;
    const hash = mixed(this.#hashOfShape(shape) ^ address);
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot] ?? 0;
      if (entry === 0) return ~slot;
      if (((entry ^ hash) & ~rowBits) !== 0) continue;
      const at = 2 * ((entry & rowBits) - 1);
      if (cells[at + 1] === address && cells[at] === shape) return slot;
    }
  }

  #slotOfIPv6(shape: number, value: bigint): number {
    splitWords(value, this.#wanted);
    const mask = this.#slots.length - 1;
    const hash = hashOfWords(this.#hashOfShape(shape), this.#wanted, 0);
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#slots[slot] ?? 0;
      if (entry === 0) return ~slot;
      if (((entry ^ hash) & ~rowBits) !== 0) continue;
      const row = (entry & rowBits) - 1;
      if (this.#cells[2 * row] === shape && this.#isWanted(this.#addressOf(row))) return slot;
    }
  }

  #isWanted(address: number): boolean {
    const words = this.#pool.words;
    for (let word = 0; word < ipv6Words; word++) {
      if (words[ipv6Words * address + word] !== this.#wanted[word]) return false;
    }
    return true;
  }

  #hashOf(row: number): number {
    const shape = this.shapeOf(row);
    const address = this.#addressOf(row);
    if (this.shape(shape).family === 4) return mixed(this.#hashOfShape(shape) ^ address);
    return hashOfWords(this.#hashOfShape(shape), this.#pool.words, ipv6Words * address);
  }

  #hashOfShape(shape: number): number {
    return this.#seed ^ Math.imul(shape, 0x9e37_79b1);
  }

  /** Empties the slot of a row and moves up those behind it that stand there because theirs was taken. */
  #vacate(row: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const hash = this.#hashOf(row);
    const wanted = entryOf(hash, row);
    let gap = hash & mask;
    while (slots[gap] !== wanted) gap = (gap + 1) & mask;
    for (let next = (gap + 1) & mask; slots[next] !== 0; next = (next + 1) & mask) {
      const entry = slots[next] ?? 0;
      const home = this.#hashOf((entry & rowBits) - 1) & mask;
      if (((next - home) & mask) < ((next - gap) & mask)) continue;
      slots[gap] = entry;
      gap = next;
    }
    slots[gap] = 0;
  }

  #rehash(length: number): void {
    const slots = new Uint32Array(length);
    const mask = length - 1;
    const cells = this.#cells;
    let last = removed;
    let isIPv4 = false;
    for (let row = 0; row < this.#rows; row++) {
      const shape = cells[2 * row] ?? removed;
      if (shape === removed) continue;
      // Neighbours mostly have one shape, and then this loop touches nothing but rows and slots.
      if (shape !== last) isIPv4 = this.shape(shape).family === 4;
      last = shape;
      const hash = isIPv4 ? mixed(this.#hashOfShape(shape) ^ (cells[2 * row + 1] ?? 0)) : this.#hashOf(row);
      let slot = hash & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = entryOf(hash, row);
    }
    this.#slots = slots;
  }
}

function nothing(): SpecTableState {
  return {
    cells: new Uint32Array(),
    slots: new Uint32Array(fewestSlots),
    rows: 0,
    size: 0,
    seed: Math.floor(Math.random() * 2 ** 32),
    shapes: new Shapes().state(),
    pool: new AddressPool().state(),
  };
}

/** What stands in the slot of a row. */
function entryOf(hash: number, row: number): number {
  return ((hash & ~rowBits) | (row + 1)) >>> 0;
}
