import { setTimeout as sleep } from 'node:timers/promises';
import type { RuleSpec } from '../../domain/rule.ts';
import type { Reading } from './counts.ts';
import { scopeOf } from './strata.ts';

/** Milliseconds: an element that has less left may be gone before a transaction comes to it. */
const closeCall = 500;

/**
 * The rules whose elements have left the kernel by themselves, of those that are to be taken out. They must not be destroyed
 * all the same where they are networks: a network is two elements in the kernel, of which only the first has a timeout. When
 * that is over and the second is destroyed, the kernel's collection takes the end of another network for it, which
 * from then on reaches to the end of all addresses (nft_rbtree_gc, net/netfilter/nft_set_rbtree.c).
 * @param read asks the kernel, which leaves out what it doesn't hold
 * @param destroys whether the kernel takes it well when a host that is to be taken out isn't there
 */
export async function lapsedOf(
  leaving: readonly RuleSpec[],
  read: (specs: readonly RuleSpec[]) => Promise<ReadonlyMap<RuleSpec, Reading>>,
  destroys: boolean,
): Promise<ReadonlySet<RuleSpec>> {
  const doubtful = destroys ? leaving.filter((spec) => scopeOf(spec)?.scope.kind === 'network') : leaving;
  if (doubtful.length === 0) return new Set();
  let there = await read(doubtful);
  const soon = [...there.values()].flatMap(({ left }) => (left !== undefined && left < closeCall ? [left] : []));
  if (soon.length > 0) {
    // Between this question and the transaction it would end: then it ends first.
    await sleep(Math.max(...soon) + 10);
    there = await read(doubtful);
  }
  return new Set(doubtful.filter((spec) => !there.has(spec)));
}
