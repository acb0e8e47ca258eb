import { chains, type RuleSpec } from '../../domain/rule.ts';
import { nextTurn } from '../../domain/turn.ts';
import type { Connection } from '../../netlink/connection.ts';
import { dump } from '../../netlink/dump.ts';
import { NetlinkError } from '../../netlink/errno.ts';
import { getElements, listCounters, listRules, read, readElements } from '../../netlink/nftables/commands.ts';
import { ElementList } from '../../netlink/nftables/elements.ts';
import { type ElementAttributes, object } from '../../netlink/nftables/objects.ts';
import type { ListCount, RuleState, Total } from '../backend.ts';
import { keyLengthOf } from './elements.ts';
import type { StandingList } from './list-sets.ts';
import { isPair, type Mirror } from './mirror.ts';
import { type PairChain, type PairReading, readPairs } from './pairs.ts';
import { type Count, elementPrefix, nothingMet } from './plan.ts';
import type { ScopedSet } from './scoped-sets.ts';
import { counted, listCounterName, rfwTable } from './table.ts';
import { readTable } from './table-state.ts';

/** What the kernel says of a rule that it holds. */
export interface Reading extends Count {
  /** Milliseconds until the kernel lets it go by itself; undefined when it doesn't. */
  readonly left: number | undefined;
}

/** Elements asked for at once: their answers must fit into the receive buffer. */
const pageLength = 250;

/** Rules that a reading passes between two turns of the event loop. */
const rulesInOneTurn = 10_000;

/** The rules chain by chain, some at a time. @param count what the kernel says of some */
export async function* readPages(
  standing: Iterable<RuleSpec>,
  count: (specs: readonly RuleSpec[]) => Promise<ReadonlyMap<RuleSpec, Count>>,
): AsyncGenerator<readonly RuleState[]> {
  for (const chain of chains) {
    let position = 0;
    let page: RuleSpec[] = [];
    const states = async (): Promise<RuleState[]> => {
      const counts = await count(page);
      return page.map((spec) => {
        const { packets, bytes } = counts.get(spec) ?? nothingMet;
        return { spec, position: ++position, packets, bytes };
      });
    };
    let passed = 0;
    for (const spec of standing) {
      if (++passed % rulesInOneTurn === 0) await nextTurn();
      if (spec.chain !== chain) continue;
      page.push(spec);
      if (page.length < pageLength) continue;
      yield await states();
      page = [];
    }
    if (page.length > 0) yield await states();
  }
}

/**
 * What the kernel says of rules, asked element by element and never by a dump of a set. A rule whose element has left the
 * kernel by itself is left out.
 */
export async function readRules<S extends RuleSpec>(
  connection: Connection,
  mirror: Mirror,
  specs: readonly S[],
): Promise<Map<S, Reading>> {
  const bySet = new Map<ScopedSet, S[]>();
  const byChain = new Map<PairChain, { readonly spec: S; readonly id: number }[]>();
  for (const spec of specs) {
    if (!mirror.has(spec)) continue;
    const home = mirror.homeOf(spec);
    if (isPair(home)) entry(byChain, home.chain).push({ spec, id: home.id });
    else entry(bySet, home).push(spec);
  }
  const counts = new Map<S, Reading>();
  for (const [set, members] of bySet) {
    for (let from = 0; from < members.length; from += pageLength) {
      readSet(connection, set, members.slice(from, from + pageLength), counts);
    }
  }
  for (const [chain, members] of byChain) {
    const readings = await readPairChain(chain);
    for (const { spec, id } of members)
      counts.set(spec, { ...sumOf(readings.filter((reading) => reading.id === id)), left: undefined });
  }
  return counts;
}

function entry<K, S>(map: Map<K, S[]>, key: K): S[] {
  let list = map.get(key);
  if (list === undefined) {
    list = [];
    map.set(key, list);
  }
  return list;
}

function readSet<S extends RuleSpec>(
  connection: Connection,
  set: ScopedSet,
  specs: readonly S[],
  counts: Map<S, Reading>,
): void {
  try {
    const elements = requestElements(connection, set, specs);
    // The kernel answers in the order of the question.
    for (const [index, spec] of specs.entries()) counts.set(spec, readingOf(elements[index]));
  } catch (error) {
    if (!(error instanceof NetlinkError) || error.code !== 'ENOENT') throw error;
    // One has gone by itself, or was never there: each alone then.
    if (specs.length > 1) for (const spec of specs) readSet(connection, set, [spec], counts);
  }
}

function requestElements(connection: Connection, set: ScopedSet, specs: readonly RuleSpec[]): ElementAttributes[] {
  const list = new ElementList(keyLengthOf(set.scope.family), specs.length);
  for (const spec of specs) {
    const { family, value } = elementPrefix(spec);
    list.add(family === 4 ? Number(value) : value);
  }
  return getElements(rfwTable, set.name, list).flatMap((message) => readElements(connection.request(message)));
}

function readingOf(element: ElementAttributes | undefined): Reading {
  const left = element?.expiration === undefined ? undefined : Number(element.expiration);
  const expression = element?.expression;
  const { packets = 0n, bytes = 0n } = expression?.name === 'counter' ? expression.data : nothingMet;
  return { packets, bytes, left };
}

/** What the kernel says of the rules of a chain of pairs. */
export async function readPairChain({ name }: PairChain): Promise<PairReading[]> {
  return readPairs(await dump(listRules(rfwTable, name)));
}

function sumOf(counts: readonly Count[]): Count {
  return counts.reduce(
    (sum, { packets, bytes }) => ({ packets: sum.packets + packets, bytes: sum.bytes + bytes }),
    nothingMet,
  );
}

/** What all rules and lists have met, by chain and action. */
export async function readTotals(connection: Connection): Promise<Total[]> {
  const counters = await readCounters(connection);
  return [...counters].flatMap(([name, count]) => {
    const what = counted.get(name);
    return what === undefined ? [] : [{ ...what, ...count }];
  });
}

/** What each list has met. */
export async function readListCounts(
  connection: Connection,
  lists: readonly Pick<StandingList, 'name'>[],
): Promise<ListCount[]> {
  const counters = await readCounters(connection);
  return lists.map(({ name }) => ({ name, ...(counters.get(listCounterName(name)) ?? nothingMet) }));
}

/** The named counters of the table. */
async function readCounters(connection: Connection): Promise<ReadonlyMap<string, Count>> {
  if (readTable(connection) === undefined) return new Map();
  const counters = (await dump(listCounters(rfwTable))).map((reply) => read(object, reply));
  return new Map(
    counters.map(({ name = '', data }) => [name, { packets: data?.packets ?? 0n, bytes: data?.bytes ?? 0n }]),
  );
}
