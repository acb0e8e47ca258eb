import { type Family, type Prefix, prefixOf, widthOf } from '../../domain/address.ts';
import { RfwError, reasonOf } from '../../domain/errors.ts';
import type { EnforcedList } from '../../domain/list.ts';
import { nextTurn } from '../../domain/turn.ts';
import { Connection } from '../../netlink/connection.ts';
import { dump } from '../../netlink/dump.ts';
import { NetlinkError } from '../../netlink/errno.ts';
import * as ipset from '../../netlink/ipset/commands.ts';
import { longestTimeout } from '../../netlink/ipset/constants.ts';
import { type AddressLength, EntryList } from '../../netlink/ipset/entries.ts';
import { setType } from '../../netlink/ipset/objects.ts';
import type { Message, Reply } from '../../netlink/message.ts';
import { setPrefix } from './list-line.ts';

/** Hosts and networks in one: a packet costs one look-up for each prefix length that occurs. */
const type = 'hash:net';

/** The kernel's own least and default. IPSET_MIMINAL_HASHSIZE and IPSET_DEFAULT_MAXELEM, ip_set_hash_gen.h */
const leastHashSize = 64;
const leastMaxElements = 65_536;

/** Seconds by which an entry outlives the expiry of its list: the daemon takes it out on time, and when it can't, the kernel. */
const slack = 5;

/** Errors after which nobody knows whether the kernel took the request: the answer is missing, not negative. */
const unknownOutcomes: readonly string[] = ['ENOBUFS', 'EPROTO', 'EBADF'];

/** A set that there should be: the addresses of one family of a list. */
export interface WantedSet {
  readonly name: string;
  readonly family: Family;
  readonly list: EnforcedList;
}

/** A set that is filled and in no use yet: under its own name where there was none of that, else beside. */
export interface FilledSet extends WantedSet {
  readonly at: string;
}

/** What the kernel or netlink threw, as an error of the domain. */
export function asRfwError(error: unknown): unknown {
  if (!(error instanceof NetlinkError)) return error;
  const code = unknownOutcomes.includes(error.code) ? 'kernel-unavailable' : 'kernel-refused';
  return new RfwError(code, `ipset: ${error.message}`, { cause: error });
}

/** Seconds after which the kernel lets the entries go by itself; undefined is never, also past what it can count. */
export function timeoutOf(expiresAt: number | null, now: number): number | undefined {
  if (expiresAt === null) return undefined;
  const timeout = Math.ceil(Math.max(0, expiresAt - now) / 1000) + slack;
  return timeout > longestTimeout ? undefined : timeout;
}

/** The sets of lists in the kernel, all of which have names that begin with `rfw-`. Others are never touched. */
export class ListSets {
  #connection: Connection | undefined;
  readonly #revisions = new Map<Family, number>();
  /** What this process has put into each set. */
  readonly #standing = new Map<string, EnforcedList>();
  #beside = 0;

  /** Finds out whether the kernel has sets. Changes nothing. @returns why it has not */
  probe(families: readonly Family[]): string | undefined {
    try {
      this.#request(ipset.askProtocol());
      for (const family of families) {
        const [reply] = this.#request(ipset.askType(type, lengthOf(family)));
        this.#revisions.set(family, (reply && ipset.read(setType, reply).revision) ?? 0);
      }
      return undefined;
    } catch (error) {
      return error instanceof NetlinkError && error.code === 'EINVAL' ? 'the kernel has no ipset' : reasonOf(error);
    }
  }

  /** Makes an empty set for as long as something is tried. @param attempt is given its name */
  async withEmpty<T>(family: Family, attempt: (name: string) => Promise<T>): Promise<T> {
    const name = this.#nameBeside(family);
    await this.#create(name, family, undefined, 0);
    try {
      return await attempt(name);
    } finally {
      this.#destroy(name);
    }
  }

  /** Whether the set has what it should, by what this process has put into it. */
  knows({ name, list }: WantedSet): boolean {
    const standing = this.#standing.get(name);
    if (standing === undefined) return false;
    if (standing.version === list.version) return true;
    return standing.expiresAt === list.expiresAt && standing.addresses.equals(list.addresses);
  }

  /** Whether there is such a set in the kernel, with as many entries as it should have. */
  async holds({ name, family, list }: WantedSet): Promise<boolean> {
    try {
      const [found] = ipset.readSets(await dump(ipset.listSets('headers', name)));
      // Entries that lapse are no loss: their list ends.
      const lapses = list.expiresAt !== null && list.expiresAt <= Date.now();
      return found?.type === type && (lapses || found.properties?.elements === countOf(list, family));
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'ENOENT') return false;
      throw asRfwError(error);
    }
  }

  /** The names of rfw's sets in the kernel. */
  async names(): Promise<ReadonlySet<string>> {
    try {
      const sets = ipset.readSets(await dump(ipset.listSets('names')));
      return new Set(sets.flatMap(({ name = '' }) => (isOwn(name) ? [name] : [])));
    } catch (error) {
      throw asRfwError(error);
    }
  }

  /**
   * Fills sets and takes none into use. While a large one loads the event loop goes on.
   * @throws RfwError, and then has left nothing behind
   */
  async fill(wanted: readonly WantedSet[]): Promise<readonly FilledSet[]> {
    if (wanted.length === 0) return [];
    const names = await this.names();
    const filled: FilledSet[] = [];
    try {
      for (const set of wanted) {
        const at = names.has(set.name) ? this.#nameBeside(set.family) : set.name;
        filled.push({ ...set, at });
        await this.#load(at, set);
      }
      return filled;
    } catch (error) {
      this.discard(filled);
      throw asRfwError(error);
    }
  }

  /** Destroys sets that were filled. */
  discard(filled: readonly FilledSet[]): void {
    for (const { at } of filled) this.#destroy(at);
  }

  /** Takes filled sets into use, each in the place of the one of its name. @throws RfwError, and then has changed nothing */
  swap(filled: readonly FilledSet[]): void {
    const swapped: FilledSet[] = [];
    try {
      for (const set of filled) {
        if (set.at !== set.name) this.#request(ipset.swapSets(set.name, set.at));
        swapped.push(set);
      }
    } catch (error) {
      this.swapBack(swapped);
      throw asRfwError(error);
    }
  }

  /** Undoes `swap`: the filled sets are beside again. */
  swapBack(filled: readonly FilledSet[]): void {
    try {
      for (const { name, at } of filled) if (at !== name) this.#request(ipset.swapSets(name, at));
    } catch (error) {
      // What stands is not known any more, and the next repair fills it anew.
      for (const { name } of filled) this.#standing.delete(name);
      throw asRfwError(error);
    }
  }

  /**
   * Remembers what stands, and destroys all other sets of rfw. One that a rule still looks up can't be, and stays as it is: it
   * may be a line of rfw in the tables of the other variant of iptables, which has the same sets.
   * @returns the names of those that are gone
   */
  async keep(wanted: readonly WantedSet[]): Promise<readonly string[]> {
    this.#standing.clear();
    for (const { name, list } of wanted) this.#standing.set(name, list);
    const gone: string[] = [];
    for (const name of await this.names()) {
      if (this.#standing.has(name)) continue;
      if (this.#destroy(name)) gone.push(name);
    }
    return gone.filter((name) => !isBeside(name));
  }

  /** Says that nobody knows any more what stands: everything is filled anew. */
  forget(): void {
    this.#standing.clear();
  }

  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  async #load(name: string, { family, list }: WantedSet): Promise<void> {
    await this.#create(name, family, timeoutOf(list.expiresAt, Date.now()), countOf(list, family));
    const entries = new EntryList(lengthOf(family));
    const send = async (): Promise<void> => {
      this.#request(ipset.addEntries(name, entries));
      entries.clear();
      await nextTurn();
    };
    for (const { value, length } of entriesOf(list, family)) {
      if (entries.full) await send();
      entries.add(family === 4 ? Number(value) : value, length);
    }
    if (entries.length > 0) await send();
  }

  /** Makes a set for so many entries, in the place of one that a process left behind which ended in the midst of it. */
  async #create(name: string, family: Family, timeout: number | undefined, count: number): Promise<void> {
    const create = ipset.createSet(name, {
      type,
      revision: this.#revisions.get(family) ?? 0,
      addressLength: lengthOf(family),
      timeout,
      // As many buckets as leave the kernel nothing to rehash, which would stop all else for 200 ms with a million entries.
      hashSize: Math.max(leastHashSize, 2 ** Math.ceil(Math.log2(Math.max(1, count / 2)))),
      maxElements: Math.max(leastMaxElements, count),
    });
    try {
      this.#request(create);
    } catch (error) {
      if (!(error instanceof NetlinkError && error.code === 'EEXIST')) throw asRfwError(error);
      this.#destroy(name);
      this.#request(create);
    }
  }

  /** @returns whether it is gone */
  #destroy(name: string): boolean {
    try {
      this.#request(ipset.destroySet(name));
      return true;
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error;
      return error.code === 'ENOENT';
    }
  }

  #nameBeside(family: Family): string {
    return `${setPrefix}~${this.#beside++}-${family}`;
  }

  #request(message: Message): Reply[] {
    this.#connection ??= Connection.open();
    return this.#connection.request(message);
  }
}

function lengthOf(family: Family): AddressLength {
  return family === 4 ? 4 : 16;
}

function isOwn(name: string): boolean {
  return name.startsWith(setPrefix) && /-[46]$/.test(name);
}

/** Whether the set is one that is filled beside another; no list's name begins like that. */
function isBeside(name: string): boolean {
  return name.startsWith(`${setPrefix}~`);
}

/** The prefixes, without one of length 0, which the kernel doesn't take: as two halves. */
function* entriesOf({ addresses }: EnforcedList, family: Family): Generator<Prefix> {
  for (const prefix of addresses.prefixes(family)) {
    if (prefix.length > 0) {
      yield prefix;
      continue;
    }
    yield prefixOf({ family, value: 0n }, 1);
    yield prefixOf({ family, value: 1n << BigInt(widthOf(family) - 1) }, 1);
  }
}

function countOf(list: EnforcedList, family: Family): number {
  const count = list.addresses.prefixCount(family);
  const [first] = count === 1 ? list.addresses.prefixes(family) : [];
  return first?.length === 0 ? 2 : count;
}
