import { families as everyFamily, type Family } from '../../domain/address.ts';
import { RfwError } from '../../domain/errors.ts';
import { type EnforcedList, listKey } from '../../domain/list.ts';
import type { ListCount } from '../backend.ts';
import type { FilterTable } from './filter-table.ts';
import type { SavedLine } from './line.ts';
import { setName } from './list-line.ts';
import { ListSets, type WantedSet } from './list-sets.ts';
import { planRepair, type RepairPlan } from './repair.ts';
import { SetsPoll } from './sets-poll.ts';
import { inChain, listLines, staleLists, tableChains } from './wanted.ts';

/** What a repair made of the sets. */
export interface Brought {
  /** Lists that can have their lines, since their sets are there. */
  readonly lists: readonly EnforcedList[];
  /** The sets that were filled anew. */
  readonly filled: readonly string[];
  /** Why not all that is wanted could be brought. */
  readonly failure?: unknown;
}

/** Lists in the filter table: for each family a set of ipset, and a line that looks it up. */
export class Lists {
  readonly #table: FilterTable;
  readonly #sets = new ListSets();
  #families: readonly Family[] = [];
  /** Why there can be none. */
  #lacks: string | undefined = 'iptables has not been probed';
  #standing: readonly EnforcedList[] = [];
  /** While sets and lines change, they needn't hold what they should. */
  #changing = false;
  readonly #polls = new Set<SetsPoll>();

  constructor(table: FilterTable) {
    this.#table = table;
  }

  /** Finds out whether there can be lists, and leaves everything as it was. @returns why not */
  async probe(families: readonly Family[]): Promise<string | undefined> {
    this.#families = families;
    this.#lacks = this.#sets.probe(families) ?? (await this.#probeLines(families));
    return this.#lacks;
  }

  async #probeLines(families: readonly Family[]): Promise<string | undefined> {
    const tried = families.map((family) =>
      this.#sets.withEmpty(family, (name) =>
        this.#table.refuses(family, [`-A INPUT -m set --match-set ${name} src -j DROP`]),
      ),
    );
    try {
      return (await Promise.all(tried)).find((reason) => reason !== undefined);
    } catch (error) {
      // A set can't be made. Rules can be enforced all the same.
      if (error instanceof RfwError) return error.message;
      throw error;
    }
  }

  /** Those of the lists that this host can have: all or none. */
  possible(lists: readonly EnforcedList[]): readonly EnforcedList[] {
    return this.#lacks === undefined ? lists : [];
  }

  /**
   * Brings sets and lines to these lists, all or nothing.
   * @param isRule whether a line is one of rfw's rules or of its guard, below which lists stand
   * @throws RfwError `lists-unsupported`, `unsupported`, `kernel-refused`, `kernel-unavailable`
   */
  async set(lists: readonly EnforcedList[], isRule: (line: SavedLine) => boolean): Promise<void> {
    const wanted = this.#unlessStanding(lists);
    if (wanted.length > 0) this.#require(wanted);
    if (this.#lacks !== undefined) return;
    this.#changing = true;
    try {
      await this.#take(wanted, isRule);
    } finally {
      this.#changing = false;
    }
  }

  async #take(lists: readonly EnforcedList[], isRule: (line: SavedLine) => boolean): Promise<void> {
    const wanted = this.#wanted(lists);
    const filled = await this.#sets.fill(wanted.filter((set) => !this.#sets.knows(set)));
    try {
      this.#sets.swap(filled);
    } catch (error) {
      this.#sets.discard(filled);
      throw error;
    }
    try {
      await this.#line(lists, isRule);
    } catch (error) {
      this.#sets.swapBack(filled);
      this.#sets.discard(filled);
      throw error;
    }
    this.#standing = lists;
    await this.#sets.keep(wanted);
  }

  /** The lists, but those whose version stands as what stands: that isn't looked at again. */
  #unlessStanding(lists: readonly EnforcedList[]): readonly EnforcedList[] {
    const standing = new Map(this.#standing.map((list) => [listKey(list), list]));
    return lists.map((list) => standing.get(listKey(list)) ?? list);
  }

  #require(lists: readonly EnforcedList[]): void {
    if (this.#lacks !== undefined) {
      throw new RfwError('lists-unsupported', `This host can not have lists with iptables: ${this.#lacks}`);
    }
    const missing = everyFamily.find((family) => !this.#families.includes(family));
    const list = missing && lists.find(({ addresses }) => addresses.prefixCount(missing) > 0);
    if (list) {
      throw new RfwError(
        'unsupported',
        `This host has no ip6tables that works: take the IPv6 addresses out of the list ${list.name}`,
      );
    }
  }

  /** Brings the lines to these lists, where they differ from those that stand. */
  async #line(lists: readonly EnforcedList[], isRule: (line: SavedLine) => boolean): Promise<void> {
    const done: Family[] = [];
    for (const family of this.#families) {
      if (sameLines(this.#standing, lists, family)) continue;
      done.push(family);
      try {
        await this.#table.settle(family, (lines) => planLists(lists, family, lines, isRule));
      } catch (error) {
        for (const former of done) {
          await this.#table.undo(former, error, (now) =>
            planLists(this.#standing, former, now, isRule).flatMap(({ commands }) => commands),
          );
        }
        throw error;
      }
    }
  }

  /** Brings the sets to these lists, whatever there is, as far as that goes. `finish` has to follow, when the lines stand. */
  async bring(lists: readonly EnforcedList[]): Promise<Brought> {
    if (this.#lacks !== undefined) return { lists: [], filled: [] };
    this.#changing = true;
    const wanted = this.#wanted(lists);
    try {
      const lost: WantedSet[] = [];
      for (const set of wanted) {
        if (!this.#sets.knows(set) || !(await this.#sets.holds(set))) lost.push(set);
      }
      const filled = await this.#sets.fill(lost);
      this.#sets.swap(filled);
      return { lists, filled: filled.map(({ name }) => name) };
    } catch (failure) {
      const names = await this.#sets.names();
      const there = lists.filter((list) => this.#wanted([list]).every(({ name }) => names.has(name)));
      return { lists: there, filled: [], failure };
    }
  }

  /** Ends what `bring` began. @returns the sets that are gone @throws what kept it from bringing all */
  async finish({ lists, failure }: Brought): Promise<readonly string[]> {
    this.#changing = false;
    if (failure !== undefined) {
      this.#sets.forget();
      this.#standing = [];
      throw failure;
    }
    if (this.#lacks !== undefined) return [];
    this.#standing = lists;
    return this.#sets.keep(this.#wanted(lists));
  }

  /** Whether the sets of the lists hold what they should, as far as that is told quickly. */
  async hold(lists: readonly EnforcedList[]): Promise<boolean> {
    for (const set of this.#wanted(this.possible(lists))) {
      if (!(await this.#sets.holds(set))) return false;
    }
    return true;
  }

  /** What the lists that stand have met. */
  async counts(): Promise<readonly ListCount[]> {
    if (this.#standing.length === 0) return [];
    const tables = await Promise.all(this.#families.map((family) => this.#table.lines(family)));
    return this.#standing.map((list) => {
      const sets = new Set(this.#families.map((family) => setName(list, family)));
      const met = tables.flat().filter((line) => line.list && sets.has(line.list.set));
      const sumOf = (counter: 'packets' | 'bytes'): bigint => met.reduce((sum, line) => sum + line[counter], 0n);
      return { name: list.name, packets: sumOf('packets'), bytes: sumOf('bytes') };
    });
  }

  /** Tells when somebody else has changed the sets. @returns ends the watch */
  watch(disturbed: () => void): () => void {
    const poll = new SetsPoll({ look: async () => this.#changing || this.hold(this.#standing), disturbed });
    this.#polls.add(poll);
    return () => {
      this.#polls.delete(poll);
      poll.close();
    };
  }

  close(): void {
    for (const poll of this.#polls) poll.close();
    this.#polls.clear();
    this.#sets.close();
  }

  #wanted(lists: readonly EnforcedList[]): WantedSet[] {
    return lists.flatMap((list) =>
      this.#families
        .filter((family) => list.addresses.prefixCount(family) > 0)
        .map((family) => ({ name: setName(list, family), family, list })),
    );
  }
}

function sameLines(former: readonly EnforcedList[], next: readonly EnforcedList[], family: Family): boolean {
  return tableChains.every((chain) => {
    const keys = (lists: readonly EnforcedList[]): string =>
      listLines(lists, family, chain)
        .map(({ key }) => key)
        .join('\n');
    return keys(former) === keys(next);
  });
}

/** How the lines of lists come to stand below those of rules, which stay as they are. */
function planLists(
  lists: readonly EnforcedList[],
  family: Family,
  lines: readonly SavedLine[],
  isRule: (line: SavedLine) => boolean,
): readonly RepairPlan[] {
  return tableChains.map((chain) => {
    const current = inChain(lines, chain);
    const rules = [...new Map(current.filter(isRule).map((line) => [line.key, line])).values()];
    const wanted = [...rules, ...listLines(lists, family, chain)];
    return planRepair(chain, current, wanted, staleLists(current, wanted));
  });
}
