import { type Family, isHost, type Prefix, prefixOf } from '../../domain/address.ts';
import { RfwError } from '../../domain/errors.ts';
import type { InterfacePattern } from '../../domain/interface.ts';
import { type Action, actions, type Chain, familyOf, type RuleSpec } from '../../domain/rule.ts';
import { OverlapTree } from './overlap-tree.ts';

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

/** The deepest stack of rules that is kept apart: levels of the trees are 16 bits. */
const mostStrata = 32_000;

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
  readonly #conflicts = new Map<string, OverlapTree>();
  readonly #networks = new Map<string, OverlapTree>();

  /** Places a rule that is newer than all others. @returns its stratum @throws RfwError `unsupported` */
  place(spec: RuleSpec): number {
    const primary = primaryPrefix(spec);
    const conflicts = treeOf(this.#conflicts, `${spec.chain} ${primary.family}`, primary.family, actions.length);
    let stratum = 0;
    for (const [lane, action] of actions.entries()) {
      if (action !== spec.action) stratum = Math.max(stratum, 1 + conflicts.highest(primary, lane));
    }
    const scoped = scopeOf(spec);
    if (scoped?.scope.kind === 'network') {
      stratum = Math.max(stratum, 1 + this.#networksOf(scoped.scope).highest(scoped.prefix, 0));
    }
    if (stratum > mostStrata) {
      throw new RfwError(
        'unsupported',
        `More than ${mostStrata} rules are stacked on each other here: delete some of them`,
      );
    }
    this.putBack(spec, stratum);
    return stratum;
  }

  /** Puts a rule into the stratum where it was before it was removed. */
  putBack(spec: RuleSpec, stratum: number): void {
    const primary = primaryPrefix(spec);
    const conflicts = treeOf(this.#conflicts, `${spec.chain} ${primary.family}`, primary.family, actions.length);
    conflicts.add(primary, actions.indexOf(spec.action), stratum);
    const scoped = scopeOf(spec);
    if (scoped?.scope.kind === 'network') this.#networksOf(scoped.scope).add(scoped.prefix, 0, stratum);
  }

  /** Takes a rule out. @param stratum what `place` returned for it */
  remove(spec: RuleSpec, stratum: number): void {
    const primary = primaryPrefix(spec);
    const conflicts = treeOf(this.#conflicts, `${spec.chain} ${primary.family}`, primary.family, actions.length);
    conflicts.remove(primary, actions.indexOf(spec.action), stratum);
    const scoped = scopeOf(spec);
    if (scoped?.scope.kind === 'network') this.#networksOf(scoped.scope).remove(scoped.prefix, 0, stratum);
  }

  #networksOf(scope: Scope): OverlapTree {
    return treeOf(this.#networks, scopeKey(scope), scope.family, 1);
  }
}

function treeOf(trees: Map<string, OverlapTree>, key: string, family: Family, lanes: number): OverlapTree {
  const known = trees.get(key);
  if (known) return known;
  const tree = new OverlapTree(family, lanes);
  trees.set(key, tree);
  return tree;
}

/** The prefix by which rules of the chain are compared: any address is the prefix of all. */
function primaryPrefix(spec: RuleSpec): Prefix {
  const prefix = spec.chain === 'output' ? spec.destination : spec.source;
  return prefix === 'any' ? prefixOf({ family: familyOf(spec), value: 0n }, 0) : prefix;
}
