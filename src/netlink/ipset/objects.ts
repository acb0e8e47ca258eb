import type { ValueOf } from '../codec.ts';
import { be32, byte, bytes, cstring, inNetworkOrder } from '../codec.ts';
import { attributes, list } from '../wire.ts';

// The tables of ipset, from linux/netfilter/ipset/ip_set.h. Numbers of more than a byte are marked as big endian.

const marked32 = inNetworkOrder(be32);
const marked = inNetworkOrder(bytes);

/** IPSET_ATTR_PROTOCOL and IPSET_ATTR_SETNAME, which nearly every message begins with. */
const named = { protocol: [1, byte], name: [2, cstring] } as const;

/** IP specific attributes: one of the two, in network byte order. */
const address = attributes({ ipv4: [1, marked], ipv6: [2, marked] });

/** CADT and ADT specific attributes: an entry of a hash:net. Without a length it is a host. */
export const entry = attributes({
  address: [1, address],
  length: [3, byte],
  /** Seconds; 0 is never. */
  timeout: [6, marked32],
  /** What the kernel names when it refuses the entry. */
  line: [9, marked32],
});
export type EntryAttributes = ValueOf<typeof entry>;

/** CADT and create specific attributes: what a set is made with, and in replies what it has become. */
const properties = attributes({
  /** Seconds; 0 is never, but entries can have their own. */
  timeout: [6, marked32],
  /** Bits of SetOption. */
  options: [8, marked32],
  hashSize: [18, marked32],
  maxElements: [19, marked32],
  elements: [24, marked32],
  references: [25, marked32],
  /** Bytes. */
  memory: [26, marked32],
});

/** IPSET_ATTR_DATA */
const entryId = 7;

/** The newest protocol that one side speaks, and in the answer the oldest. IPSET_ATTR_PROTOCOL_MIN */
export const version = attributes({ protocol: [1, byte], leastProtocol: [10, byte] });

/** A request about one set, or all. */
export const plain = attributes({ ...named, flags: [6, marked32] });

/** A request about two sets. IPSET_ATTR_SETNAME2 */
export const pair = attributes({ ...named, other: [3, cstring] });

/** A set, as it is made and as it is listed; in a dump of many entries only the first message has the properties. */
export const set = attributes({
  ...named,
  type: [3, cstring],
  revision: [4, byte],
  family: [5, byte],
  properties: [7, properties],
  entries: [8, list(entry, entryId)],
});
export type SetAttributes = ValueOf<typeof set>;

/** A type of sets; in the answer the revisions that the kernel has. */
export const setType = attributes({
  protocol: [1, byte],
  type: [3, cstring],
  revision: [4, byte],
  family: [5, byte],
  /** IPSET_ATTR_REVISION_MIN */
  leastRevision: [10, byte],
});

/** One entry, to be looked for. */
export const oneEntry = attributes({ ...named, entry: [entryId, entry] });

/** Many entries. In a refusal the kernel writes the line of the entry into the request that it sends back. */
export const manyEntries = attributes({ ...named, line: [9, marked32], entries: [8, list(entry, entryId)] });
