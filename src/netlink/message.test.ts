import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cstring } from './codec.ts';
import { DecodeError } from './errors.ts';
import type { Message, Reply } from './message.ts';
import { body, Flag, MessageType, readAck, readDone, readFamily, readMessages, writeMessage } from './message.ts';
import { attributes } from './wire.ts';
import { hostIsLittleEndian, Writer } from './writer.ts';

const table = attributes({ name: [1, cstring] });

const request: Message = {
  operation: 'add table inet t',
  type: 0xa00,
  flags: Flag.create,
  family: 1,
  body: body(table, { name: 't' }),
};

const unhex = (text: string): Uint8Array => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

function written(...messages: readonly Message[]): Uint8Array {
  const into = new Writer();
  for (const message of messages) writeMessage(into, message, 7);
  return into.written.slice();
}

/** The one message of a datagram. */
function only(text: string): Reply {
  const [reply, ...more] = readMessages(unhex(text));
  if (reply === undefined || more.length > 0) throw new Error('not one message');
  return reply;
}

describe.runIf(hostIsLittleEndian)('framing', () => {
  it('is nlmsghdr and nfgenmsg, then attributes, each with its length', () => {
    expect(Buffer.from(written(request)).toString('hex')).toBe(
      '1c000000 000a 0104 07000000 00000000 01 00 0000 06000100 74000000'.replaceAll(' ', ''),
    );
  });

  it('puts res_id in big endian, and the other numbers of the header as the host has them', () => {
    const frame = { ...request, type: MessageType.batchBegin, flags: 0, resource: 10, body: body(attributes({}), {}) };
    expect(Buffer.from(written(frame)).toString('hex')).toBe('140000001000010007000000000000000100000a');
  });

  it('reads one message after another out of a datagram', () => {
    const [first, second, ...more] = readMessages(written(request, { ...request, type: 0xa02 }));
    expect(more).toEqual([]);
    expect([first?.type, second?.type]).toEqual([0xa00, 0xa02]);
    expect(first && table.read(readFamily(first).attributes)).toEqual({ name: 't' });
  });
});

describe.runIf(hostIsLittleEndian)('acks', () => {
  // Header of the ack: length, NLMSG_ERROR, flags, sequence, port. Then the status and the header of the request.
  const requestHeader = '1c000000 000a 0104 07000000 00000000';

  it('are success with status 0', () => {
    const reply = only(`24000000 0200 0001 07000000 2a000000 00000000 ${requestHeader}`);
    expect(readAck(reply)).toEqual({ errno: 0 });
    expect(reply).toMatchObject({ sequence: 7, portId: 42, flags: Flag.capped });
  });

  it('carry the reason and the offset of what is wrong, when capped', () => {
    const explained = '08000200 14000000 08000100 6e6f0000';
    const reply = only(`34000000 0200 0003 07000000 2a000000 feffffff ${requestHeader} ${explained}`);
    expect(readAck(reply)).toEqual({ errno: 2, offset: 20, reason: 'no' });
  });

  it('carry them after the whole request, when not capped', () => {
    const explained = '08000200 14000000';
    const rest = '01000000 06000100 74000000';
    const reply = only(`38000000 0200 0002 07000000 2a000000 efffffff ${requestHeader} ${rest} ${explained}`);
    expect(readAck(reply)).toEqual({ errno: 17, offset: 20 });
  });

  it('end a dump, with the error that cut it short', () => {
    expect(readDone(only('14000000 0300 0200 07000000 2a000000 00000000'))).toEqual({ errno: 0 });
    expect(readDone(only('1c000000 0300 0202 07000000 2a000000 fcffffff 06000100 61000000'))).toEqual({
      errno: 4,
      reason: 'a',
    });
  });

  it.each([
    ['no room for nlmsgerr', '14000000 0200 0000 07000000 2a000000 00000000'],
    ['a status of 1, where an error is negative', `24000000 0200 0001 07000000 2a000000 01000000 ${requestHeader}`],
    ['268435460 bytes expected', `24000000 0200 0002 07000000 2a000000 ffffffff 00000010 000a 0104 07000000 00000000`],
  ])('are refused: %s', (what, text) => {
    expect(() => readAck(only(text))).toThrow(DecodeError);
    expect(() => readAck(only(text))).toThrow(what);
  });
});

describe('datagrams that make no sense', () => {
  it.each([
    ['3 bytes are left over', '000000'],
    ['a message of 15 bytes where 16 are left', '0f000000 0200 0000 07000000 00000000'],
    ['a message of 17 bytes where 16 are left', '11000000 0200 0000 07000000 00000000'],
  ])('%s', (what, text) => {
    expect(() => [...readMessages(unhex(text))]).toThrow(what);
  });

  it('are a DecodeError and nothing else', () => {
    const header = fc.tuple(fc.nat(80), fc.constantFrom(2, 3, 0xa00), fc.nat(0xffff), fc.uint8Array({ maxLength: 80 }));
    const datagram = header.map(([length, type, flags, rest]) => {
      const into = new Writer();
      into.host32(length);
      into.host16(type);
      into.host16(flags);
      into.bytes(rest);
      return into.written.slice();
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 120 }), datagram), (bytes) => {
        for (const read of [readAck, readDone, readFamily]) {
          try {
            for (const reply of readMessages(bytes)) read(reply);
          } catch (error) {
            expect(error).toBeInstanceOf(DecodeError);
          }
        }
      }),
      { numRuns: 5000 },
    );
  });
});
