import { release } from 'node:os';
import { chains } from '../../domain/rule.ts';
import type { Connection } from '../../netlink/connection.ts';
import { NetlinkError } from '../../netlink/errno.ts';
import type { Message } from '../../netlink/message.ts';
import {
  addChain,
  addElements,
  addRule,
  addSet,
  addTable,
  deleteSet,
  destroyElements,
  type TableName,
} from '../../netlink/nftables/commands.ts';
import { Hook, KeyType, SetFlag, Verdict } from '../../netlink/nftables/constants.ts';
import { ElementList } from '../../netlink/nftables/elements.ts';
import { reject } from '../../netlink/nftables/statements.ts';
import { ownership } from './table.ts';

/** What not every kernel can do. */
export interface Features {
  /** Whether a table can be owned and outlive its owner. Linux 6.9 */
  readonly owner: boolean;
  /** Whether an element can be taken out that may have gone by itself. Linux 6.3 */
  readonly destroys: boolean;
  /** Whether the elements of a set can count. Linux 5.7 */
  readonly counters: boolean;
}

const table: TableName = { family: 'inet', name: 'rfw_probe' };
const host = { keyType: KeyType.ipv4, keyLength: 4, flags: SetFlag.timeout };

/**
 * Finds out what the kernel can do, by batches that it must refuse as a whole, since each ends with something impossible.
 * @throws NetlinkError when it can't do what there is no doing without
 */
export function probeFeatures(connection: Connection): Features {
  const base = { type: 'filter', hook: Hook.input, priority: -10, policy: Verdict.accept } as const;
  const [missing] = refusals(connection, [
    addTable(table),
    addChain(table, chains[0], base),
    addSet(table, 'hosts', host),
    addSet(table, 'nets', { ...host, flags: SetFlag.timeout | SetFlag.interval }),
    addRule(table, chains[0], [reject()]),
  ]);
  if (missing !== undefined) throw missing;
  const element = new ElementList(4, 1);
  element.add(1);
  const counting = new ElementList(4, 1);
  counting.add(1, undefined, true);
  const can = (...messages: readonly Message[]): boolean => refusals(connection, messages).length === 0;
  return {
    owner: can(addTable(table, ownership)),
    destroys: can(addTable(table), addSet(table, 'hosts', host), ...destroyElements(table, 'hosts', element)),
    counters: can(addTable(table), addSet(table, 'hosts', host), ...addElements(table, 'hosts', counting)),
  };
}

/** What the kernel would refuse of the messages. Nothing of them is done. */
function refusals(connection: Connection, messages: readonly Message[]): NetlinkError[] {
  try {
    connection.transact([...messages, deleteSet(table, 'there is none')]);
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    const all = [error, ...error.others];
    if (all.some(({ index }) => index === undefined)) throw error;
    return all.filter(({ index = 0 }) => index < messages.length);
  }
  throw new Error('the kernel has deleted a set that there is not');
}

/** What the kernel lacks and what becomes of it, for the log. */
export function shortcomingsOf({ owner, counters }: Features, wanted: { readonly counters: boolean }): string[] {
  return [
    ...(owner
      ? []
      : [
          `Linux ${release()} can't protect a table that outlives its owner (6.9 can): other programs may change table inet rfw, which rfw notices and repairs`,
        ]),
    ...(counters || !wanted.counters ? [] : [`Linux ${release()} has no counters for the elements of sets (5.7 has)`]),
  ];
}
