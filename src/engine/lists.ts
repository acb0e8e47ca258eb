import { AddressSet } from '../domain/address-set.ts';
import { RfwError } from '../domain/errors.ts';
import { parseInterface } from '../domain/interface.ts';
import { type EnforcedList, type ListName, listProperties, parseListName } from '../domain/list.ts';
import { cutOut } from '../domain/list-text.ts';
import { Whitelist } from '../domain/whitelist.ts';
import type { List } from './list.ts';
import type { DocumentWrite, Store } from './store/store.ts';

/** A list, and what a packet filter is to hold of it. */
export interface StandingList {
  readonly list: List;
  readonly enforced: EnforcedList;
  readonly cut: AddressSet;
}

/** What `Lists.state` hands to the next run. */
export interface ListsState {
  /** The version of what is enforced of each list. */
  readonly versions: readonly (readonly [name: string, version: number])[];
  readonly last: number;
}

/** Kinds of documents: what a list is but for its addresses, those as bytes, and the last version. */
const kinds = { list: 'list', addresses: 'list-addresses', counter: 'list-counter' } as const;

const counterId = 'last';

/** Numbers that are never used twice. */
class Counter {
  #last: number;

  constructor(last: number) {
    this.#last = last;
  }

  get last(): number {
    return this.#last;
  }

  next(): number {
    return ++this.#last;
  }
}

/**
 * The lists that stand, and what is enforced of them beside a whitelist. It never changes; what is the same in another one has the
 * same version there, by which a packet filter knows it. Only what the whitelist cuts into is in memory twice.
 */
export class Lists {
  /** Those met first come first. */
  readonly #entries: readonly StandingList[];
  readonly #whitelist: Whitelist;
  readonly #counter: Counter;

  private constructor(entries: readonly StandingList[], whitelist: Whitelist, counter: Counter) {
    this.#entries = entries;
    this.#whitelist = whitelist;
    this.#counter = counter;
  }

  static get none(): Lists {
    return new Lists([], new Whitelist([]), new Counter(0));
  }

  /**
   * @param state what the run before handed over, if the same whitelist cut into the same lists
   * @throws RfwError `store-failed`, also for what somebody else has written
   */
  static of({ lists, last }: StoredLists, whitelist: Whitelist, state?: ListsState): Lists {
    const versions = new Map(state?.versions);
    const counter = new Counter(Math.max(last, state?.last ?? 0));
    const entries = lists.map((list) => {
      const version = versions.get(list.name) ?? counter.next();
      const { kept, cut } = cutOut(list.addresses, whitelist);
      return { list, enforced: enforcedOf(list, kept, version), cut };
    });
    return new Lists(entries.sort(byPlace), whitelist, counter);
  }

  /** Those that aren't over, and that a packet meets first come first. @param now milliseconds since the epoch */
  all(now: number): readonly List[] {
    return this.#entries.flatMap(({ list }) => (isOver(list, now) ? [] : [list]));
  }

  /** Undefined when there is none, or it is over. */
  get(name: ListName, now: number): List | undefined {
    return this.all(now).find((list) => list.name === name);
  }

  /** What the whitelist keeps out of a list. */
  cutOf(name: ListName): AddressSet {
    return this.#entries.find(({ list }) => list.name === name)?.cut ?? AddressSet.empty;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** All of them, a packet meets the first one first. */
  get standing(): readonly StandingList[] {
    return this.#entries;
  }

  /** What the packet filter should hold. */
  get enforced(): readonly EnforcedList[] {
    return this.#entries.map(({ enforced }) => enforced);
  }

  /** When the first of them ends, in milliseconds since the epoch; undefined when none does. */
  get nextExpiry(): number | undefined {
    const instants = this.#entries.flatMap(({ list }) => list.expiresAt ?? []);
    return instants.length === 0 ? undefined : Math.min(...instants);
  }

  /** A version that no list has had. */
  nextVersion(): number {
    return this.#counter.next();
  }

  /** The same with a list, in the place of the one of its name. */
  with(list: List): Lists {
    const former = this.#entries.find((entry) => entry.list.name === list.name);
    const others = this.#entries.filter((entry) => entry !== former);
    return this.#to([...others, this.#cut(list, this.#whitelist, former)].sort(byPlace));
  }

  without(name: ListName): Lists {
    return this.#to(this.#entries.filter(({ list }) => list.name !== name));
  }

  /** None of them. */
  get emptied(): Lists {
    return this.#to([]);
  }

  /** The same beside another whitelist. */
  beside(whitelist: Whitelist): Lists {
    const entries = this.#entries.map((entry) => this.#cut(entry.list, whitelist, entry));
    return new Lists(entries, whitelist, this.#counter);
  }

  /** Parts those whose time is up from the others. */
  part(now: number): { readonly over: readonly List[]; readonly remaining: Lists } {
    const over = this.#entries.map(({ list }) => list).filter((list) => isOver(list, now));
    if (over.length === 0) return { over, remaining: this };
    return { over, remaining: this.#to(this.#entries.filter(({ list }) => !isOver(list, now))) };
  }

  /**
   * The same with other expiries, because the wall clock was set by as much. For how long they stand stays the same, and so do the
   * versions.
   */
  moved(milliseconds: number): Lists {
    const move = <T extends { readonly expiresAt: number | null }>(of: T): T =>
      of.expiresAt === null ? of : { ...of, expiresAt: of.expiresAt + milliseconds };
    return this.#to(
      this.#entries.map(({ list, enforced, cut }) => ({ list: move(list), enforced: move(enforced), cut })),
    );
  }

  /** What stores the expiries of those that have one. */
  get expiring(): readonly DocumentWrite[] {
    return this.#entries.flatMap(({ list }) => (list.expiresAt === null ? [] : [propertiesDocument(list)]));
  }

  /** What deletes them all from the disk. */
  get deletions(): readonly DocumentWrite[] {
    return this.#entries.flatMap(({ list }) => listDeletions(list.name));
  }

  /** What brings a list to the disk. @param before what is there of it */
  documents(list: List, before: List | undefined): readonly DocumentWrite[] {
    const { name, addresses } = list;
    const same = before?.addresses === addresses;
    return [
      propertiesDocument(list),
      ...(same ? [] : [{ kind: kinds.addresses, id: name, body: addresses.toBytes() }]),
      { kind: kinds.counter, id: counterId, body: String(this.#counter.last) },
    ];
  }

  state(): ListsState {
    return {
      versions: this.#entries.map(({ enforced: { name, version } }) => [name, version] as const),
      last: this.#counter.last,
    };
  }

  #to(entries: readonly StandingList[]): Lists {
    return new Lists(entries, this.#whitelist, this.#counter);
  }

  #cut(list: List, whitelist: Whitelist, former: StandingList | undefined): StandingList {
    if (former?.list === list && whitelist === this.#whitelist) return former;
    const { kept, cut } = cutOut(list.addresses, whitelist);
    const next = enforcedOf(list, kept, 0);
    if (former !== undefined && isSame(former.enforced, next)) return { list, enforced: former.enforced, cut };
    return { list, enforced: { ...next, version: this.#counter.next() }, cut };
  }
}

function byPlace(a: StandingList, b: StandingList): number {
  return b.list.place - a.list.place;
}

/** Whether the time of a list is up. */
export function isOver({ expiresAt }: List, now: number): boolean {
  return expiresAt !== null && expiresAt <= now;
}

function enforcedOf(list: List, addresses: AddressSet, version: number): EnforcedList {
  const { name, action, chain, in: into, out, side, expiresAt } = list;
  return { name, version, action, chain, in: into, out, side, expiresAt, addresses };
}

/** Whether two are the same but for their version. */
function isSame(a: EnforcedList, b: EnforcedList): boolean {
  const text = ({ action, chain, in: into, out, side, expiresAt }: EnforcedList): string =>
    [action, chain, into, out, side, expiresAt].join(' ');
  return text(a) === text(b) && (a.addresses === b.addresses || a.addresses.equals(b.addresses));
}

/** What an earlier run has stored. */
export interface StoredLists {
  readonly lists: readonly List[];
  /** The highest version that was ever stored. */
  readonly last: number;
}

/** @throws RfwError `store-failed`, also for what somebody else has written */
export async function loadLists(store: Pick<Store, 'documents'>): Promise<StoredLists> {
  const properties = await store.documents(kinds.list);
  const addresses = properties.size === 0 ? new Map() : await store.documents(kinds.addresses);
  const lists = Array.from(properties, ([name, body]) => readList(name, String(body), addresses.get(name)));
  const last = Number((await store.documents(kinds.counter)).get(counterId) ?? 0);
  return { lists, last: Math.max(last, ...lists.map(({ version }) => version)) };
}

/** What deletes a list from the disk. */
export function listDeletions(name: string): readonly DocumentWrite[] {
  return [kinds.list, kinds.addresses].map((kind) => ({ kind, id: name, body: null }));
}

/** The names of the lists that are stored. @throws RfwError `store-failed` */
export async function storedListNames(store: Pick<Store, 'documents'>): Promise<readonly string[]> {
  return [...(await store.documents(kinds.list)).keys()];
}

/** What a list is but for its name and its addresses. */
type StoredProperties = Omit<List, 'name' | 'addresses'>;

function propertiesDocument({ name, addresses: _, ...rest }: List): DocumentWrite {
  return { kind: kinds.list, id: name, body: JSON.stringify(rest satisfies StoredProperties) };
}

function readList(name: string, body: string, addresses: string | Uint8Array | undefined): List {
  if (!(addresses instanceof Uint8Array))
    throw new RfwError('store-failed', `The addresses of the list ${name} are missing`);
  return listOf(name, JSON.parse(body) as StoredProperties, AddressSet.fromBytes(addresses));
}

/** A list as a JSON value. */
export function storedList({ addresses, ...rest }: List): unknown {
  return { ...rest, addresses: Buffer.from(addresses.toBytes()).toString('base64') };
}

/** What `storedList` gave. @throws RfwError when somebody else has written it */
export function readStoredList(stored: unknown): List {
  const { name, addresses, ...rest } = stored as StoredProperties & {
    readonly name: string;
    readonly addresses: string;
  };
  return listOf(name, rest, AddressSet.fromBytes(Buffer.from(addresses, 'base64')));
}

function listOf(name: string, stored: StoredProperties, addresses: AddressSet): List {
  const { version, place, createdAt, updatedAt, origin, in: into, out, ...given } = stored;
  const properties = listProperties({ ...given, in: parseInterface(into), out: parseInterface(out) });
  return { ...properties, name: parseListName(name), addresses, version, place, createdAt, updatedAt, origin };
}
