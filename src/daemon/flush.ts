import { existsSync } from 'node:fs';
import type { FlushReport } from '../api/control.ts';
import { RfwError, reasonOf } from '../domain/errors.ts';
import { rfwItself } from '../engine/changes.ts';
import { systemClock } from '../engine/clock.ts';
import { flushedConfirmations } from '../engine/confirmations.ts';
import type { Engine } from '../engine/engine.ts';
import { listDeletions, storedListNames } from '../engine/lists.ts';
import type { Flushed } from '../engine/plan.ts';
import type { Holder } from '../engine/store/holder.ts';
import type { Store } from '../engine/store/store.ts';
import type { Config } from './config.ts';
import { askToFlush } from './control.ts';
import { empty, type Holders, heldBy, join, noLeftovers } from './holders.ts';
import { requireNetAdmin } from './privileges.ts';
import { openStore, stateFolder, storeFile } from './state.ts';

const { bootId } = systemClock;

/** What a flush has done, line by line. The guard is the one that a daemon goes on with. */
export function flushLines({ removed, rules, lists, guard }: Flushed): string[] {
  return [
    ...(removed.length === 0 ? ['Nothing of rfw was in the kernel'] : removed.map((thing) => `Removed ${thing}`)),
    ...deleted(rules, rules === 1 ? 'rule' : 'rules'),
    ...deleted(lists, lists === 1 ? 'list' : 'lists'),
    ...(guard === null ? [] : ['The guard comes back with the next rule, with SIGHUP or a restart']),
  ];
}

function deleted(count: number, things: string): string[] {
  return count === 0 ? [] : [`Deleted ${count} stored ${things}: no start brings them back`];
}

/** Flushes a daemon that runs, and what it has not been able yet to take out of a former backend. */
export async function flushRunning(engine: Engine, holders: Holders): Promise<FlushReport> {
  const flushed = await engine.flush();
  const emptied = await holders.emptyFormer();
  const removed = emptied.flatMap((result) => ('removed' in result ? result.removed : []));
  return {
    lines: flushLines({ ...flushed, removed: [...flushed.removed, ...removed] }),
    failures: emptied.flatMap((result) => ('failure' in result ? [notEmptied(result.holder, result.failure)] : [])),
  };
}

function notEmptied({ name }: Holder, reason: string): string {
  return `What ${name} holds could not be taken out: ${reason}`;
}

/**
 * Removes everything that rfw has put into the kernel, and the stored rules. A daemon that runs is asked to do it.
 * @throws RfwError `kernel-unavailable` without the right to, `state-in-use` when the daemon that runs can't be asked,
 * `store-failed`
 */
export async function flush(config: Config): Promise<FlushReport> {
  if (config.backend !== 'memory') requireNetAdmin();
  if (!existsSync(storeFile(config))) return flushHolders(undefined, config);
  let store: Store;
  try {
    store = openStore(config);
  } catch (error) {
    if (error instanceof RfwError && error.code === 'state-in-use') return askToFlush(stateFolder(config));
    throw error;
  }
  try {
    return await flushHolders(store, config);
  } finally {
    await store.close();
  }
}

/** The kernel first, then the store: when anything stays in the kernel, the rules stay stored. */
async function flushHolders(store: Store | undefined, config: Config): Promise<FlushReport> {
  const state = await store?.load();
  const recorded = (await store?.holders()) ?? [];
  const removed: string[] = [];
  const failures: string[] = [];
  for (const [index, holder] of recorded.entries()) {
    const held = index === 0 && state !== undefined ? heldBy(state) : noLeftovers;
    try {
      // What was filled before the machine started anew is gone by itself.
      if (holder.bootId === bootId) removed.push(...(await empty(holder, join(holder.leftovers, held), config)));
    } catch (error) {
      failures.push(notEmptied(holder, reasonOf(error)));
    }
  }
  if (config.backend !== 'memory' && !recorded.some(({ name }) => name === 'nftables')) {
    try {
      removed.push(...(await empty(unrecorded, noLeftovers, config)));
    } catch (error) {
      // A kernel that has no nf_tables holds no table of rfw's either.
      if (!isMissing(error)) failures.push(notEmptied(unrecorded, reasonOf(error)));
    }
  }
  if (failures.length > 0) return { lines: removed.map((thing) => `Removed ${thing}`), failures };
  let rules = 0;
  for (const _ of state?.rules ?? []) rules++;
  const lists = store === undefined ? [] : await storedListNames(store);
  if (store !== undefined) {
    const flushed = { number: (state?.lastChange ?? 0) + 1, at: Date.now() };
    await store.clear({
      documents: [...lists.flatMap(listDeletions), ...(await flushedConfirmations(store))],
      changes: [{ ...flushed, change: { kind: 'flushed', rules, by: rfwItself } }],
    });
  }
  await store?.setHolders([]);
  const flushed = { removed, rules, lists: lists.length, guard: null };
  return { lines: [...flushLines(flushed), ...elsewhere(config)], failures };
}

/** The table of nftables is rfw's, whoever has noted it. */
const unrecorded: Holder = { name: 'nftables', variant: '', path: '', bootId, leftovers: noLeftovers };

function isMissing(error: unknown): boolean {
  return error instanceof RfwError && (error.code === 'kernel-unavailable' || error.code === 'unsupported');
}

/** Rules that are only tried out in memory are kept apart from those in the kernel. */
function elsewhere(config: Config): string[] {
  if (config.backend !== 'memory' || !existsSync(storeFile({ ...config, backend: 'auto' }))) return [];
  return ['What an earlier start has put into the kernel stays there: --backend auto flushes that'];
}
