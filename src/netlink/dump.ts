import { refused, unanswered } from './batch.ts';
import { NetlinkError } from './errno.ts';
import type { Message, Reply } from './message.ts';
import { Flag, MessageType, readAck, readDone, readMessages, writeMessage } from './message.ts';
import { NetlinkSocket } from './socket.ts';
import { Writer } from './writer.ts';

/** How often a dump that the ruleset changed under is begun again before that is an error. */
const attempts = 10;

/** The only exchange on a socket of its own needs no more than one number to know its answers by. */
const sequence = 1;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Every object that the request describes: a consistent reading, begun again whenever the ruleset changed meanwhile.
 * Uses a socket of its own, so that a dump never mixes with other requests, and gives the event loop a turn between
 * datagrams. The kernel takes a time that grows with the square of the number of elements to dump a set: 47 s and
 * more for a million. Throws NetlinkError: EINTR when the ruleset never stood still.
 */
export async function dump(request: Message): Promise<Reply[]> {
  for (let attempt = 1; ; attempt++) {
    const replies = await attemptDump(request);
    if (replies !== undefined) return replies;
    if (attempt === attempts) {
      throw NetlinkError.of('EINTR', request.operation, `the ruleset changed during each of ${attempts} attempts`);
    }
  }
}

/** One reading, or undefined when it saw two states of the ruleset. */
async function attemptDump(request: Message): Promise<Reply[] | undefined> {
  const socket = NetlinkSocket.open();
  try {
    const writer = new Writer();
    writeMessage(writer, request, sequence, Flag.dump);
    socket.send(writer.written);
    const replies: Reply[] = [];
    for (;;) {
      const datagram = socket.receive();
      if (datagram === undefined) throw unanswered(request.operation, { replies, overran: false });
      for (const reply of readMessages(datagram)) {
        if (reply.sequence !== sequence || reply.portId !== socket.portId) continue;
        if ((reply.flags & Flag.dumpInterrupted) !== 0) return undefined;
        if (reply.type === MessageType.error || reply.type === MessageType.done) {
          const end = reply.type === MessageType.error ? readAck(reply) : readDone(reply);
          if (end.errno !== 0) throw refused(request, end);
          return replies;
        }
        replies.push(reply);
      }
      await nextTurn();
    }
  } finally {
    socket.close();
  }
}
