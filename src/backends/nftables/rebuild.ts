import { chunksOf } from '../../domain/chunks.ts';
import { chains, type Rule } from '../../domain/rule.ts';
import type { Message } from '../../netlink/message.ts';
import type { Desired } from '../backend.ts';
import type { Claim, KernelTable } from './kernel-table.ts';
import { emptyChains, fillChain, layoutOf } from './layout.ts';
import { addListCounters, filling } from './list-step.ts';
import { Mirror } from './mirror.ts';
import { overlapped } from './overlapped.ts';
import type { Pair } from './pairs.ts';
import { type PlanOptions, plan } from './plan.ts';
import { withProtection } from './protection.ts';
import { listCounterName } from './table.ts';
import { type Contents, lastNumberOf, noContents, readContents, withoutContents } from './table-state.ts';

/** Rules that the kernel takes in at once: about 10 ms. */
const chunkLength = 10_000;

export interface Rebuilt {
  readonly mirror: Mirror;
  /** Pairs whose handles have to be asked for. */
  readonly pairs: readonly Pair[];
}

/**
 * Builds all sets anew, beside those that stand, and then has the base chains look up the new ones, in one transaction: what
 * was enforced before is enforced until then. The kernel works on one chunk while the next is planned.
 * @param options for each chunk: time goes by
 * @throws NetlinkError, RfwError; what stood before still does
 */
export async function rebuild(
  table: KernelTable,
  claim: Claim,
  desired: Desired,
  options: () => PlanOptions,
): Promise<Rebuilt> {
  const contents: Contents = claim === 'made' ? noContents : await readContents();
  const mirror = Mirror.empty(lastNumberOf(contents));
  const kept: Message[] = [];
  const send = async (messages: readonly Message[]): Promise<void> => {
    if (claim === 'to-replace') for (const message of messages) kept.push(message);
    else await table.transact(messages, true);
  };
  try {
    const pairs = await table.unheard(() => load(mirror, desired.rules, options, send));
    const lists = mirror.lists.place(desired.lists);
    const last = await table.unheard(() => overlapped(filling(desired.lists, lists, [], options), send));
    mirror.lists.settle(lists);
    const wiring = [...last, ...addListCounters(lists), ...wire(mirror, desired, options())];
    if (claim === 'to-replace') await table.replaceWith([...kept, ...wiring]);
    else await table.transact([...emptyChains(), ...withoutContents(unwanted(contents, desired)), ...wiring], true);
    return { mirror, pairs };
  } catch (error) {
    if (claim !== 'to-replace') await discard(table, contents);
    throw error;
  }
}

/** What makes the base chains look up the sets of the mirror. */
function wire(mirror: Mirror, protection: Desired, options: PlanOptions): Message[] {
  const layout = layoutOf(mirror, protection);
  return [...withProtection(protection), ...chains.flatMap((chain) => fillChain(chain, layout, options))];
}

/** What is to be taken out. A counter of a list goes on counting. */
function unwanted(contents: Contents, { lists }: Desired): Contents {
  const counting = new Set(lists.map(({ name }) => listCounterName(name)));
  return { ...contents, counters: contents.counters.filter((name) => !counting.has(name)) };
}

/** Puts the rules into the mirror and the kernel, a chunk at a time. */
async function load(
  mirror: Mirror,
  rules: Iterable<Rule>,
  options: () => PlanOptions,
  send: (messages: readonly Message[]) => Promise<void>,
): Promise<Pair[]> {
  const pairs: Pair[] = [];
  let sending: Promise<void> = Promise.resolve();
  try {
    for (const add of chunksOf(rules, chunkLength)) {
      await mirror.prepare(add);
      const step = plan(mirror, { add, remove: [], refresh: [], renew: [] }, new Map(), options());
      for (const pair of step.pairs) pairs.push(pair);
      await sending;
      step.commit();
      sending = send(step.before);
      // A failure is met by the next await; until then nobody else waits for it.
      sending.catch(() => {});
    }
  } finally {
    // Also when a plan fails: what is under way may still come to stand, and the connection takes one thing at a time.
    await sending;
  }
  return pairs;
}

/** Takes out what a failed load has put in beside what stood before. */
async function discard(table: KernelTable, before: Contents): Promise<void> {
  try {
    const now = await readContents();
    const isNew = (known: readonly string[]) => (name: string) => !known.includes(name);
    await table.transact(
      withoutContents({
        ...noContents,
        sets: now.sets.filter(isNew(before.sets)),
        chains: now.chains.filter(isNew(before.chains)),
      }),
    );
  } catch {
    // The next rebuild takes out whatever the base chains don't look up.
  }
}
