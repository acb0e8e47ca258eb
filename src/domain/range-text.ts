import type { Family } from './address.ts';
import { ipv6Words } from './words.ts';

const [dot, slash, zero, nine, colon, dash] = [46, 47, 48, 57, 58, 45];
const mappedWord = 0xffff;

/** Whether it is a blank or another white space of ASCII. */
export function isBlank(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}

/** The value of a hexadecimal digit; -1 for anything else. */
function hexDigit(byte: number): number {
  if (byte >= zero && byte <= nine) return byte - zero;
  const letter = byte | 0x20;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

/**
 * Reads an address, a prefix or a range `a-b` straight out of the bytes of its text, for lists of millions. It takes what
 * `parseWhitelistEntry` takes, which a test proves, and throws nothing.
 */
export class RangeText {
  /** The ends of what was read last; an address of IPv4 is one word. */
  readonly first = new Uint32Array(ipv6Words);
  readonly last = new Uint32Array(ipv6Words);
  /** How many bits all addresses of it share, when it was no range of two ends. */
  length = 0;
  #bytes: Uint8Array = new Uint8Array();
  readonly #groups = new Uint16Array(8);

  /** Reads the text from `start` to before `end`. @returns undefined when it is none of these */
  read(bytes: Uint8Array, start: number, end: number): Family | undefined {
    this.#bytes = bytes;
    let split = -1;
    for (let at = start; at < end; at++) {
      const byte = bytes[at];
      if (byte === dash) return this.#twoEnds(start, at, end);
      if (byte === slash && split < 0) split = at;
    }
    return this.#prefix(start, split, end);
  }

  #twoEnds(start: number, middle: number, end: number): Family | undefined {
    const first = this.#address(start, this.#trimmed(start, middle), this.first);
    let next = middle + 1;
    while (next < end && isBlank(this.#bytes[next] ?? 0)) next++;
    if (first === undefined || this.#address(next, end, this.last) !== first) return undefined;
    this.length = 0;
    for (let word = 0; word < ipv6Words; word++) {
      const difference = (this.last[word] ?? 0) - (this.first[word] ?? 0);
      if (difference !== 0) return difference > 0 ? first : undefined;
    }
    return first;
  }

  #trimmed(start: number, end: number): number {
    let to = end;
    while (to > start && isBlank(this.#bytes[to - 1] ?? 0)) to--;
    return to;
  }

  #prefix(start: number, split: number, end: number): Family | undefined {
    const family = this.#address(start, split < 0 ? end : split, this.first);
    if (family === undefined) return undefined;
    const isMapped = family === 4 && this.#bytes.subarray(start, end).includes(colon);
    const most = family === 4 && !isMapped ? 32 : 128;
    const least = isMapped ? 96 : 0;
    const length = split < 0 ? most : this.#number(split + 1, end, most);
    if (length < least) return undefined;
    this.length = length - least;
    const words = family === 4 ? 1 : ipv6Words;
    for (let word = 0; word < words; word++) {
      const bits = Math.min(32, Math.max(0, this.length - 32 * word));
      const host = bits === 32 ? 0 : 0xffff_ffff >>> bits;
      this.last[word] = ((this.first[word] ?? 0) | host) >>> 0;
      this.first[word] = ((this.first[word] ?? 0) & ~host) >>> 0;
    }
    return family;
  }

  /** A decimal number without leading zeros; -1 when it isn't one or passes `most`. */
  #number(start: number, end: number, most: number): number {
    if (start === end || end - start > 3 || (this.#bytes[start] === zero && end - start > 1)) return -1;
    let value = 0;
    for (let at = start; at < end; at++) {
      const digit = (this.#bytes[at] ?? 0) - zero;
      if (digit < 0 || digit > 9) return -1;
      value = value * 10 + digit;
    }
    return value > most ? -1 : value;
  }

  #address(start: number, end: number, into: Uint32Array): Family | undefined {
    const small = this.#ipv4(start, end);
    if (small >= 0) {
      into[0] = small;
      return 4;
    }
    if (!this.#ipv6(start, end)) return undefined;
    const groups = this.#groups;
    for (let word = 0; word < ipv6Words; word++) {
      into[word] = (((groups[2 * word] ?? 0) << 16) | (groups[2 * word + 1] ?? 0)) >>> 0;
    }
    if (into[0] !== 0 || into[1] !== 0 || into[2] !== mappedWord) return 6;
    into[0] = into[3] ?? 0;
    return 4;
  }

  /** The value of a dotted address; -1 when it isn't one. */
  #ipv4(start: number, end: number): number {
    let value = 0;
    let octet = 0;
    let digits = 0;
    let dots = 0;
    for (let at = start; at < end; at++) {
      const byte = this.#bytes[at] ?? 0;
      if (byte >= zero && byte <= nine) {
        if (digits > 0 && octet === 0) return -1;
        octet = octet * 10 + byte - zero;
        digits++;
        if (octet > 255) return -1;
      } else {
        if (byte !== dot || digits === 0 || ++dots > 3) return -1;
        value = value * 256 + octet;
        octet = 0;
        digits = 0;
      }
    }
    return dots === 3 && digits > 0 ? value * 256 + octet : -1;
  }

  /** Reads eight groups, of which `::` stands for one or more that are zero. */
  #ipv6(start: number, end: number): boolean {
    const bytes = this.#bytes;
    const groups = this.#groups;
    let count = 0;
    let gap = -1;
    let at = start;
    if (bytes[at] === colon) {
      if (end - start < 2 || bytes[at + 1] !== colon) return false;
      gap = 0;
      at += 2;
    }
    while (at < end) {
      const from = at;
      let value = 0;
      for (let digit = 0; at < end; at++) {
        digit = hexDigit(bytes[at] ?? 0);
        if (digit < 0) break;
        value = value * 16 + digit;
        if (at - from === 4) return false;
      }
      if (at < end && bytes[at] === dot) {
        const tail = this.#ipv4(from, end);
        if (tail < 0 || count > 6) return false;
        groups[count++] = tail >>> 16;
        groups[count++] = tail & 0xffff;
        break;
      }
      if (at === from || count === 8) return false;
      groups[count++] = value;
      if (at === end) break;
      if (bytes[at++] !== colon || at === end) return false;
      if (bytes[at] !== colon) continue;
      if (gap >= 0) return false;
      gap = count;
      at++;
    }
    if (gap < 0) return count === 8;
    if (count > 7) return false;
    groups.copyWithin(8 - (count - gap), gap, count);
    groups.fill(0, gap, 8 - (count - gap));
    return true;
  }
}
