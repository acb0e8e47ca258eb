import { type Family, type Prefix, rangeOf } from '../../domain/address.ts';
import { ElementList } from '../../netlink/nftables/elements.ts';

/** Bytes of an address of the family. */
export function keyLengthOf(family: Family): 4 | 16 {
  return family === 4 ? 4 : 16;
}

/** The address in network byte order. */
export function addressBytes(prefix: Prefix): Uint8Array {
  const bytes = new Uint8Array(keyLengthOf(prefix.family));
  for (let index = bytes.length - 1, rest = prefix.value; index >= 0; index--, rest >>= 8n) {
    bytes[index] = Number(rest & 0xffn);
  }
  return bytes;
}

/** Adds a host as one element, a network as the two ends of a range. @param timeout milliseconds */
export function addPrefix(
  list: ElementList,
  kind: 'host' | 'network',
  prefix: Prefix,
  timeout?: number,
  counts = false,
): void {
  const small = prefix.family === 4;
  if (kind === 'host') {
    list.add(small ? Number(prefix.value) : prefix.value, timeout, counts);
    return;
  }
  const { first, last } = rangeOf(prefix);
  if (small) list.addRange(Number(first), Number(last), timeout, counts);
  else list.addRange(first, last, timeout, counts);
}

/** The prefixes as elements of an interval set. They must be disjoint. */
export function prefixElements(family: Family, prefixes: readonly Prefix[]): ElementList {
  const list = new ElementList(keyLengthOf(family), 2 * prefixes.length);
  for (const prefix of prefixes) addPrefix(list, 'network', prefix);
  return list;
}
