import { RfwError } from './errors.ts';

export type Family = 4 | 6;

export const families: readonly Family[] = [4, 6];

/** An IPv4 or IPv6 address as an unsigned integer of 32 or 128 bits. */
export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

declare const canonical: unique symbol;

/** A network in canonical form: the host bits of `value` are zero. Only this module makes one. */
export interface Prefix extends Address {
  /** 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly length: number;
  readonly [canonical]: true;
}

/** An inclusive range of addresses of one family. */
export interface Range {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
}

/** The number of bits in an address of the family. */
export function widthOf(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

const hextet = /^[0-9a-fA-F]{1,4}$/;

/** Character by character, since a start may read a million. */
function parseIPv4(text: string): bigint | undefined {
  let value = 0;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  for (let index = 0; index < text.length; index++) {
    const digit = text.charCodeAt(index) - 48;
    if (digit >= 0 && digit <= 9) {
      // A leading zero means octal to some programs and decimal to others, so it is refused.
      if (digits > 0 && octet === 0) return undefined;
      octet = octet * 10 + digit;
      digits++;
      if (octet > 255) return undefined;
    } else {
      if (text[index] !== '.' || digits === 0 || ++dots > 3) return undefined;
      value = value * 256 + octet;
      octet = 0;
      digits = 0;
    }
  }
  return dots === 3 && digits > 0 ? BigInt(value * 256 + octet) : undefined;
}

/** The hextets of one side of `::`, the last of which may be a dotted IPv4 address. */
function parseHextets(text: string): bigint[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const words: bigint[] = [];
  for (const [index, part] of parts.entries()) {
    if (hextet.test(part)) {
      words.push(BigInt(`0x${part}`));
    } else {
      const tail = index === parts.length - 1 ? parseIPv4(part) : undefined;
      if (tail === undefined) return undefined;
      words.push(tail >> 16n, tail & 0xffffn);
    }
  }
  return words;
}

function parseIPv6(text: string): bigint | undefined {
  const sides = text.split('::');
  if (sides.length > 2) return undefined;
  const head = parseHextets(sides[0] ?? '');
  const tail = sides.length === 2 ? parseHextets(sides[1] ?? '') : [];
  if (head === undefined || tail === undefined) return undefined;
  // A dotted IPv4 tail may only end the whole address.
  if (sides.length === 2 && (sides[0] ?? '').includes('.')) return undefined;
  const given = head.length + tail.length;
  if (sides.length === 1 ? given !== 8 : given > 7) return undefined;
  const words = [...head, ...Array<bigint>(8 - given).fill(0n), ...tail];
  return words.reduce((value, word) => (value << 16n) | word, 0n);
}

/**
 * Reads an IPv4 or IPv6 address (RFC 4291 text forms, no zone). IPv4-mapped IPv6 is the IPv4 address.
 * @throws RfwError `address-invalid`
 */
export function parseAddress(text: string): Address {
  if (!text.includes(':')) {
    const value = parseIPv4(text);
    if (value !== undefined) return { family: 4, value };
  } else {
    const value = parseIPv6(text);
    if (value !== undefined) return unmap({ family: 6, value });
  }
  throw new RfwError('address-invalid', `Incorrect IP address: ${quote(text)}`);
}

/** Whether an IPv6 address or network lies in the IPv4-mapped block, ::ffff:0:0/96 of RFC 4291, section 2.5.5.2. */
export function isMapped(address: Address): boolean {
  return address.family === 6 && address.value >> 32n === 0xffffn;
}

function unmap(address: Address): Address {
  return isMapped(address) ? { family: 4, value: address.value & 0xffffffffn } : address;
}

/** Text of unknown origin, shortened and quoted for a message. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

/** Makes a prefix of `length` bits; host bits are zeroed. The caller has checked the length against the family. */
export function prefixOf(address: Address, length: number): Prefix {
  const host = BigInt(widthOf(address.family) - length);
  return { family: address.family, value: (address.value >> host) << host, length } as Prefix;
}

/** The prefix that holds this one address: /32 or /128. */
export function hostPrefix(address: Address): Prefix {
  return prefixOf(address, widthOf(address.family));
}

/**
 * Reads `address` or `address/length`; host bits are zeroed. An IPv4-mapped prefix of /96 and longer is the IPv4 prefix.
 * @throws RfwError `address-invalid` or `mask-invalid`
 */
export function parsePrefix(text: string): Prefix {
  const slash = text.indexOf('/');
  if (slash < 0) return hostPrefix(parseAddress(text));
  const address = parseAddress(text.slice(0, slash));
  const length = parseLength(text.slice(slash + 1), 0, text.slice(0, slash).includes(':') ? 128 : 32);
  if (address.family === 4 && text.includes(':')) {
    if (length < 96)
      throw new RfwError('mask-invalid', `The IPv4-mapped network ${quote(text)} needs a mask of 96 to 128`);
    return prefixOf(address, length - 96);
  }
  return prefixOf(address, length);
}

/**
 * Reads a decimal prefix length without leading zeros.
 * @throws RfwError `mask-invalid` when it is not a number between `least` and `most`
 */
export function parseLength(text: string, least: number, most: number): number {
  const length = Number(text);
  if (!/^(?:0|[1-9]\d{0,2})$/.test(text) || length < least || length > most) {
    throw new RfwError(
      'mask-invalid',
      `Incorrect netmask ${quote(text)}: it must be a number from ${least} to ${most}`,
    );
  }
  return length;
}

function formatIPv4(value: bigint): string {
  const bits = Number(value);
  return `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
}

function formatIPv6(value: bigint): string {
  return formatHextets(Array.from({ length: 8 }, (_, index) => Number((value >> BigInt(112 - 16 * index)) & 0xffffn)));
}

/**
 * The text of the IPv6 address of eight words of 16 bits, by RFC 5952: lower case, no leading zeros, the longest run of two or
 * more zero words (the first of equals) as `::`.
 */
export function formatHextets(words: readonly number[]): string {
  let start = -1;
  let longest = 1;
  for (let index = 0; index < 8; ) {
    let end = index;
    while (end < 8 && words[end] === 0) end++;
    if (end - index > longest) {
      start = index;
      longest = end - index;
    }
    index = end === index ? index + 1 : end;
  }
  const hex = (from: number, to: number) =>
    words
      .slice(from, to)
      .map((word) => word.toString(16))
      .join(':');
  return start < 0 ? hex(0, 8) : `${hex(0, start)}::${hex(start + longest, 8)}`;
}

/** The canonical text of an address. */
export function formatAddress(address: Address): string {
  return address.family === 4 ? formatIPv4(address.value) : formatIPv6(address.value);
}

/** The canonical text of a prefix, always with its length: `1.2.3.4/32`. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix)}/${prefix.length}`;
}

/** As people write it: a host without its length, `1.2.3.4`; a network with it, `1.2.3.0/24`. */
export function formatNetwork(prefix: Prefix): string {
  return isHost(prefix) ? formatAddress(prefix) : formatPrefix(prefix);
}

/** Whether the prefix holds exactly one address. */
export function isHost(prefix: Prefix): boolean {
  return prefix.length === widthOf(prefix.family);
}

/** The first and the last address of a prefix. */
export function rangeOf(prefix: Prefix): Range {
  const host = BigInt(widthOf(prefix.family) - prefix.length);
  return { family: prefix.family, first: prefix.value, last: prefix.value | ((1n << host) - 1n) };
}

/** Whether the address lies in the range. */
export function rangeContains(range: Range, address: Address): boolean {
  return range.family === address.family && range.first <= address.value && address.value <= range.last;
}

/** Whether two ranges share an address. */
export function rangesOverlap(a: Range, b: Range): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

/** The fewest prefixes that hold exactly the addresses of the range, in ascending order. */
export function prefixesOf(range: Range): Prefix[] {
  const width = widthOf(range.family);
  const prefixes: Prefix[] = [];
  let first = range.first;
  while (first <= range.last) {
    let host = 0;
    // Grow the block while it stays aligned at `first` and within the range.
    while (host < width) {
      const size = 1n << BigInt(host + 1);
      if (first % size !== 0n || first + size - 1n > range.last) break;
      host++;
    }
    prefixes.push(prefixOf({ family: range.family, value: first }, width - host));
    first += 1n << BigInt(host);
  }
  return prefixes;
}
