/** Words of an IPv6 address. */
export const ipv6Words = 4;

/** 128 bits on their way between a bigint and words; a DataView's order of bytes is the same on every machine. */
const bits = new DataView(new ArrayBuffer(16));

/** Writes a value of 128 bits as four words of 32, most significant first: typed arrays hold no bigints of that size. */
export function splitWords(value: bigint, words: Uint32Array): void {
  bits.setBigUint64(0, value >> 64n);
  bits.setBigUint64(8, value);
  words[0] = bits.getUint32(0);
  words[1] = bits.getUint32(4);
  words[2] = bits.getUint32(8);
  words[3] = bits.getUint32(12);
}

/** The value of the four words from `at` on. */
export function joinWords(words: Uint32Array, at: number): bigint {
  for (let word = 0; word < ipv6Words; word++) bits.setUint32(4 * word, words[at + word] ?? 0);
  return (bits.getBigUint64(0) << 64n) | bits.getBigUint64(8);
}
