import { endianness } from 'node:os';

/** Headers of netlink are in the byte order of the host, whichever that is. */
export const hostIsLittleEndian = endianness() === 'LE';

/** Attributes and messages start at multiples of four bytes. NLMSG_ALIGNTO and NLA_ALIGNTO, linux/netlink.h */
const alignment = 4;

/** The length rounded up to the alignment. NLMSG_ALIGN, linux/netlink.h */
export function aligned(length: number): number {
  return (length + alignment - 1) & ~(alignment - 1);
}

const utf8 = new TextEncoder();

/** A byte buffer that grows as it is written to, and is used again after `reset`. All offsets and lengths are bytes. */
export class Writer {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  constructor(capacity = 4096) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** What was written so far: a view, not a copy, good until the next write or reset. */
  get written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  reset(): void {
    this.#length = 0;
  }

  /**
   * Takes the next `count` bytes and returns where they start. What they hold is left from earlier use. It may replace
   * the buffer, so it has to come before any use of the buffer in the same expression.
   */
  #take(count: number): number {
    const start = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return start;
  }

  byte(value: number): void {
    const start = this.#take(1);
    this.#view.setUint8(start, value);
  }

  host16(value: number): void {
    const start = this.#take(2);
    this.#view.setUint16(start, value, hostIsLittleEndian);
  }

  host32(value: number): void {
    const start = this.#take(4);
    this.#view.setUint32(start, value, hostIsLittleEndian);
  }

  be16(value: number): void {
    const start = this.#take(2);
    this.#view.setUint16(start, value);
  }

  be32(value: number): void {
    const start = this.#take(4);
    this.#view.setUint32(start, value);
  }

  be64(value: bigint): void {
    const start = this.#take(8);
    this.#view.setBigUint64(start, value);
  }

  bytes(value: Uint8Array): void {
    const start = this.#take(value.length);
    this.#bytes.set(value, start);
  }

  /** In UTF-8. */
  text(value: string): void {
    const most = 3 * value.length; // A character of UTF-16 takes no more than three bytes.
    const start = this.#take(most);
    const bytes = this.#bytes;
    let length = 0;
    for (; length < value.length; length++) {
      const code = value.charCodeAt(length);
      if (code > 0x7f) break;
      bytes[start + length] = code;
    }
    // Names are ASCII as a rule, and for a few letters the encoder's own setting up takes longest.
    if (length < value.length) length = utf8.encodeInto(value, bytes.subarray(start, start + most)).written;
    this.#length = start + length;
  }

  /** Pads with zeros to the alignment. */
  align(): void {
    const padding = aligned(this.#length) - this.#length;
    const start = this.#take(padding);
    this.#bytes.fill(0, start, start + padding);
  }

  /** Fills in a length that wasn't known when its place was written. */
  patchHost16(offset: number, value: number): void {
    this.#view.setUint16(offset, value, hostIsLittleEndian);
  }

  patchHost32(offset: number, value: number): void {
    this.#view.setUint32(offset, value, hostIsLittleEndian);
  }
}
