import { Column } from '../../domain/column.ts';
import { RfwError } from '../../domain/errors.ts';
import { type RuleSpec, ruleKey } from '../../domain/rule.ts';
import type { Shape } from '../../domain/shape.ts';
import { SpecTable, type SpecTableState } from '../../domain/spec-table.ts';
import { ListSets, type ListSetsState } from './list-sets.ts';
import { type Pair, PairChains, type PairChainsState } from './pairs.ts';
import { type ScopedSet, ScopedSets, type ScopedSetsState, scopeOfShape } from './scoped-sets.ts';
import { type Placed, Strata, type StrataState, TooDeep } from './strata.ts';

/** Where a rule is in the kernel: an element of a set, or a rule of its own. */
export type Home = ScopedSet | Pair;

export function isPair(home: Home): home is Pair {
  return 'handles' in home;
}

/** A rule that was taken out, so that it can be put back. */
export interface Taken {
  readonly spec: RuleSpec;
  readonly home: Home;
  readonly order: number;
  readonly counts: boolean;
}

export interface MirrorState {
  readonly specs: SpecTableState;
  readonly levels: Uint32Array;
  readonly orders: Float64Array;
  readonly lastOrder: number;
  readonly counting: number;
  readonly strata: StrataState;
  readonly sets: ScopedSetsState;
  readonly pairs: PairChainsState;
  readonly lists: ListSetsState;
}

/** In a level, beside the stratum: the rule counts what it meets. Strata are 15 bits. */
const countsBit = 0x8000;

/** Rows that may be free, beside as many as are in use, before the table is closed up. */
const looseRows = 10_000;

/**
 * What the kernel holds, as this process put it there: each rule, its stratum, the sets that makes, and those of lists. It is
 * kept since a set of a million elements can't be read back.
 */
export class Mirror {
  readonly #specs: SpecTable;
  /** The stratum of each row, and whether its rule counts: see `countsBit`. */
  readonly #levels: Column<Uint32Array>;
  /** When the rule of each row was put, counted: rows follow it but for those that were put back. */
  readonly #orders: Column<Float64Array>;
  #lastOrder: number;
  #counting: number;
  readonly #strata: Strata;
  readonly sets: ScopedSets;
  readonly pairs: PairChains;
  readonly lists: ListSets;
  /** The row whose rule has no stratum yet. */
  #placing = -1;
  /** The sets of a shape by stratum: shapes are few, and their text is slow to make. */
  #setsOf = new WeakMap<Shape, Map<number, ScopedSet>>();

  private constructor(lastNumber: number, state?: MirrorState) {
    this.#specs = state ? SpecTable.from(state.specs) : new SpecTable();
    this.#levels = new Column(state?.levels ?? new Uint32Array());
    this.#orders = new Column(state?.orders ?? new Float64Array());
    this.#lastOrder = state?.lastOrder ?? 0;
    this.#counting = state?.counting ?? 0;
    const standing = (): Iterable<Placed> => this.#placed();
    this.#strata = state ? Strata.from(state.strata, standing) : new Strata(standing);
    this.sets = state ? ScopedSets.from(state.sets) : new ScopedSets(lastNumber);
    this.pairs = state ? PairChains.from(state.pairs) : new PairChains(lastNumber);
    this.lists = state ? ListSets.from(state.lists) : new ListSets(lastNumber);
  }

  /** @param lastNumber the highest number of a set or chain that the kernel may hold already: new ones have higher ones */
  static empty(lastNumber = 0): Mirror {
    return new Mirror(lastNumber);
  }

  /** Takes over what `state` gave. */
  static from(state: MirrorState): Mirror {
    return new Mirror(0, state);
  }

  state(): MirrorState {
    const rows = this.#specs.rows;
    return {
      specs: this.#specs.state(),
      levels: this.#levels.state(rows),
      orders: this.#orders.state(rows),
      lastOrder: this.#lastOrder,
      counting: this.#counting,
      strata: this.#strata.state(),
      sets: this.sets.state(),
      pairs: this.pairs.state(),
      lists: this.lists.state(),
    };
  }

  /** How many rules there are. */
  get size(): number {
    return this.#specs.size;
  }

  /** How many rules count what they meet. */
  get counting(): number {
    return this.#counting;
  }

  /** Whether the rule, which must be there, counts what it meets. */
  counts(spec: RuleSpec): boolean {
    return (this.#levels.get(this.#rowOf(spec)) & countsBit) !== 0;
  }

  /** The highest number of a set or chain so far. */
  get lastNumber(): number {
    return Math.max(this.sets.lastNumber, this.pairs.lastNumber);
  }

  has(spec: RuleSpec): boolean {
    return this.#specs.find(spec) >= 0;
  }

  /** When the rule was put, among the others; -1 when there is no such rule. */
  orderOf(spec: RuleSpec): number {
    const row = this.#specs.find(spec);
    return row < 0 ? -1 : this.#orders.get(row);
  }

  /** Where the rule is. @throws RfwError `kernel-refused` when it isn't there */
  homeOf(spec: RuleSpec): Home {
    return this.#homeAt(this.#rowOf(spec));
  }

  /** All rules, in no particular order. */
  *specs(): Generator<RuleSpec> {
    for (let row = this.#specs.next(0); row >= 0; row = this.#specs.next(row + 1)) yield this.#specs.spec(row);
  }

  /** Prepares for rules that are to be put, with turns of the event loop where that takes long. Nothing may change meanwhile. */
  prepare(rules: Iterable<RuleSpec>): Promise<void> {
    return this.#strata.prepare(rules, () => new Promise((resolve) => setImmediate(resolve)));
  }

  *#placed(): Generator<Placed> {
    for (let row = this.#specs.next(0); row >= 0; row = this.#specs.next(row + 1)) {
      if (row !== this.#placing) yield { spec: this.#specs.spec(row), stratum: this.#levelOf(row) };
    }
  }

  /** Puts a rule above all others. @throws RfwError `kernel-refused` when it is there, `unsupported` */
  put(spec: RuleSpec, counts: boolean): Home {
    const row = this.#specs.tryAdd(spec);
    if (row < 0) throw new RfwError('kernel-refused', `Rule exists: ${ruleKey(spec)}`);
    let stratum: number;
    try {
      this.#placing = row;
      stratum = this.#place(spec);
    } catch (error) {
      this.#specs.remove(row);
      throw error;
    } finally {
      this.#placing = -1;
    }
    this.#enter(row, stratum, counts);
    this.#orders.set(row, ++this.#lastOrder);
    const shape = this.#specs.shape(this.#specs.shapeOf(row));
    if (shape.other !== undefined) return this.pairs.add(spec, stratum);
    const set = this.#setAt(shape, stratum);
    set.count++;
    return set;
  }

  /** Takes a rule out. @throws RfwError `kernel-refused` when it isn't there */
  take(spec: RuleSpec): Taken {
    const row = this.#rowOf(spec);
    const home = this.#homeAt(row);
    const order = this.#orders.get(row);
    const counts = (this.#levels.get(row) & countsBit) !== 0;
    this.#strata.remove(spec, this.#levelOf(row));
    if (counts) this.#counting--;
    if (isPair(home)) home.chain.pairs.delete(ruleKey(spec));
    else home.count--;
    this.#specs.remove(row);
    return { spec, home, order, counts };
  }

  /** Puts back what was taken out, where it was. */
  untake({ spec, home, order, counts }: Taken): void {
    const stratum = stratumOf(home);
    this.#strata.putBack(spec, stratum);
    const row = this.#specs.add(spec);
    this.#enter(row, stratum, counts);
    this.#orders.set(row, order);
    if (isPair(home)) home.chain.pairs.set(ruleKey(spec), home);
    else home.count++;
  }

  /** Lets go of sets and chains that hold nothing, once they are out of the kernel, and of rows that are free. */
  tidy(): void {
    this.sets.prune();
    this.pairs.prune();
    this.#setsOf = new WeakMap();
    if (this.#specs.rows <= 2 * this.#specs.size + looseRows) return;
    const oldRows = this.#specs.compact();
    this.#levels.reorder(oldRows);
    this.#orders.reorder(oldRows);
  }

  #levelOf(row: number): number {
    return this.#levels.get(row) & ~countsBit;
  }

  #enter(row: number, stratum: number, counts: boolean): void {
    this.#levels.set(row, counts ? stratum | countsBit : stratum);
    if (counts) this.#counting++;
  }

  #rowOf(spec: RuleSpec): number {
    const row = this.#specs.find(spec);
    if (row < 0) throw new RfwError('kernel-refused', `No such rule: ${ruleKey(spec)}`);
    return row;
  }

  #homeAt(row: number): Home {
    const shape = this.#specs.shape(this.#specs.shapeOf(row));
    const stratum = this.#levelOf(row);
    return shape.other === undefined ? this.#setAt(shape, stratum) : this.pairs.get(this.#specs.spec(row), stratum);
  }

  #setAt(shape: Shape, stratum: number): ScopedSet {
    let sets = this.#setsOf.get(shape);
    if (sets === undefined) {
      sets = new Map();
      this.#setsOf.set(shape, sets);
    }
    const known = sets.get(stratum);
    if (known !== undefined) return known;
    const set = this.sets.at(scopeOfShape(shape), stratum);
    sets.set(stratum, set);
    return set;
  }

  /** The stratum of a new rule. Where the numbers have run out, since rules came and went, all get new ones. */
  #place(spec: RuleSpec): number {
    try {
      return this.#strata.place(spec);
    } catch (error) {
      if (!(error instanceof TooDeep)) throw error;
      this.#relabel();
      return this.#strata.place(spec);
    }
  }

  /** Numbers the strata in use densely, from 0. Their order stays, and so nothing changes for the kernel. */
  #relabel(): void {
    const used = new Set<number>();
    for (const set of this.sets.all()) used.add(set.stratum);
    for (const chain of this.pairs.all()) used.add(chain.stratum);
    const inUse = [...used].sort((a, b) => a - b);
    const dense = new Map(inUse.map((stratum, index) => [stratum, index]));
    const to = (stratum: number): number => dense.get(stratum) ?? 0;
    this.#strata.relabel(inUse);
    this.sets.relabel(to);
    this.pairs.relabel(to);
    this.#setsOf = new WeakMap();
    for (let row = this.#specs.next(0); row >= 0; row = this.#specs.next(row + 1)) {
      const level = this.#levels.get(row);
      this.#levels.set(row, to(level & ~countsBit) | (level & countsBit));
    }
  }
}

function stratumOf(home: Home): number {
  return isPair(home) ? home.chain.stratum : home.stratum;
}
