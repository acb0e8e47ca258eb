import type { Backend, Leftovers } from '../backends/backend.ts';
import { IptablesBackend } from '../backends/iptables/iptables.ts';
import { RfwError, reasonOf } from '../domain/errors.ts';
import type { Holder } from '../engine/store/holder.ts';
import type { Store, StoredState } from '../engine/store/store.ts';
import { makeBackend } from './backend.ts';
import type { Config } from './config.ts';

export const noLeftovers: Leftovers = { rules: [], guards: [] };

/** The packet filter that a backend fills, on this start of the machine. @param backend one that has been probed */
export function holderOf(backend: Backend, bootId: string): Holder {
  const place = backend instanceof IptablesBackend ? backend.place : { variant: '', path: '' };
  return { name: backend.name, ...place, bootId, leftovers: noLeftovers };
}

/** Whether two are the same packet filter. One that an earlier rfw noted without its variant is taken for either. */
export function isSame(a: Holder, b: Holder): boolean {
  return a.name === b.name && (a.variant === b.variant || a.variant === '' || b.variant === '');
}

/** Both together. */
export function join(a: Leftovers, b: Leftovers): Leftovers {
  return { rules: [...a.rules, ...b.rules], guards: [...a.guards, ...b.guards] };
}

/** All that may be in the packet filter that the store is about. */
export function heldBy({ rules, guard, intended }: StoredState): Leftovers {
  return {
    rules: [...rules, ...intended.rules, ...intended.removed],
    guards: [...(guard === null ? [] : [guard]), ...intended.guards],
  };
}

/**
 * What is to be recorded before a packet filter is filled: that one first, with what it may still hold from an earlier time,
 * then those that hold something beside it. What was filled before the machine started anew is gone by itself.
 * @param held what is in the first of those that are recorded, by the store
 */
export function takeOver(
  recorded: readonly Holder[],
  current: Holder,
  held: Leftovers,
): readonly [Holder, ...Holder[]] {
  const standing = recorded
    .map((holder, index) =>
      index === 0 && !isSame(holder, current) ? { ...holder, leftovers: join(holder.leftovers, held) } : holder,
    )
    .filter(({ bootId }) => bootId === current.bootId);
  const own = standing.find((holder) => isSame(holder, current));
  return [
    { ...current, leftovers: own?.leftovers ?? noLeftovers },
    ...standing.filter((holder) => !isSame(holder, current)),
  ];
}

/** Its name for people, with its variant where that tells it from the other. */
export function nameOf(holder: Holder, other: Holder): string {
  return holder.name === other.name ? `${holder.name} (${holder.variant})` : holder.name;
}

/**
 * Takes everything of rfw's out of a packet filter.
 * @returns for people, each thing that was taken out
 * @throws RfwError when it can't be reached or refuses
 */
export async function empty(holder: Holder, leftovers: Leftovers, config: Config): Promise<readonly string[]> {
  const backend = makeBackend(holder.name, config, holder.path === '' ? config.iptablesPath : holder.path);
  try {
    await backend.probe();
    const found = holderOf(backend, holder.bootId);
    if (isSame(holder, found)) return await backend.teardown(leftovers);
    throw new RfwError('kernel-unavailable', `${holder.path} is ${found.variant} now, and was ${holder.variant}`);
  } finally {
    backend.close();
  }
}

/** What became of a former packet filter. */
export type Emptied =
  | { readonly holder: Holder; readonly removed: readonly string[] }
  | { readonly holder: Holder; readonly failure: string };

/** The packet filters that hold something of rfw's: the one that is filled, and those that are to be empty. */
export class Holders {
  readonly #store: Store;
  readonly #config: Config;
  #current: Holder;
  #former: readonly Holder[];

  private constructor(store: Store, config: Config, [current, ...former]: readonly [Holder, ...Holder[]]) {
    this.#store = store;
    this.#config = config;
    this.#current = current;
    this.#former = former;
  }

  /**
   * Records the packet filter that the backend is about to fill, and what those before it may hold. Rules that were only
   * tried out in memory are nowhere.
   * @throws RfwError `store-failed`
   */
  static async record(backend: Backend, store: Store, config: Config, bootId: string): Promise<Holders> {
    const current = holderOf(backend, bootId);
    if (backend.name === 'memory') return new Holders(store, config, [current]);
    const recorded = await store.holders();
    const [last] = recorded;
    const leaves = last !== undefined && !isSame(last, current) && !makeBackend(last.name, config).marksItsOwn;
    const holders = takeOver(recorded, current, leaves ? heldBy(await store.load()) : noLeftovers);
    await store.setHolders(holders);
    await noteStrays(store, holders[0].leftovers);
    return new Holders(store, config, holders);
  }

  get current(): Holder {
    return this.#current;
  }

  /** Whether the rules aren't yet, or not only, in the current one. */
  get moving(): boolean {
    const { rules, guards } = this.#current.leftovers;
    return this.#former.length + rules.length + guards.length > 0;
  }

  /** Takes everything out of the former ones, and forgets those that are empty. @throws RfwError `store-failed` */
  async emptyFormer(): Promise<readonly Emptied[]> {
    if (!this.moving) return [];
    const emptied: Emptied[] = [];
    for (const holder of this.#former) {
      try {
        emptied.push({ holder, removed: await empty(holder, holder.leftovers, this.#config) });
      } catch (error) {
        emptied.push({ holder, failure: reasonOf(error) });
      }
    }
    this.#former = emptied.flatMap((result) => ('failure' in result ? [result.holder] : []));
    this.#current = { ...this.#current, leftovers: noLeftovers };
    await this.#store.setHolders([this.#current, ...this.#former]);
    return emptied;
  }
}

/** Has the engine take out at its start what a packet filter may still hold from an earlier time. */
async function noteStrays(store: Store, strays: Leftovers): Promise<void> {
  if (strays.rules.length + strays.guards.length === 0) return;
  const { intended } = await store.load();
  await store.intend({ ...join(intended, strays), removed: intended.removed });
}
