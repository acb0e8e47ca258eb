import { be32 } from './codec.ts';
import { NetlinkError } from './errno.ts';
import type { Ack, Body, Message, Reply } from './message.ts';
import { body, bodyOffset, Flag, MessageType, readAck, writeMessage } from './message.ts';
import { attributes, viewOf } from './wire.ts';
import { Writer } from './writer.ts';

/** enum nfnl_batch_attributes, linux/netfilter/nfnetlink.h */
const batch = attributes({ generation: [1, be32] });

const nothing: Body = { write: () => undefined, locate: () => undefined };

export interface BatchOptions {
  /** The generation that the batch was planned on: with another one in force, all is refused with ERESTART. */
  readonly generation?: number | undefined;
}

/** What the kernel sent back for one exchange. */
export interface Answers {
  readonly replies: readonly Reply[];
  /** The receive buffer overran: there was more. */
  readonly overran: boolean;
}

/** Sequence numbers are 32 bits and go round. */
function distance(sequence: number, first: number): number {
  return (sequence - first) >>> 0;
}

/**
 * Messages that take effect together or not at all. A batch takes `messages.length + 2` sequence numbers from `first`.
 *
 * Only the last message asks for an ack: the kernel reports every refusal unasked, so that one ack proves the batch,
 * and ten thousand messages don't overrun the receive buffer. (Acks of the frame itself exist only since Linux 6.10.)
 */
export class Batch {
  readonly #messages: readonly Message[];
  readonly #first: number;
  readonly #generation: number | undefined;

  constructor(messages: readonly Message[], first: number, options: BatchOptions = {}) {
    this.#messages = messages;
    this.#first = first;
    this.#generation = options.generation;
  }

  write(into: Writer): void {
    const count = this.#messages.length;
    const resource = (this.#messages[0]?.type ?? 0) >>> 8;
    const frame = { operation: 'batch', flags: 0, family: 0, resource };
    const begin = this.#generation === undefined ? nothing : body(batch, { generation: this.#generation });
    writeMessage(into, { ...frame, type: MessageType.batchBegin, body: begin }, this.#first);
    for (const [index, message] of this.#messages.entries()) {
      writeMessage(into, message, (this.#first + 1 + index) >>> 0, index === count - 1 ? Flag.ack : 0);
    }
    writeMessage(into, { ...frame, type: MessageType.batchEnd, body: nothing }, (this.#first + 1 + count) >>> 0);
  }

  /**
   * Reads the verdict out of everything that the kernel answered. Returns, for each message that asked for NLM_F_ECHO,
   * what the kernel made of it. Throws the first refusal, which knows the others.
   */
  judge(answers: Answers): Map<Message, Reply[]> {
    const refusals: NetlinkError[] = [];
    const echoes = new Map<Message, Reply[]>();
    let acked = false;
    for (const reply of answers.replies) {
      const index = distance(reply.sequence, this.#first) - 1;
      if (index > this.#messages.length) continue; // An answer to something earlier.
      const message = this.#messages[index];
      if (reply.type !== MessageType.error) {
        const earlier = message && echoes.get(message);
        if (earlier !== undefined) earlier.push(reply);
        else if (message !== undefined) echoes.set(message, [reply]);
        continue;
      }
      const ack = readAck(reply);
      if (ack.errno !== 0) refusals.push(this.#refusal(ack, index));
      else if (index === this.#messages.length - 1) acked = true;
    }
    const [first, ...others] = refusals;
    if (first !== undefined) throw others.length === 0 ? first : first.with(others);
    if (!acked) throw unanswered(this.#name(), answers);
    return echoes;
  }

  #name(): string {
    const [only, ...more] = this.#messages;
    return more.length === 0 && only !== undefined ? only.operation : `batch of ${this.#messages.length}`;
  }

  #refusal(ack: Ack, index: number): NetlinkError {
    const message = this.#messages[index];
    // The commit, and whatever befalls the batch as a whole, is answered under the number of its beginning.
    if (message === undefined) return new NetlinkError(ack.errno, { operation: this.#name(), reason: ack.reason });
    return refused(message, ack, index);
  }
}

/** The refusal of one message, with the path of the attribute that the kernel objects to. */
export function refused(message: Message, ack: Ack, index?: number): NetlinkError {
  const { errno, offset, returned } = ack;
  const own = message.errors?.get(errno);
  let attribute = returned && message.body.blame?.(returned);
  if (offset !== undefined && offset >= bodyOffset) {
    // Written again rather than kept: refusals are rare, and bodies write the same bytes every time.
    const written = new Writer();
    message.body.write(written);
    attribute = message.body.locate(viewOf(written.written), offset - bodyOffset);
  }
  const reason = ack.reason ?? own?.reason;
  return new NetlinkError(errno, { code: own?.code, operation: message.operation, index, reason, attribute });
}

/** The end of an exchange whose outcome isn't known. */
export function unanswered(operation: string, { overran }: Answers): NetlinkError {
  return overran
    ? NetlinkError.of('ENOBUFS', operation, 'the answer was lost, the receive buffer is too small for it')
    : NetlinkError.of('EPROTO', operation, 'the kernel did not answer');
}
