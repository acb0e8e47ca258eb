import { type Family, isHost, type Prefix, prefixOf } from '../../domain/address.ts';
import { RfwError } from '../../domain/errors.ts';
import type { InterfacePattern } from '../../domain/interface.ts';
import { type Action, actions, type Chain, chains, familyOf, type RuleSpec } from '../../domain/rule.ts';
import { OverlapTree, type OverlapTreeState } from './overlap-tree.ts';

/** The address of a packet that a rule looks at. */
export type Side = 'source' | 'destination';

/** What rules have in common that can stand in one set: all but their address and their stratum. */
export interface Scope {
  readonly chain: Chain;
  readonly action: Action;
  readonly in: InterfacePattern;
  readonly out: InterfacePattern;
  readonly family: Family;
  readonly side: Side;
  /** Hosts go into hash sets, networks into interval sets. */
  readonly kind: 'host' | 'network';
}

/** The scope of a rule, and its address; undefined for one that fits no set, because it looks at two addresses. */
export function scopeOf(spec: RuleSpec): { scope: Scope; prefix: Prefix } | undefined {
  const { action, chain, source, destination } = spec;
  if (source !== 'any' && destination !== 'any') return undefined;
  const side = source === 'any' ? 'destination' : 'source';
  const prefix = source === 'any' ? destination : source;
  if (prefix === 'any') return undefined;
  const kind = isHost(prefix) ? 'host' : 'network';
  return { scope: { chain, action, in: spec.in, out: spec.out, family: prefix.family, side, kind }, prefix };
}

/** The identity of a scope as text. */
export function scopeKey(scope: Scope): string {
  return `${scope.chain} ${scope.action} ${scope.in} ${scope.out} ip${scope.family} ${scope.side} ${scope.kind}`;
}

/** The highest stratum: levels of the trees are 16 bits. */
const highestStratum = 32_000;

/**
 * A rule would stand above the highest stratum. Mostly that is because rules came and went; then it has room after a
 * `relabel`. Otherwise so many rules really are stacked, and this is what to tell who asked.
 */
export class TooDeep extends RfwError {
  constructor() {
    super('unsupported', `More than ${highestStratum} rules are stacked on each other here: delete some of them`);
  }
}

/** Strata as plain values that the structured clone algorithm and v8.serialize take. */
export interface StrataState {
  readonly conflicts: readonly (OverlapTreeState | undefined)[];
  readonly networks: readonly (readonly [scope: string, tree: OverlapTreeState])[];
}

/**
 * Gives every rule its stratum. Sets have no order and rules do; but order matters only between rules that overlap and
 * differ in action. A rule stands one stratum above the highest of the older rules that it conflicts with, or
 * in stratum 0. Higher strata are evaluated first, and inside a stratum no two rules conflict.
 *
 * Overlap is looked for on the side that a chain filters by, in forward on the source, and whatever the interfaces: a rule
 * that is thought to overlap and doesn't merely stands higher than it had to. Networks also stand above
 * those of their own scope that they overlap, since the elements of an interval set may not.
 */
export class Strata {
  /** For each chain and family, rules by action. */
  readonly #conflicts: (OverlapTree | undefined)[];
  /** For each scope of networks, those. */
  readonly #networks: Map<string, OverlapTree>;

  constructor(state: StrataState = { conflicts: [], networks: [] }) {
    this.#conflicts = state.conflicts.map((tree) => tree && OverlapTree.from(tree));
    this.#networks = new Map(state.networks.map(([scope, tree]) => [scope, OverlapTree.from(tree)]));
  }

  /** Takes over what `state` gave, without a look at the rules. */
  static from(state: StrataState): Strata {
    return new Strata(state);
  }

  /** Places a rule that is newer than all others. @returns its stratum @throws TooDeep and places nothing */
  place(spec: RuleSpec): number {
    const primary = primaryPrefix(spec);
    const conflicts = this.#conflictsOf(spec.chain, primary.family);
    let stratum = 0;
    for (let lane = 0; lane < actions.length; lane++) {
      if (actions[lane] !== spec.action) stratum = Math.max(stratum, 1 + conflicts.highest(primary, lane));
    }
    const network = networkOf(spec);
    if (network) stratum = Math.max(stratum, 1 + this.#networksOf(network.scope).highest(network.prefix, 0));
    if (stratum > highestStratum) throw new TooDeep();
    this.putBack(spec, stratum);
    return stratum;
  }

  /** Puts a rule into the stratum where it was before it was removed. */
  putBack(spec: RuleSpec, stratum: number): void {
    const primary = primaryPrefix(spec);
    this.#conflictsOf(spec.chain, primary.family).add(primary, actions.indexOf(spec.action), stratum);
    const network = networkOf(spec);
    if (network) this.#networksOf(network.scope).add(network.prefix, 0, stratum);
  }

  /** Takes a rule out. @param stratum what `place` returned for it, or what `relabel` made of that */
  remove(spec: RuleSpec, stratum: number): void {
    const primary = primaryPrefix(spec);
    this.#conflictsOf(spec.chain, primary.family).remove(primary, actions.indexOf(spec.action), stratum);
    const network = networkOf(spec);
    if (network) this.#networksOf(network.scope).remove(network.prefix, 0, stratum);
  }

  /**
   * Renumbers the strata so that none is left empty: the order of rules stays.
   * @param inUse all strata that hold a rule, ascending; each becomes its place in this list, from 0
   */
  relabel(inUse: readonly number[]): void {
    const places = new Int16Array(highestStratum + 1);
    for (const [place, stratum] of inUse.entries()) places[stratum] = place;
    const to = (stratum: number): number => places[stratum] ?? 0;
    for (const tree of this.#conflicts) tree?.relabel(to);
    for (const tree of this.#networks.values()) tree.relabel(to);
  }

  /** A copy of everything, for `from`. */
  state(): StrataState {
    return {
      conflicts: Array.from(this.#conflicts, (tree) => tree?.state()),
      networks: [...this.#networks].map(([scope, tree]) => [scope, tree.state()]),
    };
  }

  #conflictsOf(chain: Chain, family: Family): OverlapTree {
    const index = 2 * chains.indexOf(chain) + (family === 4 ? 0 : 1);
    let tree = this.#conflicts[index];
    if (!tree) {
      tree = new OverlapTree(family, actions.length);
      this.#conflicts[index] = tree;
    }
    return tree;
  }

  #networksOf(scope: Scope): OverlapTree {
    const key = scopeKey(scope);
    let tree = this.#networks.get(key);
    if (!tree) {
      tree = new OverlapTree(scope.family, 1);
      this.#networks.set(key, tree);
    }
    return tree;
  }
}

/** The scope of a rule whose address stands in an interval set. */
function networkOf(spec: RuleSpec): ReturnType<typeof scopeOf> {
  // Hosts are most of a million rules, and told apart without making anything.
  const { source, destination } = spec;
  if ((source === 'any' || isHost(source)) && (destination === 'any' || isHost(destination))) return undefined;
  return scopeOf(spec);
}

/** The prefix by which rules of the chain are compared: any address is the prefix of all. */
function primaryPrefix(spec: RuleSpec): Prefix {
  const prefix = spec.chain === 'output' ? spec.destination : spec.source;
  return prefix === 'any' ? prefixOf({ family: familyOf(spec), value: 0n }, 0) : prefix;
}
