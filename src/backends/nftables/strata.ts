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

/** A rule that stands, and its stratum. */
export interface Placed {
  readonly spec: RuleSpec;
  readonly stratum: number;
}

/** The rules that stand. */
export type Standing = () => Iterable<Placed>;

/** Strata as plain values that the structured clone algorithm and v8.serialize take. */
export interface StrataState {
  readonly counts: readonly number[];
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
  /** How many rules there are, for each chain, family and action. */
  readonly #counts: number[];
  readonly #standing: Standing | undefined;
  /**
   * For each chain and family, rules by action. Where all have one action nothing conflicts, and there is none before a rule
   * comes that has another: a million rules to block are not looked at twice.
   */
  readonly #conflicts: (OverlapTree | undefined)[];
  /** For each scope of networks, those. */
  readonly #networks: Map<string, OverlapTree>;

  /** @param standing the rules that stand, for when they have to be compared; without it they are from the beginning */
  constructor(standing?: Standing, state: StrataState = { counts: [], conflicts: [], networks: [] }) {
    this.#standing = standing;
    this.#counts = [...state.counts];
    this.#conflicts = state.conflicts.map((tree) => tree && OverlapTree.from(tree));
    this.#networks = new Map(state.networks.map(([scope, tree]) => [scope, OverlapTree.from(tree)]));
  }

  /** Takes over what `state` gave, without a look at the rules. */
  static from(state: StrataState, standing?: Standing): Strata {
    return new Strata(standing, state);
  }

  /** Places a rule that is newer than all others. @returns its stratum @throws TooDeep and places nothing */
  place(spec: RuleSpec): number {
    const primary = primaryPrefix(spec);
    const conflicts = this.#conflictsFor(spec, primary.family);
    let stratum = 0;
    if (conflicts !== undefined) {
      for (let lane = 0; lane < actions.length; lane++) {
        if (actions[lane] !== spec.action) stratum = Math.max(stratum, 1 + conflicts.highest(primary, lane));
      }
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
    const lane = actions.indexOf(spec.action);
    this.#conflictsFor(spec, primary.family)?.add(primary, lane, stratum);
    const at = actions.length * indexOf(spec.chain, primary.family) + lane;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    const network = networkOf(spec);
    if (network) this.#networksOf(network.scope).add(network.prefix, 0, stratum);
  }

  /** Takes a rule out. @param stratum what `place` returned for it, or what `relabel` made of that */
  remove(spec: RuleSpec, stratum: number): void {
    const primary = primaryPrefix(spec);
    const lane = actions.indexOf(spec.action);
    const index = indexOf(spec.chain, primary.family);
    this.#conflicts[index]?.remove(primary, lane, stratum);
    const at = actions.length * index + lane;
    this.#counts[at] = (this.#counts[at] ?? 0) - 1;
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

  /**
   * Compares the rules that stand where a rule with another action is to come, some of them at a time, so that what else has to
   * be done has its turn. Nothing may change meanwhile. Without it `place` does all of it at once.
   */
  async prepare(rules: Iterable<RuleSpec>, turn: () => Promise<void>): Promise<void> {
    for (const spec of rules) {
      const family = primaryPrefix(spec).family;
      const index = indexOf(spec.chain, family);
      if (this.#conflicts[index] !== undefined || !this.#disagrees(spec, family)) continue;
      const tree = new OverlapTree(family, actions.length);
      let count = 0;
      for (const placed of this.#standing?.() ?? []) {
        enter(tree, placed, spec.chain, family);
        if (++count % rulesInOneTurn === 0) await turn();
      }
      this.#conflicts[index] = tree;
    }
  }

  /** A copy of everything, for `from`. */
  state(): StrataState {
    return {
      counts: [...this.#counts],
      conflicts: Array.from(this.#conflicts, (tree) => tree?.state()),
      networks: [...this.#networks].map(([scope, tree]) => [scope, tree.state()]),
    };
  }

  /** What the rule has to be compared with; undefined while all that stand have its action. */
  #conflictsFor(spec: RuleSpec, family: Family): OverlapTree | undefined {
    const index = indexOf(spec.chain, family);
    const known = this.#conflicts[index];
    if (known !== undefined) return known;
    if (this.#standing !== undefined && !this.#disagrees(spec, family)) return undefined;
    const tree = new OverlapTree(family, actions.length);
    for (const placed of this.#standing?.() ?? []) enter(tree, placed, spec.chain, family);
    this.#conflicts[index] = tree;
    return tree;
  }

  /** Whether a rule stands in the chain that has another action. */
  #disagrees({ chain, action }: RuleSpec, family: Family): boolean {
    const from = actions.length * indexOf(chain, family);
    return actions.some((other, lane) => other !== action && (this.#counts[from + lane] ?? 0) > 0);
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

/** Rules that `prepare` compares between two turns: some milliseconds. */
const rulesInOneTurn = 10_000;

/** The place of a chain and family in a list of all of them. */
function indexOf(chain: Chain, family: Family): number {
  return 2 * chains.indexOf(chain) + (family === 4 ? 0 : 1);
}

/** Enters a rule that stands, if it is one of the chain and family. */
function enter(tree: OverlapTree, { spec, stratum }: Placed, chain: Chain, family: Family): void {
  if (spec.chain !== chain) return;
  const primary = primaryPrefix(spec);
  if (primary.family === family) tree.add(primary, actions.indexOf(spec.action), stratum);
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
