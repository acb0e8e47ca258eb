import { families, formatPrefix } from '../domain/address.ts';
import { AddressSet } from '../domain/address-set.ts';
import { parseInterface } from '../domain/interface.ts';
import { type EnforcedList, listProperties, parseListName, type Side } from '../domain/list.ts';
import { type Action, type Chain, chains } from '../domain/rule.ts';
import { parseWhitelistEntry } from '../domain/whitelist.ts';

/** A set of addresses, prefixes and ranges. */
export function addressSet(...entries: readonly string[]): AddressSet {
  return AddressSet.of(entries.map(parseWhitelistEntry));
}

/** A list from `name version action chain in out`, and in forward the side: `bad 1 drop input any any`. */
export function list(text: string, ...entries: readonly string[]): EnforcedList {
  const [name = '', version = '', action, chain, into = '', out = '', side] = text.split(' ');
  const { comment: _, ...match } = listProperties({
    action: action as Action,
    chain: chain as Chain,
    in: parseInterface(into),
    out: parseInterface(out),
    ...(side !== undefined && { side: side as Side }),
    comment: '',
    expiresAt: null,
  });
  return { ...match, name: parseListName(name), version: Number(version), addresses: addressSet(...entries) };
}

/**
 * What a packet filter holds of lists, a line for each family that one has addresses of: IPv4 first, then chain by chain, in the
 * order in which a packet meets them. `drop input any any source 10.0.0.0/8 192.0.2.1/32`
 */
export function listLines(lists: readonly EnforcedList[]): string[] {
  return families.flatMap((family) =>
    chains.flatMap((chain) =>
      lists.flatMap((list) => {
        if (list.chain !== chain || list.addresses.rangeCount(family) === 0) return [];
        const prefixes = Array.from(list.addresses.prefixes(family), formatPrefix);
        return [[list.action, chain, list.in, list.out, list.side, ...prefixes].join(' ')];
      }),
    ),
  );
}
