import { chains as baseChains } from '../../domain/rule.ts';
import type { Connection } from '../../netlink/connection.ts';
import { dump } from '../../netlink/dump.ts';
import { NetlinkError } from '../../netlink/errno.ts';
import type { Message } from '../../netlink/message.ts';
import {
  deleteChain,
  deleteCounter,
  deleteSet,
  flushChain,
  getGeneration,
  getTable,
  listChains,
  listCounters,
  listSets,
  read,
} from '../../netlink/nftables/commands.ts';
import { SetFlag } from '../../netlink/nftables/constants.ts';
import { chain, generation, object, set, type TableAttributes, table } from '../../netlink/nftables/objects.ts';
import { innerChains, isListCounter, rfwTable } from './table.ts';

/** The chains that are there whatever rules there are. */
const fixedChains: ReadonlySet<string> = new Set([...baseChains, ...innerChains]);

/** What is known of rfw's table in the kernel; undefined when there is none. */
export function readTable(connection: Connection): TableAttributes | undefined {
  try {
    const [reply] = connection.request(getTable(rfwTable));
    return reply && read(table, reply);
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The number of the ruleset in force, which every transaction of anybody in this network namespace raises. */
export function readGeneration(connection: Connection): number {
  const [reply] = connection.request(getGeneration());
  return (reply && read(generation, reply).id) ?? 0;
}

/** The sets that the table has, but for those that go with their rule, the chains that come and go, and the counters of lists. */
export interface Contents {
  readonly sets: readonly string[];
  readonly chains: readonly string[];
  readonly counters: readonly string[];
}

export const noContents: Contents = { sets: [], chains: [], counters: [] };

export async function readContents(): Promise<Contents> {
  const sets = (await dump(listSets(rfwTable)))
    .map((reply) => read(set, reply))
    .filter(({ flags = 0 }) => (flags & SetFlag.anonymous) === 0)
    .map(({ name = '' }) => name);
  const chains = (await dump(listChains('inet')))
    .map((reply) => read(chain, reply))
    .filter((found) => found.table === rfwTable.name)
    .map((found) => found.name ?? '')
    .filter((name) => !fixedChains.has(name));
  const counters = (await dump(listCounters(rfwTable)))
    .map((reply) => read(object, reply).name ?? '')
    .filter(isListCounter);
  return { sets, chains, counters };
}

/** The highest number in the names of sets and chains that rfw numbers. */
export function lastNumberOf({ sets, chains }: Contents): number {
  return [...sets, ...chains].reduce((last, name) => Math.max(last, Number(/_(\d+)$/.exec(name)?.[1] ?? 0)), 0);
}

/** Takes all that out, once no base chain refers to them. Elements of somebody's map may jump to his chains. */
export function withoutContents({ sets, chains, counters }: Contents): Message[] {
  return [
    ...chains.map((name) => flushChain(rfwTable, name)),
    ...sets.map((name) => deleteSet(rfwTable, name)),
    ...chains.map((name) => deleteChain(rfwTable, name)),
    ...counters.map((name) => deleteCounter(rfwTable, name)),
  ];
}
