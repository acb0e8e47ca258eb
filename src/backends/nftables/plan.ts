import { type Prefix, rangeOf, widthOf } from '../../domain/address.ts';
import type { Chain, Rule, RuleSpec } from '../../domain/rule.ts';
import type { Message } from '../../netlink/message.ts';
import { addElements, addFullElements, deleteElements, destroyElements } from '../../netlink/nftables/commands.ts';
import { ElementFlag } from '../../netlink/nftables/constants.ts';
import { ElementList } from '../../netlink/nftables/elements.ts';
import type { ElementAttributes } from '../../netlink/nftables/objects.ts';
import type { Change } from '../backend.ts';
import { addPrefix, addressBytes, keyLengthOf } from './elements.ts';
import { lifetimeOf } from './lifetime.ts';
import { isPair, type Mirror, type Taken } from './mirror.ts';
import { addPair, addPairChain, deletePair, deletePairChain, type Pair } from './pairs.ts';
import { addScopedSet, deleteScopedSet, type ScopedSet } from './scoped-sets.ts';
import type { RejectOptions } from './statements.ts';
import { rfwTable } from './table.ts';

/** What an element has met. */
export interface Count {
  readonly packets: bigint;
  readonly bytes: bigint;
}

export interface PlanOptions extends RejectOptions {
  /** How many rules count what they meet, at most. */
  readonly countAtMost: number;
  /** Whether the kernel can be told to take out an element that may have gone by itself. Linux 6.3 */
  readonly destroys: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export const nothingMet: Count = { packets: 0n, bytes: 0n };

/** New pairs whose handles the kernel is asked for at once: the answers must fit into the receive buffer. */
const fewPairs = 100;

/** One step of the mirror, and the messages by which the kernel follows. */
export interface Step {
  /** What comes before the base chains are written anew. */
  readonly before: readonly Message[];
  /** The base chains that have to be: they look up sets that come or go. */
  readonly chains: ReadonlySet<Chain>;
  /** What comes after that: nothing may look up a set that is deleted. */
  readonly after: readonly Message[];
  /** Pairs that are new, whose handles only the kernel knows. */
  readonly pairs: readonly Pair[];
  /** Notes that the kernel has followed. */
  commit(): void;
  /** Brings the mirror back, because the kernel hasn't. */
  undo(): void;
}

/** The prefix by which a rule that is no pair stands in its set. */
export function elementPrefix({ source, destination }: RuleSpec): Prefix {
  const prefix = source === 'any' ? destination : source;
  if (prefix === 'any') throw new Error('a rule without an address');
  return prefix;
}

/** Elements by the set that they go into or leave. */
class ElementLists {
  readonly bySet = new Map<ScopedSet, ElementList>();
  /** Elements that the first list has room for: most often it is the only one. */
  readonly #expected: number;
  #set: ScopedSet | undefined;
  #list: ElementList | undefined;

  constructor(expected: number) {
    this.#expected = expected;
  }

  of(set: ScopedSet): ElementList {
    // Of many rules most go where the one before went.
    if (set === this.#set && this.#list !== undefined) return this.#list;
    let list = this.bySet.get(set);
    if (list === undefined) {
      list = new ElementList(keyLengthOf(set.scope.family), this.bySet.size === 0 ? this.#expected : undefined);
      this.bySet.set(set, list);
    }
    this.#set = set;
    this.#list = list;
    return list;
  }
}

/**
 * Takes the mirror one step further and plans how the kernel follows, in one transaction. No I/O. The mirror has taken the
 * step when this returns, and hasn't when it throws.
 * @param counts what renewed rules have met so far, which their new elements go on from
 * @param gone rules whose elements have left the kernel by themselves
 * @throws RfwError `kernel-refused` for a rule that is there already, or isn't; `unsupported`
 */
export function plan(
  mirror: Mirror,
  change: Change,
  counts: ReadonlyMap<Rule, Count>,
  options: PlanOptions,
  gone: ReadonlySet<RuleSpec> = new Set(),
): Step {
  const taken: Taken[] = [];
  const put: RuleSpec[] = [];
  const undo = (): void => {
    for (const spec of put.reverse()) mirror.take(spec);
    for (const rule of taken.reverse()) mirror.untake(rule);
    mirror.tidy();
  };
  try {
    return planned();
  } catch (error) {
    undo();
    throw error;
  }

  function planned(): Step {
    const leaving = new ElementLists(change.remove.length + change.renew.length);
    const coming = new ElementLists(change.add.length + change.renew.length);
    const full: Message[] = [];
    const newPairs: Pair[] = [];
    const oldPairs: Pair[] = [];
    const leave = (set: ScopedSet, spec: RuleSpec): void => {
      const list = leaving.of(set);
      if (!gone.has(spec)) addPrefix(list, set.scope.kind, elementPrefix(spec));
    };
    for (const spec of change.remove) {
      const rule = mirror.take(spec);
      taken.push(rule);
      if (isPair(rule.home)) oldPairs.push(rule.home);
      else leave(rule.home, spec);
    }
    for (const rule of change.add) {
      const counts = mirror.counting < options.countAtMost;
      const home = mirror.put(rule, counts);
      put.push(rule);
      if (isPair(home)) newPairs.push(home);
      else addPrefix(coming.of(home), home.scope.kind, elementPrefix(rule), lifetimeOf(rule, options.now), counts);
    }
    for (const rule of change.refresh) mirror.homeOf(rule);
    for (const rule of change.renew) {
      const home = mirror.homeOf(rule);
      if (isPair(home)) continue;
      leave(home, rule);
      const count = mirror.counts(rule) ? (counts.get(rule) ?? nothingMet) : undefined;
      if (count === undefined) {
        addPrefix(coming.of(home), home.scope.kind, elementPrefix(rule), lifetimeOf(rule, options.now));
      } else {
        full.push(addFullElements(rfwTable, home.name, countedElements(home, rule, count, options.now)));
      }
    }
    return step(leaving, coming, full, newPairs, oldPairs);
  }

  function step(
    leaving: ElementLists,
    coming: ElementLists,
    full: readonly Message[],
    newPairs: readonly Pair[],
    oldPairs: readonly Pair[],
  ): Step {
    const newSets = [...coming.bySet.keys()].filter((set) => !set.standing);
    const emptySets = [...leaving.bySet.keys()].filter((set) => set.count === 0);
    const newChains = new Set(newPairs.map(({ chain }) => chain).filter((chain) => !chain.standing));
    const emptyPairChains = new Set(oldPairs.map(({ chain }) => chain).filter(({ pairs }) => pairs.size === 0));
    const dirty = new Set<Chain>([...newSets, ...emptySets].map(({ scope }) => scope.chain));
    if (newChains.size + emptyPairChains.size > 0) dirty.add('forward');
    const remove = options.destroys ? destroyElements : deleteElements;
    return {
      before: [
        ...newSets.map(addScopedSet),
        ...[...leaving.bySet].flatMap(([set, list]) => (set.count === 0 ? [] : remove(rfwTable, set.name, list))),
        ...[...coming.bySet].flatMap(([set, list]) => addElements(rfwTable, set.name, list)),
        ...full,
        ...[...newChains].map(addPairChain),
        ...oldPairs.filter(({ chain }) => !emptyPairChains.has(chain)).flatMap(deletePair),
        ...newPairs.flatMap((pair) => addPair(pair, options, newPairs.length <= fewPairs)),
      ],
      chains: dirty,
      after: [...emptySets.map(deleteScopedSet), ...[...emptyPairChains].flatMap(deletePairChain)],
      pairs: newPairs,
      undo,
      commit: () => {
        for (const set of newSets) set.standing = true;
        for (const chain of newChains) chain.standing = true;
        if (emptySets.length + emptyPairChains.size > 0 || taken.length > 0) mirror.tidy();
      },
    };
  }
}

/** The elements of a rule that have met something already. */
function countedElements({ scope }: ScopedSet, rule: Rule, count: Count, now: number): ElementAttributes[] {
  const prefix = elementPrefix(rule);
  const lifetime = lifetimeOf(rule, now);
  const first: ElementAttributes = {
    key: { value: addressBytes(prefix) },
    timeout: lifetime === undefined ? undefined : BigInt(lifetime),
    expression: { name: 'counter', data: { ...count } },
  };
  if (scope.kind === 'host') return [first];
  const end = rangeOf(prefix).last + 1n;
  if (end >> BigInt(widthOf(prefix.family)) !== 0n) return [first];
  return [first, { key: { value: addressBytes({ ...prefix, value: end }) }, flags: ElementFlag.intervalEnd }];
}
