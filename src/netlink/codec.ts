import { DecodeError, EncodeError } from './errors.ts';
import type { Writer } from './writer.ts';
import { hostIsLittleEndian } from './writer.ts';

/**
 * How one kind of value stands in the payload of an attribute.
 * `write` throws EncodeError for a value that doesn't fit, `read` throws DecodeError for bytes that don't.
 */
export interface Codec<T> {
  readonly name: string;
  /** The payload is attributes itself, which the type field of its header says. NLA_F_NESTED, linux/netlink.h */
  readonly nested: boolean;
  /** The payload is big endian, which the type field of its header says: ipset takes nothing else. NLA_F_NET_BYTEORDER */
  readonly networkOrder?: true;
  write(into: Writer, value: T): void;
  /** Reads the payload, all of it. The value keeps no reference to the bytes. */
  read(from: DataView): T;
  /** The path of the attribute whose header starts at the offset, when there is one. Codecs of plain values have none. */
  locate?(from: DataView, offset: number): string | undefined;
}

/** The type of the values of a codec. */
export type ValueOf<C> = C extends Codec<infer T> ? T : never;

const text = new TextDecoder();

function exactly(from: DataView, length: number): void {
  if (from.byteLength !== length) throw new DecodeError(`expected ${length} bytes, found ${from.byteLength}`);
}

/** A codec for integers of a fixed width, which checks both the range of the value and the length of the payload. */
function integer(
  name: string,
  [least, most]: readonly [least: number, most: number],
  length: number,
  write: (into: Writer, value: number) => void,
  read: (from: DataView) => number,
): Codec<number> {
  return {
    name,
    nested: false,
    write(into, value) {
      if (!Number.isInteger(value) || value < least || value > most) {
        throw new EncodeError(`${value} is no integer from ${least} to ${most}`);
      }
      write(into, value);
    },
    read(from) {
      exactly(from, length);
      return read(from);
    },
  };
}

const unsigned16 = [0, 0xffff] as const;
const unsigned32 = [0, 0xffff_ffff] as const;
const signed32 = [-0x8000_0000, 0x7fff_ffff] as const;

export const byte = integer(
  'byte',
  [0, 0xff],
  1,
  (into, value) => into.byte(value),
  (from) => from.getUint8(0),
);

export const be16 = integer(
  'be16',
  unsigned16,
  2,
  (into, value) => into.be16(value),
  (from) => from.getUint16(0),
);

export const be32 = integer(
  'be32',
  unsigned32,
  4,
  (into, value) => into.be32(value),
  (from) => from.getUint32(0),
);

/** Two's complement: priorities of hooks and codes of verdicts may be negative. */
export const be32Signed = integer(
  'be32Signed',
  signed32,
  4,
  (into, value) => into.be32(value),
  (from) => from.getInt32(0),
);

/** The same value, marked as big endian in its header. */
export function inNetworkOrder<T>(codec: Codec<T>): Codec<T> {
  return { ...codec, networkOrder: true };
}

/** In the byte order of the host: netlink's own attributes, and the bitwise masks of a few old ones. */
export const host32 = integer(
  'host32',
  unsigned32,
  4,
  (into, value) => into.host32(value),
  (from) => from.getUint32(0, hostIsLittleEndian),
);

/** 64 bits are a bigint: handles, counters and times may pass what a number holds exactly. */
export const be64: Codec<bigint> = {
  name: 'be64',
  nested: false,
  write(into, value) {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) throw new EncodeError(`${value} is outside 64 bits`);
    into.be64(value);
  },
  read(from) {
    exactly(from, 8);
    return from.getBigUint64(0);
  },
};

/** UTF-8 with a terminating NUL. Reading stops at the first NUL, as in C, and doesn't insist on one. */
export const cstring: Codec<string> = {
  name: 'cstring',
  nested: false,
  write(into, value) {
    if (value.includes('\0')) throw new EncodeError('a name can not hold the NUL character');
    into.text(value);
    into.byte(0);
  },
  read(from) {
    const bytes = new Uint8Array(from.buffer, from.byteOffset, from.byteLength);
    const end = bytes.indexOf(0);
    return text.decode(end === -1 ? bytes : bytes.subarray(0, end));
  },
};

/** Bytes as they are. Reading copies them, so that a receive buffer can be used again. */
export const bytes: Codec<Uint8Array> = {
  name: 'bytes',
  nested: false,
  write(into, value) {
    into.bytes(value);
  },
  read(from) {
    return new Uint8Array(from.buffer, from.byteOffset, from.byteLength).slice();
  },
};
