import type { Codec } from './codec.ts';
import { cstring, host32 } from './codec.ts';
import { DecodeError } from './errors.ts';
import { attributes, viewOf } from './wire.ts';
import type { Writer } from './writer.ts';
import { aligned, hostIsLittleEndian } from './writer.ts';

/** struct nlmsghdr, linux/netlink.h */
const headerLength = 16;
/** struct nfgenmsg, linux/netfilter/nfnetlink.h: the header of every netfilter message, after nlmsghdr. */
const familyHeaderLength = 4;
/** Where the attributes of a netfilter message start. */
export const bodyOffset = headerLength + familyHeaderLength;

/** NLM_F_*, linux/netlink.h. The same bit means one thing in a GET, another in a NEW, a third in an answer. */
export const Flag = {
  request: 0x1,
  multi: 0x2,
  ack: 0x4,
  echo: 0x8,
  /** The dump saw two states of what it read: it has to be repeated. */
  dumpInterrupted: 0x10,
  dump: 0x300,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  append: 0x800,
  /** The error message doesn't repeat the request that it answers. */
  capped: 0x100,
  /** The error message ends with attributes that explain it. */
  extendedAck: 0x200,
} as const;

/** NLMSG_*, linux/netlink.h, and NFNL_MSG_BATCH_*, linux/netfilter/nfnetlink.h */
export const MessageType = { noop: 1, error: 2, done: 3, overrun: 4, batchBegin: 0x10, batchEnd: 0x11 } as const;

/** What follows the headers of a message: a value and the table that writes it, or bytes that stand ready. */
export interface Body {
  write(into: Writer): void;
  /** The path of the attribute whose header starts at the offset, as `Codec.locate`. */
  locate(written: DataView, offset: number): string | undefined;
  /** The path of what is wrong, from the attributes of the request as the kernel sent them back, where it marks it there. */
  blame?(returned: DataView): string | undefined;
}

/** What one protocol calls an errno of its own, and what that means. */
export interface ErrnoMeaning {
  readonly code: string;
  readonly reason: string;
}

export function body<T>(table: Codec<T>, value: T): Body {
  return {
    write: (into) => table.write(into, value),
    locate: (written, offset) => table.locate?.(written, offset),
  };
}

/** A request that isn't sent yet: a plain value, so that a plan of many can be made, compared and printed. */
export interface Message {
  /** What it asks for, in the words of the tool that people know: what an error will name. */
  readonly operation: string;
  /** With the subsystem in the upper byte. NFNL_SUBSYS_*, linux/netfilter/nfnetlink.h */
  readonly type: number;
  /** Beside NLM_F_REQUEST, which every request has. */
  readonly flags: number;
  /** NFPROTO_*, linux/netfilter.h */
  readonly family: number;
  /** res_id of nfgenmsg, big endian: the subsystem in the messages that frame a batch, else 0. */
  readonly resource?: number;
  readonly body: Body;
  /** The errno values that only this protocol has, and those that mean something else in it. */
  readonly errors?: ReadonlyMap<number, ErrnoMeaning>;
}

export function writeMessage(into: Writer, message: Message, sequence: number, flags = 0): void {
  const start = into.length;
  into.host32(0);
  into.host16(message.type);
  into.host16(message.flags | flags | Flag.request);
  into.host32(sequence);
  into.host32(0); // The kernel fills in the port id of the sender.
  into.byte(message.family);
  into.byte(0); // NFNETLINK_V0
  into.be16(message.resource ?? 0);
  message.body.write(into);
  into.patchHost32(start, into.length - start);
  into.align();
}

/** A message that the kernel sent. */
export interface Reply {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** The port that the message is for; in a notification, the one whose request caused it. */
  readonly portId: number;
  /** All after nlmsghdr. */
  readonly payload: DataView;
}

/** The messages of one datagram. Throws DecodeError where a length makes no sense. */
export function* readMessages(datagram: Uint8Array): Generator<Reply> {
  const view = viewOf(datagram);
  let start = 0;
  while (start < view.byteLength) {
    const rest = view.byteLength - start;
    if (rest < headerLength) throw new DecodeError(`${rest} bytes are left over after the last message`);
    const length = view.getUint32(start, hostIsLittleEndian);
    if (length < headerLength || length > rest) {
      throw new DecodeError(`a message of ${length} bytes where ${rest} are left`);
    }
    yield {
      type: view.getUint16(start + 4, hostIsLittleEndian),
      flags: view.getUint16(start + 6, hostIsLittleEndian),
      sequence: view.getUint32(start + 8, hostIsLittleEndian),
      portId: view.getUint32(start + 12, hostIsLittleEndian),
      payload: new DataView(view.buffer, view.byteOffset + start + headerLength, length - headerLength),
    };
    start += aligned(length);
  }
}

/** nfgenmsg and what follows it. */
export interface FamilyPayload {
  readonly family: number;
  readonly resource: number;
  readonly attributes: DataView;
}

export function readFamily({ payload }: Reply): FamilyPayload {
  if (payload.byteLength < familyHeaderLength) throw new DecodeError('no room for nfgenmsg');
  return {
    family: payload.getUint8(0),
    resource: payload.getUint16(2),
    attributes: tail(payload, familyHeaderLength),
  };
}

/** enum nlmsgerr_attrs, linux/netlink.h; cookie and policy are of no use here. */
const extendedAck = attributes({ reason: [1, cstring], offset: [2, host32] });

/** The end of a request: success, or what went wrong. */
export interface Ack {
  /** Positive, as in errno(3); 0 is success. */
  readonly errno: number;
  readonly reason?: string | undefined;
  /** Of the attribute that is wrong, in bytes from the start of the request. */
  readonly offset?: number | undefined;
  /** The attributes of the request, where the kernel repeated it all. */
  readonly returned?: DataView | undefined;
}

function readStatus(payload: DataView, explained: number): Ack {
  if (payload.byteLength < 4) throw new DecodeError('no room for a status');
  const status = payload.getInt32(0, hostIsLittleEndian);
  if (status > 0) throw new DecodeError(`a status of ${status}, where an error is negative`);
  return { errno: status === 0 ? 0 : -status, ...extendedAck.read(tail(payload, explained)) };
}

/** struct nlmsgerr: the status, the header of the request, all of it unless capped, the attributes that explain it. */
export function readAck({ flags, payload }: Reply): Ack {
  if (payload.byteLength < 4 + headerLength) throw new DecodeError('no room for nlmsgerr');
  if ((flags & Flag.extendedAck) === 0) {
    const whole = (flags & Flag.capped) === 0 && payload.byteLength >= 4 + bodyOffset;
    return { ...readStatus(payload, payload.byteLength), returned: whole ? tail(payload, 4 + bodyOffset) : undefined };
  }
  const repeated = (flags & Flag.capped) === 0 ? payload.getUint32(4, hostIsLittleEndian) : headerLength;
  return readStatus(payload, 4 + aligned(repeated));
}

/** NLMSG_DONE: the end of a dump, with the error that cut it short when there was one. */
export function readDone({ flags, payload }: Reply): Ack {
  return readStatus(payload, (flags & Flag.extendedAck) === 0 ? payload.byteLength : 4);
}

/** The view without its first bytes. Throws DecodeError when there are fewer. */
function tail(view: DataView, from: number): DataView {
  if (from > view.byteLength) throw new DecodeError(`${from} bytes expected, ${view.byteLength} found`);
  return new DataView(view.buffer, view.byteOffset + from, view.byteLength - from);
}
