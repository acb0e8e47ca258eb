import { describe, expect, it } from 'vitest';
import { Batch } from './batch.ts';
import { cstring } from './codec.ts';
import { NetlinkError } from './errno.ts';
import type { Message, Reply } from './message.ts';
import { body, bodyOffset, Flag, MessageType, readMessages } from './message.ts';
import { attributes, viewOf } from './wire.ts';
import { Writer } from './writer.ts';

const table = attributes({ name: [1, cstring], comment: [2, cstring] });
const messages = ['a', 'b', 'c'].map(
  (name): Message => ({
    operation: `add table inet ${name}`,
    type: 0xa00,
    flags: 0,
    family: 1,
    body: body(table, { name, comment: 'x' }),
  }),
);
const first = 0xffff_fffe; // So that the numbers go round within the batch.
const sequenceOf = (index: number): number => (first + 1 + index) >>> 0;

/** NLMSG_ERROR as the kernel sends it when capped; index -1 is the batch as a whole. */
function ack(index: number, errno = 0, explained: { reason?: string; offset?: number } = {}): Reply {
  const into = new Writer();
  into.host32(-errno >>> 0);
  into.bytes(new Uint8Array(16));
  if (explained.offset !== undefined) {
    into.host16(8);
    into.host16(2);
    into.host32(explained.offset);
  }
  if (explained.reason !== undefined) attributes({ reason: [1, cstring] }).write(into, { reason: explained.reason });
  return {
    type: MessageType.error,
    flags: Flag.capped | Flag.extendedAck,
    sequence: sequenceOf(index),
    portId: 1,
    payload: viewOf(into.written),
  };
}

const judge = (replies: readonly Reply[], overran = false) => new Batch(messages, first).judge({ replies, overran });

function refusal(replies: readonly Reply[], overran = false): NetlinkError {
  try {
    judge(replies, overran);
  } catch (error) {
    if (error instanceof NetlinkError) return error;
    throw error;
  }
  throw new Error('the batch was accepted');
}

it('frames the messages, numbers them through, and asks the last for an ack', () => {
  const into = new Writer();
  new Batch(messages, first).write(into);
  const sent = [...readMessages(into.written)].map(({ type, flags, sequence }) => [type, flags, sequence]);
  expect(sent).toEqual([
    [MessageType.batchBegin, Flag.request, 0xffff_fffe],
    [0xa00, Flag.request, 0xffff_ffff],
    [0xa00, Flag.request, 0],
    [0xa00, Flag.request | Flag.ack, 1],
    [MessageType.batchEnd, Flag.request, 2],
  ]);
});

it('says which generation it was planned on', () => {
  const into = new Writer();
  new Batch(messages, first, { generation: 0x01020304 }).write(into);
  const [begin] = readMessages(into.written);
  expect(begin && Buffer.from(into.written.subarray(16, 28)).toString('hex')).toBe('0000000a0800010001020304');
});

describe('the verdict', () => {
  it('is success when the last message is acked', () => {
    expect(judge([ack(2)]).size).toBe(0);
  });

  it('returns what the kernel made of messages that asked for an echo', () => {
    const echo = { ...ack(1), type: 0xa00 };
    expect(judge([echo, echo, ack(2)])).toEqual(new Map([[messages[1], [echo, echo]]]));
  });

  it('is the first refusal, with its operation, its place and the others', () => {
    const error = refusal([ack(0, 17), ack(1, 2), ack(2)]);
    expect(error).toMatchObject({ code: 'EEXIST', errno: 17, operation: 'add table inet a', index: 0 });
    expect(error.others.map(({ code, index }) => [code, index])).toEqual([['ENOENT', 1]]);
    expect(error.message).toBe('add table inet a: the object exists already (EEXIST)');
  });

  it('names the attribute and gives the reason of the kernel', () => {
    const error = refusal([ack(1, 22, { offset: bodyOffset + 8, reason: 'Too odd' }), ack(2)]);
    expect(error).toMatchObject({ attribute: 'comment', reason: 'Too odd' });
    expect(error.message).toBe('add table inet b: Too odd (EINVAL at comment)');
  });

  it('is that of the whole batch when its beginning is refused', () => {
    const error = refusal([ack(-1, 1)]);
    expect(error).toMatchObject({ code: 'EPERM', operation: 'batch of 3' });
    expect(error.index).toBeUndefined();
  });

  it('ignores answers to an earlier batch', () => {
    expect(judge([{ ...ack(0, 17), sequence: 12_345 }, { ...ack(0, 17), sequence: first - 1 }, ack(2)]).size).toBe(0);
  });

  it('is unknown without an ack', () => {
    expect(refusal([])).toMatchObject({ code: 'EPROTO', operation: 'batch of 3' });
    expect(refusal([], true)).toMatchObject({ code: 'ENOBUFS' });
    expect(refusal([ack(0, 17)], true)).toMatchObject({ code: 'EEXIST' });
  });
});
