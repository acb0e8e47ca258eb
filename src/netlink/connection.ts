import type { Answers, BatchOptions } from './batch.ts';
import { Batch, refused, unanswered } from './batch.ts';
import { NetlinkError } from './errno.ts';
import type { Message, Reply } from './message.ts';
import { Flag, MessageType, readAck, readMessages, writeMessage } from './message.ts';
import type { SocketOptions } from './socket.ts';
import { NetlinkSocket } from './socket.ts';
import { Writer } from './writer.ts';

/**
 * Asks the kernel and returns its answer, in one turn of the event loop: the kernel has answered when the send returns.
 * A large batch keeps the event loop for as long as the kernel needs, about 1 µs for an element of a set: split it.
 *
 * Tables with the owner flag belong to the connection that made them, until it is closed.
 */
export class Connection {
  readonly #socket: NetlinkSocket;
  readonly #writer = new Writer(64 * 1024);
  /** What another thread is sending. */
  readonly #aside = new Writer(64 * 1024);
  #sequence = 1;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Throws NetlinkError: EPROTONOSUPPORT where the kernel has no netfilter, EMFILE without a descriptor. */
  static open(options?: SocketOptions): Connection {
    return new Connection(NetlinkSocket.open(options));
  }

  /** The owner that the kernel records for tables, and the author that notifications name. */
  get portId(): number {
    return this.#socket.portId;
  }

  /**
   * Makes all the changes or none. Returns what the kernel made of each message that carries NLM_F_ECHO.
   * Throws NetlinkError for a refusal, and with ENOBUFS or EPROTO when it isn't known whether the changes were made;
   * EncodeError, before anything is sent, for a value that doesn't fit on the wire.
   */
  transact(messages: readonly Message[], options?: BatchOptions): Map<Message, Reply[]> {
    if (messages.length === 0) return new Map();
    const batch = new Batch(messages, this.#take(messages.length + 2), options);
    this.#writer.reset();
    batch.write(this.#writer);
    this.#socket.send(this.#writer.written);
    return batch.judge(this.#receive());
  }

  /**
   * As `transact`, but the kernel works on another thread while the event loop goes on: for batches that take milliseconds.
   * One at a time: until it is settled nothing else may be asked of this connection.
   */
  transactAside(messages: readonly Message[], options?: BatchOptions): Promise<Map<Message, Reply[]>> {
    if (messages.length === 0) return Promise.resolve(new Map());
    const batch = new Batch(messages, this.#take(messages.length + 2), options);
    this.#aside.reset();
    batch.write(this.#aside);
    return this.#socket.sendAside(this.#aside.written).then(() => batch.judge(this.#receive()));
  }

  /**
   * Sends one message on its own and returns what the kernel answered before the ack. Throws NetlinkError for a refusal,
   * and with ENOBUFS for more answers than the receive buffer takes: about a thousand, by default.
   */
  request(message: Message): Reply[] {
    const sequence = this.#take(1);
    this.#writer.reset();
    writeMessage(this.#writer, message, sequence, Flag.ack);
    this.#socket.send(this.#writer.written);
    const answers: Reply[] = [];
    let done = false;
    const received = this.#receive();
    for (const reply of received.replies) {
      if (reply.sequence !== sequence) continue;
      if (reply.type !== MessageType.error) {
        answers.push(reply);
        continue;
      }
      const ack = readAck(reply);
      if (ack.errno !== 0) throw refused(message, ack);
      done = true;
    }
    if (!done || received.overran) throw unanswered(message.operation, received);
    return answers;
  }

  close(): void {
    this.#socket.close();
  }

  /** Reserves sequence numbers. They go round after 2^32, long after any answer to an earlier use. */
  #take(count: number): number {
    const first = this.#sequence;
    this.#sequence = (first + count) >>> 0;
    return first;
  }

  /** Everything that waits, and whether more was lost because the receive buffer overran. */
  #receive(): Answers {
    const replies: Reply[] = [];
    let overran = false;
    for (;;) {
      try {
        const datagram = this.#socket.receive();
        if (datagram === undefined) return { replies, overran };
        for (const reply of readMessages(datagram)) if (reply.portId === this.portId) replies.push(reply);
      } catch (error) {
        // Told once and first; what was received before the loss still waits behind it.
        if (!(error instanceof NetlinkError && error.code === 'ENOBUFS')) throw error;
        overran = true;
      }
    }
  }
}
