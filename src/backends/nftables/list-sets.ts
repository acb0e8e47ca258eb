import { type Family, families } from '../../domain/address.ts';
import { type EnforcedList, type ListMatch, type ListName, listKey } from '../../domain/list.ts';

/** A set of the table that holds addresses of a list. */
export interface ListSet {
  readonly name: string;
  readonly family: Family;
  readonly kind: 'host' | 'network';
}

/** A list as the kernel has it, or is about to. */
export interface StandingList extends ListMatch {
  readonly name: ListName;
  readonly version: number;
  readonly sets: readonly ListSet[];
}

/** What `ListSets` hands to a later process. */
export interface ListSetsState {
  readonly lists: readonly StandingList[];
  readonly lastNumber: number;
}

/**
 * A range of at most so many addresses goes into the set of hosts one by one: that takes the kernel a tenth of the time of a
 * range in an interval set, and a packet finds them sooner.
 */
export const fewAddresses = 4;

const kinds = { host: 'hosts', network: 'nets' } as const;

/** The lists that stand in the table, and the names of their sets. */
export class ListSets {
  #lists: readonly StandingList[];
  /** Names are never used twice, so that old and new ones can stand side by side. */
  #lastNumber: number;

  constructor(lastNumber = 0, lists: readonly StandingList[] = []) {
    this.#lastNumber = lastNumber;
    this.#lists = lists;
  }

  static from({ lists, lastNumber }: ListSetsState): ListSets {
    return new ListSets(lastNumber, lists);
  }

  state(): ListSetsState {
    return { lists: structuredClone(this.#lists), lastNumber: this.#lastNumber };
  }

  /** The first one is met first. */
  get all(): readonly StandingList[] {
    return this.#lists;
  }

  /** The lists as they will stand: those that do already are the same objects, others get sets of new names. */
  place(lists: readonly EnforcedList[]): StandingList[] {
    const standing = new Map(this.#lists.map((list) => [listKey(list), list]));
    return lists.map((list) => standing.get(listKey(list)) ?? this.#placed(list));
  }

  /** Notes that the kernel has these. */
  settle(lists: readonly StandingList[]): void {
    this.#lists = lists;
  }

  #placed({ name, version, action, chain, in: into, out, side, addresses }: EnforcedList): StandingList {
    const sets = families.flatMap((family) => {
      const { narrowAddresses, wideRanges } = addresses.countsBySize(family, fewAddresses);
      const held = [
        ...(narrowAddresses > 0 ? (['host'] as const) : []),
        ...(wideRanges > 0 ? (['network'] as const) : []),
      ];
      return held.map((kind) => ({ name: this.#nameOf(name, family, kind), family, kind }));
    });
    return { name, version, action, chain, in: into, out, side, sets };
  }

  #nameOf(name: ListName, family: Family, kind: ListSet['kind']): string {
    return `list_${name}_ip${family}_${kinds[kind]}_${++this.#lastNumber}`;
  }
}
