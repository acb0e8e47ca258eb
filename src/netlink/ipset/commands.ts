import type { Codec, ValueOf } from '../codec.ts';
import { bytes } from '../codec.ts';
import { EncodeError } from '../errors.ts';
import type { Body, Message, Reply } from '../message.ts';
import { body, Flag, readFamily } from '../message.ts';
import { attributes } from '../wire.ts';
import { Command, ListFlag, longestName, protocol, SetFamily, SetOption, subsystem } from './constants.ts';
import type { AddressLength, EntryList } from './entries.ts';
import { ipsetErrors } from './errors.ts';
import type { EntryAttributes, SetAttributes } from './objects.ts';
import { manyEntries, oneEntry, pair, plain, set, setType, version } from './objects.ts';

// Requests of ipset, as plain messages, each for `Connection.request`: there are no batches, and every message takes effect
// by itself. Each says what the program ipset would call it, which is what errors repeat.

/** What a set is made with. */
export interface SetSpec {
  /** `hash:net` */
  readonly type: string;
  /** From `askType`. */
  readonly revision: number;
  /** Bytes of the addresses. */
  readonly addressLength: AddressLength;
  /** Seconds that an entry stays when it says nothing itself; 0 is for ever. Without it entries can have no timeout. */
  readonly timeout?: number | undefined;
  /** Every entry counts the packets that match it. */
  readonly counters?: boolean;
  /** Buckets to begin with; the kernel makes more when they fill, all at once. 1024 by default. */
  readonly hashSize?: number;
  /** The most entries that the set takes. 65,536 by default. */
  readonly maxElements?: number;
}

function message(type: number, flags: number, operation: string, written: Body): Message {
  // NFPROTO_IPV4 whatever the set holds, as the program ipset has it.
  return { operation, type: (subsystem << 8) | type, flags, family: SetFamily.ip, body: written, errors: ipsetErrors };
}

/** @throws EncodeError for a name that the kernel would refuse or cut short */
function checked(name: string): string {
  const { length } = new TextEncoder().encode(name);
  if (length >= 1 && length <= longestName) return name;
  throw new EncodeError(`a name of ${length} bytes, where ${longestName} is the most for a set`);
}

const familyOf = (addressLength: AddressLength): number => SetFamily[addressLength === 4 ? 'ip' : 'ip6'];

/** The protocols that the kernel speaks, read by `version`: EINVAL when it has no ipset. */
export function askProtocol(): Message {
  return message(Command.protocol, 0, 'ipset version', body(version, { protocol }));
}

/** The revisions of a type that the kernel has, loading its module: read by `setType`. */
export function askType(type: string, addressLength: AddressLength): Message {
  const value = { protocol, type, family: familyOf(addressLength) };
  return message(Command.type, 0, `ipset type ${type}`, body(setType, value));
}

/** `create`: EEXIST when there is a set of that name. */
export function createSet(name: string, spec: SetSpec): Message {
  const { type, revision, addressLength, timeout, counters = false, hashSize, maxElements } = spec;
  const value = {
    protocol,
    name: checked(name),
    type,
    revision,
    family: familyOf(addressLength),
    properties: { timeout, options: counters ? SetOption.counters : undefined, hashSize, maxElements },
  };
  return message(Command.create, Flag.create | Flag.exclusive, `create ${name}`, body(set, value));
}

/** `destroy`: IPSET_ERR_BUSY while anything refers to it, ENOENT when there is none. */
export function destroySet(name: string): Message {
  const value = { protocol, name: checked(name) };
  // The program says NLM_F_EXCL here too; the kernel doesn't look at it.
  return message(Command.destroy, Flag.exclusive, `destroy ${name}`, body(plain, value));
}

/** `flush`: deletes its entries. */
export function flushSet(name: string): Message {
  return message(Command.flush, 0, `flush ${name}`, body(plain, { protocol, name: checked(name) }));
}

/** `swap`: each name gets the other's set, for whoever refers to it, at once. Both have to be of one type and family. */
export function swapSets(name: string, other: string): Message {
  const value = { protocol, name: checked(name), other: checked(other) };
  return message(Command.swap, 0, `swap ${name} ${other}`, body(pair, value));
}

/**
 * `list`, for `dump`: one set or all. Headers without entries take the kernel a while too, since it counts the entries: 20 ms
 * for a million. Names are quick.
 */
export function listSets(show: 'names' | 'headers' | 'entries', name?: string): Message {
  const flags = { names: ListFlag.namesOnly, headers: ListFlag.headersOnly, entries: undefined }[show];
  const value = { protocol, name: name === undefined ? undefined : checked(name), flags };
  return message(Command.list, 0, name === undefined ? 'list' : `list ${name}`, body(plain, value));
}

const written = attributes({ ...manyEntries.rows, entries: [8, { ...bytes, nested: true }] });

function entriesMessage(type: number, flags: number, verb: string, name: string, entries: EntryList): Message {
  const plain = body(written, { protocol, name: checked(name), line: 1, entries: entries.content });
  const blame = (returned: DataView): string => `entries[${(manyEntries.read(returned).line ?? 0) - 1}]`;
  return message(type, flags, `${verb} ${name}`, { ...plain, blame });
}

/**
 * `add`: IPSET_ERR_EXIST when one is there already, and IPSET_ERR_HASH_FULL past the most that the set takes. Those before
 * the one that is refused are in. Holds a view of the list, which must not change until it is sent.
 */
export function addEntries(name: string, entries: EntryList): Message {
  return entriesMessage(Command.add, Flag.exclusive, 'add', name, entries);
}

/** `del`: IPSET_ERR_EXIST when one isn't there; those before it are out. */
export function deleteEntries(name: string, entries: EntryList): Message {
  return entriesMessage(Command.delete, Flag.exclusive, 'del', name, entries);
}

/** `test`: IPSET_ERR_EXIST when the address is in no entry of the set. */
export function testEntry(name: string, address: Uint8Array): Message {
  const entry = { address: address.length === 4 ? { ipv4: address } : { ipv6: address } };
  return message(Command.test, 0, `test ${name}`, body(oneEntry, { protocol, name: checked(name), entry }));
}

/** An object out of a reply. Throws DecodeError. */
export function read<C extends Codec<unknown>>(codec: C, reply: Reply): ValueOf<C> {
  // The codec reads its own values, which is what the type says.
  return codec.read(readFamily(reply).attributes) as ValueOf<C>;
}

/** The sets out of the replies to `listSets`, each with all its entries. Throws DecodeError. */
export function readSets(replies: readonly Reply[]): SetAttributes[] {
  const sets: (SetAttributes & { readonly entries: EntryAttributes[] })[] = [];
  for (const reply of replies) {
    const { entries = [], ...part } = read(set, reply);
    const last = sets.at(-1);
    if (last?.name === part.name) for (const entry of entries) last?.entries.push(entry);
    else sets.push({ ...part, entries: [...entries] });
  }
  return sets;
}
