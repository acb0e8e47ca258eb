import { Column } from '../domain/column.ts';
import { type Action, actions, type Chain, chains, type Rule, type RuleSpec } from '../domain/rule.ts';
import { SpecTable, type SpecTableState } from '../domain/spec-table.ts';
import type { Mutation } from './store/store.ts';
import { Texts, type TextsState } from './texts.ts';

/** A rule set as plain values that the structured clone algorithm takes. */
export interface RuleSetState {
  readonly specs: SpecTableState;
  readonly seqs: Float64Array;
  readonly expiries: Float64Array;
  readonly creations: Float64Array;
  readonly origins: Uint32Array;
  readonly comments: Uint32Array;
  readonly texts: TextsState;
}

/**
 * What rules have by rows: for whoever looks for some among a million, without a look at each as an object. Rows ascend with the
 * place in the order. They hold until the rule set changes.
 */
export interface RuleColumns {
  readonly specs: Pick<
    SpecTable,
    'rows' | 'size' | 'has' | 'spec' | 'shapeOf' | 'shape' | 'shapes' | 'findIn' | 'word'
  >;
  readonly seqs: Float64Array;
  /** Infinity for a rule that never ends. */
  readonly expiries: Float64Array;
  /** By the numbers of `texts`. */
  readonly origins: Uint32Array;
  readonly comments: Uint32Array;
  readonly texts: Pick<Texts, 'find' | 'at' | 'numbers'>;
}

/** How many rules of one action stand in one chain. */
export interface RuleCount {
  readonly chain: Chain;
  readonly action: Action;
  readonly rules: number;
}

/** Rows that may be free, beside as many as are in use, before the table is closed up. */
const looseRows = 10_000;

/** When a rule ends that never does. */
const never = Number.POSITIVE_INFINITY;

/**
 * All rules that stand, each tuple once, in the order in which they were put. They are columns of numbers, since a million
 * of them as objects would take some hundred bytes each; what this gives out are objects made anew.
 */
export class RuleSet {
  readonly #specs: SpecTable;
  /** Ascending with the rows, since every rule gets a higher one than those before. */
  readonly #seqs: Column<Float64Array>;
  readonly #expiries: Column<Float64Array>;
  readonly #creations: Column<Float64Array>;
  readonly #origins: Column<Uint32Array>;
  readonly #comments: Column<Uint32Array>;
  readonly #texts: Texts;

  /** @param rules oldest first */
  constructor(rules: Iterable<Rule> = [], state?: RuleSetState) {
    this.#specs = state ? SpecTable.from(state.specs) : new SpecTable();
    this.#seqs = new Column(state?.seqs ?? new Float64Array());
    this.#expiries = new Column(state?.expiries ?? new Float64Array());
    this.#creations = new Column(state?.creations ?? new Float64Array());
    this.#origins = new Column(state?.origins ?? new Uint32Array());
    this.#comments = new Column(state?.comments ?? new Uint32Array());
    this.#texts = state ? Texts.from(state.texts) : new Texts();
    for (const rule of rules) this.#add(rule);
  }

  /** Takes over what `state` gave. */
  static from(state: RuleSetState): RuleSet {
    return new RuleSet([], state);
  }

  state(): RuleSetState {
    const rows = this.#specs.rows;
    return {
      specs: this.#specs.state(),
      seqs: this.#seqs.state(rows),
      expiries: this.#expiries.state(rows),
      creations: this.#creations.state(rows),
      origins: this.#origins.state(rows),
      comments: this.#comments.state(rows),
      texts: this.#texts.state(),
    };
  }

  get size(): number {
    return this.#specs.size;
  }

  /** How many rules each action has in each chain. */
  counts(): readonly RuleCount[] {
    const counts = new Map<string, number>();
    for (const { shape, uses } of this.#specs.shapes()) {
      const kind = `${shape.chain} ${shape.action}`;
      counts.set(kind, (counts.get(kind) ?? 0) + uses);
    }
    return chains.flatMap((chain) =>
      actions.map((action) => ({ chain, action, rules: counts.get(`${chain} ${action}`) ?? 0 })),
    );
  }

  get(spec: RuleSpec): Rule | undefined {
    const row = this.#specs.find(spec);
    return row < 0 ? undefined : this.rule(row);
  }

  /** The rule with this place in the order. */
  at(seq: number): Rule | undefined {
    const row = this.rowFrom(seq);
    return this.#specs.has(row) && this.#seqs.get(row) === seq ? this.rule(row) : undefined;
  }

  /** The rules by rows. */
  get columns(): RuleColumns {
    return {
      specs: this.#specs,
      seqs: this.#seqs.values,
      expiries: this.#expiries.values,
      origins: this.#origins.values,
      comments: this.#comments.values,
      texts: this.#texts,
    };
  }

  /** Oldest first. Can be gone through several times, while nothing changes. */
  all(): Iterable<Rule> {
    return { [Symbol.iterator]: () => this.#ascending() };
  }

  /** Of one chain or all, newest first, even while rules come and go: those that stand when their turn comes. */
  newestFirst(chain?: Chain): Iterable<Rule> {
    return { [Symbol.iterator]: () => this.#descending(chain) };
  }

  /** Every instant at which a rule ends, in milliseconds since the epoch, and the place of the rule in the order. */
  eachExpiry(visit: (expiresAt: number, seq: number) => void): void {
    for (let row = this.#specs.next(0); row >= 0; row = this.#specs.next(row + 1)) {
      const expiresAt = this.#expiries.get(row);
      if (expiresAt !== never) visit(expiresAt, this.#seqs.get(row));
    }
  }

  /** Takes over what a draft has changed. */
  commit(mutations: readonly Mutation[]): void {
    for (const { kind, rule } of mutations) {
      if (kind === 'delete') this.#remove(rule);
      else if (kind === 'insert') this.#add(rule);
      else this.#update(rule);
    }
    this.#tidy();
  }

  /** Moves every expiry by so many milliseconds. */
  moveExpiries(milliseconds: number): void {
    for (let row = this.#specs.next(0); row >= 0; row = this.#specs.next(row + 1)) {
      // What never ends still doesn't.
      this.#expiries.set(row, this.#expiries.get(row) + milliseconds);
    }
  }

  #add(rule: Rule): void {
    const row = this.#specs.add(rule);
    this.#seqs.set(row, rule.seq);
    this.#expiries.set(row, rule.expiresAt ?? never);
    this.#creations.set(row, rule.createdAt);
    this.#origins.set(row, this.#texts.use(rule.origin));
    this.#comments.set(row, this.#texts.use(rule.comment));
  }

  #update(rule: Rule): void {
    const row = this.#specs.find(rule);
    this.#expiries.set(row, rule.expiresAt ?? never);
    const comment = this.#texts.use(rule.comment);
    this.#texts.release(this.#comments.get(row));
    this.#comments.set(row, comment);
  }

  #remove(spec: RuleSpec): void {
    const row = this.#specs.find(spec);
    this.#texts.release(this.#origins.get(row));
    this.#texts.release(this.#comments.get(row));
    this.#specs.remove(row);
  }

  #tidy(): void {
    if (this.#specs.rows <= 2 * this.#specs.size + looseRows) return;
    const oldRows = this.#specs.compact();
    for (const column of [this.#seqs, this.#expiries, this.#creations, this.#origins, this.#comments]) {
      column.reorder(oldRows);
    }
  }

  /** The rule of a row that holds one. */
  rule(row: number): Rule {
    const expiresAt = this.#expiries.get(row);
    const { action, chain, in: into, out, source, destination } = this.#specs.spec(row);
    // Field by field: a spread takes several times as long, a million times.
    return {
      action,
      chain,
      in: into,
      out,
      source,
      destination,
      seq: this.#seqs.get(row),
      expiresAt: expiresAt === never ? null : expiresAt,
      createdAt: this.#creations.get(row),
      origin: this.#texts.at(this.#origins.get(row)),
      comment: this.#texts.at(this.#comments.get(row)),
    };
  }

  *#ascending(): Generator<Rule> {
    for (let row = this.#specs.next(0); row >= 0; row = this.#specs.next(row + 1)) yield this.rule(row);
  }

  *#descending(chain: Chain | undefined): Generator<Rule> {
    let below = Number.POSITIVE_INFINITY;
    for (;;) {
      // Looked for anew each time: rows move when the table is closed up.
      let row = this.rowFrom(below) - 1;
      while (row >= 0 && !this.#specs.has(row)) row--;
      if (row < 0) return;
      const rule = this.rule(row);
      if (chain === undefined || rule.chain === chain) yield rule;
      below = rule.seq;
    }
  }

  /** The first row whose rule has this place in the order, or a later one; a removed row keeps its place. */
  rowFrom(seq: number): number {
    let low = 0;
    let high = this.#specs.rows;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#seqs.get(middle) < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
