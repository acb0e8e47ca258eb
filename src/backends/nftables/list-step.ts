import type { EnforcedList } from '../../domain/list.ts';
import { type Chain, chains } from '../../domain/rule.ts';
import type { Message } from '../../netlink/message.ts';
import { addCounter, deleteCounter, deleteSet } from '../../netlink/nftables/commands.ts';
import { type KernelTable, requireOurs } from './kernel-table.ts';
import { emptyChains, fillChain, layoutOf } from './layout.ts';
import { listMessages } from './list-load.ts';
import type { StandingList } from './list-sets.ts';
import type { Mirror } from './mirror.ts';
import { overlapped } from './overlapped.ts';
import type { PlanOptions } from './plan.ts';
import type { Protection } from './protection.ts';
import { isUnknown } from './refusal.ts';
import { listCounterName, rfwTable } from './table.ts';
import { noContents, readContents, withoutContents } from './table-state.ts';

/** A step from the lists that stand to others. */
export interface ListStep {
  readonly lists: readonly EnforcedList[];
  readonly protection: Protection;
  /** For each chunk: time goes by. */
  readonly options: () => PlanOptions;
  /** Notes that nobody knows what the kernel holds. */
  readonly forget: () => void;
}

/**
 * Brings the lists to others. New sets are filled beside those that stand; then one transaction has the base chains look them
 * up and deletes the old ones: no packet meets anything in between. The mirror follows.
 * @throws NetlinkError, EncodeError; what stood before still does
 */
export async function replaceLists(table: KernelTable, mirror: Mirror, step: ListStep): Promise<void> {
  const { lists, protection, options, forget } = step;
  const before = mirror.lists.all;
  const after = mirror.lists.place(lists);
  if (before.length === after.length && before.every((list, index) => list === after[index])) return;
  const fresh = after.filter((list) => !before.includes(list));
  const send = async (messages: readonly Message[]): Promise<void> => {
    await table.transact(messages, true);
  };
  try {
    const last = await table.unheardBeside(() => overlapped(filling(lists, after, before, options), send));
    requireOurs(table);
    await send([...last, ...rewiring(mirror, after, protection, options())]);
  } catch (error) {
    if (isUnknown(error) || !(await discard(table, fresh))) forget();
    throw error;
  }
  mirror.lists.settle(after);
}

/** What fills the sets of lists that don't stand yet. @param placed as they will stand, in the same order */
export function* filling(
  lists: readonly EnforcedList[],
  placed: readonly StandingList[],
  standing: readonly StandingList[],
  options: () => PlanOptions,
): Generator<readonly Message[]> {
  for (const [index, list] of lists.entries()) {
    const place = placed[index];
    if (place !== undefined && !standing.includes(place)) yield* listMessages(list, place, options().now);
  }
}

/** Has the base chains look up other lists, and takes out what nobody looks up then. */
function rewiring(
  mirror: Mirror,
  after: readonly StandingList[],
  protection: Protection,
  options: PlanOptions,
): Message[] {
  const before = mirror.lists.all;
  const layout = layoutOf(mirror, protection, after);
  const touched = chains.filter((chain) => !isAlike(inChain(before, chain), inChain(after, chain)));
  const gone = before.filter((list) => !after.includes(list));
  const hasName = (lists: readonly StandingList[]) => (list: StandingList) =>
    lists.some(({ name }) => name === list.name);
  const [had, has] = [hasName(before), hasName(after)];
  return [
    ...addListCounters(after.filter((list) => !had(list))),
    ...emptyChains(touched),
    ...touched.flatMap((chain) => fillChain(chain, layout, options)),
    ...gone.flatMap(({ sets }) => sets.map(({ name }) => deleteSet(rfwTable, name))),
    ...gone.filter((list) => !has(list)).map(({ name }) => deleteCounter(rfwTable, listCounterName(name))),
  ];
}

/** Makes the counters of lists; those that are there keep their counts. */
export function addListCounters(lists: readonly Pick<EnforcedList, 'name'>[]): Message[] {
  return lists.map(({ name }) => addCounter(rfwTable, listCounterName(name)));
}

function inChain(lists: readonly StandingList[], chain: Chain): StandingList[] {
  return lists.filter((list) => list.chain === chain);
}

function isAlike(a: readonly StandingList[], b: readonly StandingList[]): boolean {
  return a.length === b.length && a.every((list, index) => list === b[index]);
}

/** Takes out what was filled of lists that come to nothing. @returns whether the kernel has nothing of them any more */
async function discard(table: KernelTable, lists: readonly StandingList[]): Promise<boolean> {
  try {
    const names = new Set(lists.flatMap(({ sets }) => sets.map(({ name }) => name)));
    const sets = (await readContents()).sets.filter((name) => names.has(name));
    await table.transact(withoutContents({ ...noContents, sets }));
    return true;
  } catch {
    return false;
  }
}
