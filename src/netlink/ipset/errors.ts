import { constants } from 'node:os';
import type { ErrnoMeaning } from '../message.ts';

/** Above MAX_ERRNO of the kernel. IPSET_ERR_PRIVATE, linux/netfilter/ipset/ip_set.h */
const first = 4096;

/** enum ipset_errno, in its order, after IPSET_ERR_PRIVATE. */
const common: readonly ErrnoMeaning[] = [
  { code: 'IPSET_ERR_PROTOCOL', reason: 'the kernel finds the request against the protocol of ipset' },
  { code: 'IPSET_ERR_FIND_TYPE', reason: 'this kernel has no such type of set' },
  { code: 'IPSET_ERR_MAX_SETS', reason: 'there are as many sets as the kernel takes' },
  { code: 'IPSET_ERR_BUSY', reason: 'the set is in use' },
  { code: 'IPSET_ERR_EXIST_SETNAME2', reason: 'a set of the second name exists already' },
  { code: 'IPSET_ERR_TYPE_MISMATCH', reason: 'the two sets are of different types' },
  { code: 'IPSET_ERR_EXIST', reason: 'the entry exists already, or there is none to delete' },
  { code: 'IPSET_ERR_INVALID_CIDR', reason: 'a prefix length that the set does not take' },
  { code: 'IPSET_ERR_INVALID_NETMASK', reason: 'a mask that the set does not take' },
  { code: 'IPSET_ERR_INVALID_FAMILY', reason: 'the type of set does not take the family' },
  { code: 'IPSET_ERR_TIMEOUT', reason: 'a timeout where the set was made without' },
  { code: 'IPSET_ERR_REFERENCED', reason: 'a rule or another set refers to the set' },
  { code: 'IPSET_ERR_IPADDR_IPV4', reason: 'an IPv4 address is missing or invalid' },
  { code: 'IPSET_ERR_IPADDR_IPV6', reason: 'an IPv6 address is missing or invalid' },
  { code: 'IPSET_ERR_COUNTER', reason: 'counters where the set was made without' },
  { code: 'IPSET_ERR_COMMENT', reason: 'a comment where the set was made without' },
  { code: 'IPSET_ERR_INVALID_MARKMASK', reason: 'a mask of marks that the set does not take' },
  { code: 'IPSET_ERR_SKBINFO', reason: 'skbinfo where the set was made without' },
];

/** IPSET_ERR_TYPE_SPECIFIC: from here on a number says what it says by the type of the set. */
const firstOfType = 4352;

/** Those of hash sets, in their order: linux/netfilter/ipset/ip_set_hash.h */
const ofHashes: readonly ErrnoMeaning[] = [
  { code: 'IPSET_ERR_HASH_FULL', reason: 'the set is full: it takes no more than its maxelem' },
  { code: 'IPSET_ERR_HASH_ELEM', reason: 'an entry that the set can not hold' },
  { code: 'IPSET_ERR_INVALID_PROTO', reason: 'an invalid protocol' },
  { code: 'IPSET_ERR_MISSING_PROTO', reason: 'a protocol is missing' },
  { code: 'IPSET_ERR_HASH_RANGE_UNSUPPORTED', reason: 'the set takes no ranges' },
  { code: 'IPSET_ERR_HASH_RANGE', reason: 'an invalid range' },
];

/** What the kernel says with numbers that only ipset has, and with one that means something else elsewhere. */
export const ipsetErrors: ReadonlyMap<number, ErrnoMeaning> = new Map([
  ...common.map((meaning, index) => [first + 1 + index, meaning] as const),
  ...ofHashes.map((meaning, index) => [firstOfType + index, meaning] as const),
  [constants.errno.ENOENT, { code: 'ENOENT', reason: 'there is no such set' }],
  [constants.errno.EEXIST, { code: 'EEXIST', reason: 'a set of that name exists already' }],
]);
