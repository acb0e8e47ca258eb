import type { Packet } from '../../../src/backends/memory.ts';
import { type Address, type Family, parseAddress, parsePrefix } from '../../../src/domain/address.ts';
import { fieldsOf, type Json, listOf, onlyField, textOf, unknown } from './nft-json.fixture.ts';

/** A value in a packet that rules match; undefined where the packet has none, which no match survives, `!=` neither. */
interface Selector {
  readonly type: string;
  readonly read: (packet: Packet) => unknown;
}

export type Test = (value: unknown) => boolean;

/** The left side of a match. */
export function selectorOf(left: Json): Selector {
  const [name, value] = onlyField(left);
  if (name === 'meta') {
    const key = textOf(fieldsOf(value, ['key'])['key']);
    const selector = metaSelectors[key];
    if (selector !== undefined) return selector;
  } else if (name === 'payload') {
    const { protocol, field } = fieldsOf(value, ['protocol', 'field']);
    const selector = payloadSelectors[`${textOf(protocol)} ${textOf(field)}`];
    if (selector !== undefined) return selector;
  }
  throw unknown(left);
}

const metaSelectors: Readonly<Record<string, Selector>> = {
  nfproto: { type: 'nf_proto', read: ({ source }) => (source.family === 4 ? 'ipv4' : 'ipv6') },
  l4proto: { type: 'inet_proto', read: ({ tcp }) => (tcp === undefined ? 'another' : 'tcp') },
  // Where there is no interface the name is empty: nft_meta_store_ifname, net/netfilter/nft_meta.c.
  iifname: { type: 'ifname', read: (packet) => packet.in },
  oifname: { type: 'ifname', read: (packet) => packet.out },
};

function addressSelector(family: Family, side: 'source' | 'destination'): Selector {
  return {
    type: family === 4 ? 'ipv4_addr' : 'ipv6_addr',
    read: (packet) => (packet[side].family === family ? packet[side].value : undefined),
  };
}

const payloadSelectors: Readonly<Record<string, Selector>> = {
  'ip saddr': addressSelector(4, 'source'),
  'ip daddr': addressSelector(4, 'destination'),
  'ip6 saddr': addressSelector(6, 'source'),
  'ip6 daddr': addressSelector(6, 'destination'),
  'tcp sport': { type: 'inet_service', read: ({ tcp }) => tcp?.sourcePort },
  'tcp dport': { type: 'inet_service', read: ({ tcp }) => tcp?.destinationPort },
};

/** What one value, prefix or range says of a value in a packet. */
export function valueTest(value: Json, type: string): Test {
  if (type === 'ipv4_addr' || type === 'ipv6_addr') return addressTest(value, type === 'ipv4_addr' ? 4 : 6);
  if (type === 'inet_service' && typeof value === 'number') return (found) => found === value;
  if (type === 'nf_proto' && (value === 'ipv4' || value === 'ipv6')) return (found) => found === value;
  // Of other protocols a packet doesn't say whether it is one.
  if (type === 'inet_proto' && value === 'tcp') return (found) => found === value;
  // nft writes an asterisk that is part of the name with a backslash.
  if (type === 'ifname' && typeof value === 'string' && /^[^*\\]+\*?$/.test(value)) {
    if (!value.endsWith('*')) return (found) => found === value;
    const beginning = value.slice(0, -1);
    return (found) => textOf(found).startsWith(beginning);
  }
  throw unknown({ type, value });
}

function addressTest(value: Json, family: Family): Test {
  const [first, last] = boundsOf(value, family);
  return (found) => typeof found === 'bigint' && first <= found && found <= last;
}

function boundsOf(value: Json, family: Family): readonly [bigint, bigint] {
  if (typeof value === 'string') {
    const only = ofFamily(parseAddress(value), family).value;
    return [only, only];
  }
  const [name, given] = onlyField(value);
  if (name === 'prefix') {
    const { addr, len } = fieldsOf(given, ['addr', 'len']);
    const prefix = parsePrefix(`${textOf(addr)}/${Number(len)}`);
    const size = 1n << BigInt((family === 4 ? 32 : 128) - prefix.length);
    return [ofFamily(prefix, family).value, prefix.value + size - 1n];
  }
  if (name === 'range') {
    const [first, last, ...more] = listOf(given).map((end) => ofFamily(parseAddress(textOf(end)), family).value);
    if (first !== undefined && last !== undefined && more.length === 0) return [first, last];
  }
  throw unknown(value);
}

function ofFamily(address: Address, family: Family): Address {
  if (address.family === family) return address;
  throw new Error(`nft lists an address of family ${address.family} where one of ${family} must be`);
}
