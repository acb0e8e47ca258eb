/** Numbers of the ipset interface, from linux/netfilter/ipset/ip_set.h where nothing else is said. */

/** NFNL_SUBSYS_IPSET, linux/netfilter/nfnetlink.h */
export const subsystem = 6;

/** IPSET_PROTOCOL: since Linux 4.20, which still speaks 6 (IPSET_PROTOCOL_MIN) for all that is used here. */
export const protocol = 6;

/** IPSET_MAXNAMELEN without the NUL: bytes that the name of a set may have. */
export const longestName = 31;

/** IPSET_MAX_TIMEOUT, linux/netfilter/ipset/ip_set_timeout.h: seconds, 24 days and 20 hours. */
export const longestTimeout = 2_147_483;

/** enum ipset_cmd */
export const Command = {
  protocol: 1,
  create: 2,
  destroy: 3,
  flush: 4,
  swap: 6,
  list: 7,
  add: 9,
  delete: 10,
  test: 11,
  type: 13,
} as const;

/** NFPROTO_*, linux/netfilter.h: what the addresses of a set are. */
export const SetFamily = { ip: 2, ip6: 10 } as const;

/** enum ipset_cmd_flags: what a listing is confined to. */
export const ListFlag = { namesOnly: 0x2, headersOnly: 0x4 } as const;

/** enum ipset_cadt_flags */
export const SetOption = { counters: 0x8 } as const;
