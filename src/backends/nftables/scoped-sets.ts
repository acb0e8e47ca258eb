import { widthOf } from '../../domain/address.ts';
import type { Shape } from '../../domain/shape.ts';
import type { Message } from '../../netlink/message.ts';
import { addSet, deleteSet } from '../../netlink/nftables/commands.ts';
import { KeyType, SetFlag } from '../../netlink/nftables/constants.ts';
import { keyLengthOf } from './elements.ts';
import { type Scope, scopeKey } from './strata.ts';
import { rfwTable } from './table.ts';

/** The elements of one scope in one stratum. */
export interface ScopedSet {
  readonly name: string;
  readonly scope: Scope;
  stratum: number;
  /** How many rules have their element in it. */
  count: number;
  /** Whether the kernel has it. */
  standing: boolean;
}

/** What `ScopedSets` hands to a later process. */
export interface ScopedSetsState {
  readonly sets: readonly ScopedSet[];
  readonly lastNumber: number;
}

/** The scope of the rules of a shape that look at one address. */
export function scopeOfShape({ action, chain, in: into, out, side, family, length }: Shape): Scope {
  const kind = length === widthOf(family) ? 'host' : 'network';
  return { chain, action, in: into, out, family, side, kind };
}

const kinds = { host: 'hosts', network: 'nets' } as const;

/** The sets of the table that hold the addresses of rules, by scope and stratum. */
export class ScopedSets {
  readonly #byScope = new Map<string, Map<number, ScopedSet>>();
  /** Names are never used twice, so that old and new ones can stand side by side. */
  #lastNumber: number;

  constructor(lastNumber = 0) {
    this.#lastNumber = lastNumber;
  }

  static from({ sets, lastNumber }: ScopedSetsState): ScopedSets {
    const scoped = new ScopedSets(lastNumber);
    for (const set of sets) scoped.#strataOf(set.scope).set(set.stratum, set);
    return scoped;
  }

  state(): ScopedSetsState {
    return { sets: structuredClone([...this.all()]), lastNumber: this.#lastNumber };
  }

  get lastNumber(): number {
    return this.#lastNumber;
  }

  *all(): Generator<ScopedSet> {
    for (const strata of this.#byScope.values()) yield* strata.values();
  }

  /** The set of a scope in a stratum, which is made where there is none. */
  at(scope: Scope, stratum: number): ScopedSet {
    const strata = this.#strataOf(scope);
    const known = strata.get(stratum);
    if (known !== undefined) return known;
    const { chain, action, family, kind } = scope;
    const name = `${chain}_${action}_ip${family}_${kinds[kind]}_${++this.#lastNumber}`;
    const set: ScopedSet = { name, scope, stratum, count: 0, standing: false };
    strata.set(stratum, set);
    return set;
  }

  /** Forgets the sets that hold nothing. They must not stand in the kernel any more. */
  prune(): void {
    for (const [key, strata] of this.#byScope) {
      for (const [stratum, set] of strata) if (set.count === 0) strata.delete(stratum);
      if (strata.size === 0) this.#byScope.delete(key);
    }
  }

  /** Gives every stratum another number; the order must stay. */
  relabel(to: (stratum: number) => number): void {
    for (const [key, strata] of this.#byScope) {
      const moved = [...strata.values()];
      for (const set of moved) set.stratum = to(set.stratum);
      this.#byScope.set(key, new Map(moved.map((set) => [set.stratum, set])));
    }
  }

  #strataOf(scope: Scope): Map<number, ScopedSet> {
    const key = scopeKey(scope);
    const known = this.#byScope.get(key);
    if (known !== undefined) return known;
    const strata = new Map<number, ScopedSet>();
    this.#byScope.set(key, strata);
    return strata;
  }
}

/** Makes the set in the kernel. Which of its elements count, each says itself. */
export function addScopedSet({ name, scope: { family, kind } }: ScopedSet): Message {
  return addSet(rfwTable, name, {
    keyType: family === 4 ? KeyType.ipv4 : KeyType.ipv6,
    keyLength: keyLengthOf(family),
    flags: SetFlag.timeout | (kind === 'network' ? SetFlag.interval : 0),
  });
}

export function deleteScopedSet({ name }: ScopedSet): Message {
  return deleteSet(rfwTable, name);
}
