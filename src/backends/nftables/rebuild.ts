import { chunksOf } from '../../domain/chunks.ts';
import { chains, type Rule } from '../../domain/rule.ts';
import type { Message } from '../../netlink/message.ts';
import type { Desired } from '../backend.ts';
import type { Claim, KernelTable } from './kernel-table.ts';
import { emptyChains, fillChain } from './layout.ts';
import { Mirror } from './mirror.ts';
import type { Pair } from './pairs.ts';
import { type PlanOptions, plan } from './plan.ts';
import { withProtection } from './protection.ts';
import { type Contents, lastNumberOf, readContents, withoutContents } from './table-state.ts';

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
  const contents: Contents = claim === 'made' ? { sets: [], chains: [] } : await readContents();
  const mirror = Mirror.empty(lastNumberOf(contents));
  const kept: Message[] = [];
  const send = async (messages: readonly Message[]): Promise<void> => {
    if (claim === 'to-replace') for (const message of messages) kept.push(message);
    else await table.transact(messages, true);
  };
  try {
    const pairs = await table.unheard(() => load(mirror, desired.rules, options, send));
    const wiring = wire(mirror, desired, options());
    if (claim === 'to-replace') await table.replaceWith([...kept, ...wiring]);
    else await table.transact([...emptyChains(), ...withoutContents(contents), ...wiring], true);
    return { mirror, pairs };
  } catch (error) {
    if (claim !== 'to-replace') await discard(table, contents);
    throw error;
  }
}

/** What makes the base chains look up the sets of the mirror. */
function wire(mirror: Mirror, protection: Desired, options: PlanOptions): Message[] {
  const layout = { protection, sets: [...mirror.sets.all()], pairs: [...mirror.pairs.all()] };
  return [...withProtection(protection), ...chains.flatMap((chain) => fillChain(chain, layout, options))];
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
      withoutContents({ sets: now.sets.filter(isNew(before.sets)), chains: now.chains.filter(isNew(before.chains)) }),
    );
  } catch {
    // The next rebuild takes out whatever the base chains don't look up.
  }
}
