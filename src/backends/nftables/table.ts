import type { ListName } from '../../domain/list.ts';
import { type Action, actions, type Chain, chains } from '../../domain/rule.ts';
import type { Message } from '../../netlink/message.ts';
import { addChain, addCounter, addTable, type TableName } from '../../netlink/nftables/commands.ts';
import { Hook, TableFlag, Verdict } from '../../netlink/nftables/constants.ts';

/** The one table that is rfw's. Nothing outside of it is ever changed, and all that is in it may be. */
export const rfwTable: TableName = { family: 'inet', name: 'rfw' };

/** Ten before `filter`: rfw decides before the tables that other programs put at that priority. */
const priority = -10;

const hooks = { input: Hook.input, output: Hook.output, forward: Hook.forward } as const satisfies Record<
  Chain,
  number
>;

/** Only this process may change the table, and the table outlives it. */
export const ownership = TableFlag.owner | TableFlag.persist;

/** The chain that TCP from or to the guarded port goes through. */
export function guardChain(chain: Chain): string {
  return `guard_${chain}`;
}

/** The chains that base chains lead to, whatever rules there are. */
export const innerChains: readonly string[] = [guardChain('input'), guardChain('output')];

/** The named counter of all rules of an action in a chain. */
export function counterName(chain: Chain, action: Action): string {
  return `${chain}_${action}`;
}

const listCounter = 'list_';

/** The named counter of a list. */
export function listCounterName(name: ListName): string {
  return `${listCounter}${name}`;
}

/** Whether it is a counter of some list. */
export function isListCounter(name: string): boolean {
  return name.startsWith(listCounter);
}

/** What a counter counts, by its name. */
export const counted: ReadonlyMap<string, { readonly chain: Chain; readonly action: Action }> = new Map(
  chains.flatMap((chain) => actions.map((action) => [counterName(chain, action), { chain, action }] as const)),
);

/**
 * Makes the table where it is missing, or claims it, with its chains and counters. What is there already stays as it is.
 * @param owned whether to own it; a kernel before Linux 6.9 lets no owned table outlive its owner
 */
export function tableMessages(owned: boolean): Message[] {
  return [
    addTable(rfwTable, owned ? ownership : 0),
    ...[...counted.keys()].map((name) => addCounter(rfwTable, name)),
    ...chains.map((chain) =>
      addChain(rfwTable, chain, { type: 'filter', hook: hooks[chain], priority, policy: Verdict.accept }),
    ),
    ...innerChains.map((name) => addChain(rfwTable, name)),
  ];
}
