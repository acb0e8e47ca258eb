import type { Family, Prefix } from './address.ts';
import type { InterfacePattern } from './interface.ts';
import { type Action, type Chain, familyOf, formatSide, type RuleSpec } from './rule.ts';

/** All of a rule but one address. A million rules have a handful of shapes. */
export interface Shape {
  readonly action: Action;
  readonly chain: Chain;
  readonly in: InterfacePattern;
  readonly out: InterfacePattern;
  /** Where the address is; of two it is the source. */
  readonly side: 'source' | 'destination';
  readonly family: Family;
  /** The length of the prefix that the address begins. */
  readonly length: number;
  /** The destination of a rule that has both. */
  readonly other: Prefix | undefined;
}

/** The prefix of a rule whose address isn't in its shape. */
export function varyingPrefix(spec: RuleSpec): Prefix {
  // Parsers let no rule through that has neither, and familyOf says so in words.
  return (spec.source === 'any' ? spec.destination : spec.source) as Prefix;
}

/** The rule of a shape and the prefix that it lacks. */
export function specOf(shape: Shape, prefix: Prefix): RuleSpec {
  const { action, chain } = shape;
  return shape.side === 'source'
    ? { action, chain, in: shape.in, out: shape.out, source: prefix, destination: shape.other ?? 'any' }
    : { action, chain, in: shape.in, out: shape.out, source: 'any', destination: prefix };
}

/** A shape that rules have, and how many. */
export interface ShapeUse {
  readonly id: number;
  readonly shape: Shape;
  readonly uses: number;
}

/** Shapes as plain values. */
export interface ShapesState {
  readonly shapes: readonly (Shape | undefined)[];
  readonly uses: readonly number[];
}

const none = -1;

/** Shapes by small numbers, as long as they are used. The number of a shape that went is given again. */
export class Shapes {
  readonly #shapes: (Shape | undefined)[];
  /** How many rules have the shape of each number. */
  readonly #uses: number[];
  readonly #ids = new Map<string, number>();
  readonly #free: number[] = [];
  /** What was asked last is mostly asked next, and found without making its text. */
  #last = none;

  /** @param state what `state` gave */
  constructor({ shapes, uses }: ShapesState = { shapes: [], uses: [] }) {
    this.#shapes = [...shapes];
    this.#uses = [...uses];
    for (const [id, shape] of shapes.entries()) {
      if (shape === undefined) this.#free.push(id);
      else this.#ids.set(shapeKey(shape), id);
    }
  }

  /** The shape of a number that is in use. */
  at(id: number): Shape {
    const shape = this.#shapes[id];
    if (shape === undefined) throw new Error(`No shape has the number ${id}`);
    return shape;
  }

  /** The number of a rule's shape; -1 when no rule has that. */
  find(spec: RuleSpec): number {
    const last = this.#shapes[this.#last];
    if (last !== undefined && hasShape(spec, last)) return this.#last;
    const id = this.#ids.get(shapeKey(shapeOf(spec))) ?? none;
    if (id !== none) this.#last = id;
    return id;
  }

  /** Counts one more rule of this shape. @returns the number of the shape */
  use(spec: RuleSpec): number {
    let id = this.find(spec);
    if (id === none) id = this.#keep(shapeOf(spec));
    this.#uses[id] = (this.#uses[id] ?? 0) + 1;
    return id;
  }

  /** Counts one rule less. */
  release(id: number): void {
    const uses = (this.#uses[id] ?? 0) - 1;
    this.#uses[id] = uses;
    if (uses > 0) return;
    this.#ids.delete(shapeKey(this.at(id)));
    this.#shapes[id] = undefined;
    this.#free.push(id);
  }

  /** The shapes in use, in the order of their numbers. */
  *inUse(): Generator<ShapeUse> {
    for (const [id, shape] of this.#shapes.entries()) {
      if (shape !== undefined) yield { id, shape, uses: this.#uses[id] ?? 0 };
    }
  }

  state(): ShapesState {
    return { shapes: [...this.#shapes], uses: [...this.#uses] };
  }

  #keep(shape: Shape): number {
    const id = this.#free.pop() ?? this.#shapes.length;
    this.#shapes[id] = shape;
    this.#uses[id] = 0;
    this.#ids.set(shapeKey(shape), id);
    this.#last = id;
    return id;
  }
}

function shapeOf(spec: RuleSpec): Shape {
  const { action, chain, source, destination } = spec;
  return {
    action,
    chain,
    in: spec.in,
    out: spec.out,
    side: source === 'any' ? 'destination' : 'source',
    family: familyOf(spec),
    length: varyingPrefix(spec).length,
    other: source === 'any' || destination === 'any' ? undefined : destination,
  };
}

/** The identity of a shape as text: no interface name has a space. */
function shapeKey({ action, chain, in: into, out, side, family, length, other }: Shape): string {
  return `${action} ${chain} ${into} ${out} ${side} ${family} ${length} ${formatSide(other ?? 'any')}`;
}

/** Whether `shapeOf` the rule is this shape. */
function hasShape(spec: RuleSpec, shape: Shape): boolean {
  if (spec.action !== shape.action || spec.chain !== shape.chain) return false;
  if (spec.in !== shape.in || spec.out !== shape.out) return false;
  const { source, destination } = spec;
  const prefix = source === 'any' ? destination : source;
  if (prefix === 'any' || prefix.family !== shape.family || prefix.length !== shape.length) return false;
  if (source === 'any') return shape.side === 'destination';
  if (shape.side !== 'source') return false;
  if (destination === 'any' || shape.other === undefined) return destination === 'any' && shape.other === undefined;
  return destination.length === shape.other.length && destination.value === shape.other.value;
}
