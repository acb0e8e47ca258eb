/**
 * Numbers of the nf_tables interface, from linux/netfilter/nf_tables.h where nothing else is said.
 * What is newer than Linux 6.1 names the first kernel that has it.
 */

/** NFNL_SUBSYS_NFTABLES, linux/netfilter/nfnetlink.h */
export const subsystem = 10;

/** NFNLGRP_NFTABLES, enum nfnetlink_groups, linux/netfilter/nfnetlink.h: every change of tables in the namespace. */
export const notificationGroup = 7;

/** enum nf_tables_msg_types. The destroy messages are deletes that find nothing wrong with a missing object; Linux 6.3. */
export const Type = {
  newTable: 0,
  getTable: 1,
  deleteTable: 2,
  newChain: 3,
  getChain: 4,
  deleteChain: 5,
  newRule: 6,
  getRule: 7,
  deleteRule: 8,
  newSet: 9,
  getSet: 10,
  deleteSet: 11,
  newElement: 12,
  getElement: 13,
  deleteElement: 14,
  newGeneration: 15,
  getGeneration: 16,
  newObject: 18,
  getObject: 19,
  deleteObject: 20,
  destroyTable: 26,
  destroyElement: 30,
} as const;

/** NFPROTO_*, linux/netfilter.h */
export const Family = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 } as const;
export type FamilyName = keyof typeof Family;

/** enum nft_table_flags */
export const TableFlag = {
  dormant: 0x1,
  /** Only the connection that made the table may change it. Linux 5.12 */
  owner: 0x2,
  /** The table outlives its owner, and the next one to add it owns it. Linux 6.9 */
  persist: 0x4,
} as const;

/** NFT_OBJECT_*: what a named object is. */
export const ObjectType = { counter: 1 } as const;

/** enum nft_set_flags */
export const SetFlag = {
  /** Belongs to the rule that it was written in. */
  anonymous: 0x1,
  constant: 0x2,
  interval: 0x4,
  map: 0x8,
  timeout: 0x10,
  dynamic: 0x20,
  expression: 0x100,
} as const;

/** enum nft_set_elem_flags */
export const ElementFlag = { intervalEnd: 0x1, catchAll: 0x2 } as const;

/** enum nf_inet_hooks, linux/netfilter.h */
export const Hook = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;

/** Verdicts of packets from linux/netfilter.h, of rules from enum nft_verdicts. */
export const Verdict = { drop: 0, accept: 1, continue: -1, jump: -3, goto: -4, return: -5 } as const;

/** enum nft_registers. Register 1 has 16 bytes: enough for any address or interface name. */
export const Register = { verdict: 0, first: 1 } as const;

/** enum nft_payload_bases */
export const PayloadBase = { link: 0, network: 1, transport: 2 } as const;

/** enum nft_cmp_ops */
export const Comparison = { equal: 0, notEqual: 1, less: 2, lessOrEqual: 3, greater: 4, greaterOrEqual: 5 } as const;

/** enum nft_meta_keys */
export const MetaKey = { inputName: 6, outputName: 7, familyProtocol: 15, transportProtocol: 16 } as const;

/** enum nft_ct_keys; the states are bits of 1 << enum ip_conntrack_info plus one, linux/netfilter/nf_conntrack_common.h */
export const ConnectionKey = { state: 0 } as const;
export const ConnectionState = { invalid: 0x1, established: 0x2, related: 0x4, new: 0x8, untracked: 0x40 } as const;

/** enum nft_reject_types; the last stands for the ICMP of whichever family the packet has. */
export const RejectType = { icmp: 0, tcpReset: 1, icmpx: 2 } as const;

/** enum nft_reject_inet_code: codes of RejectType.icmpx */
export const RejectCode = { noRoute: 0, portUnreachable: 1, hostUnreachable: 2, adminProhibited: 3 } as const;

/** Key types as nft numbers them in `enum datatypes` of its datatype.h: for display only, the kernel hands them back. */
export const KeyType = { ipv4: 7, ipv6: 8 } as const;
