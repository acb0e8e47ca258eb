import { ipv6Words } from './words.ts';

/** Every bit of the result depends on every bit given: the last step of MurmurHash3 (Austin Appleby, public domain). */
export function mixed(bits: number): number {
  let hash = bits ^ (bits >>> 16);
  hash = Math.imul(hash, 0x85eb_ca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}

/** The hash of the IPv6 address whose words begin at `at`. @param start what else the hash shall depend on */
export function hashOfWords(start: number, words: Uint32Array, at: number): number {
  let hash = start;
  for (let word = 0; word < ipv6Words; word++) hash = mixed(hash ^ (words[at + word] ?? 0));
  return hash;
}
