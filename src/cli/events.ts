import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from './api.ts';
import type { Change } from './api-types.ts';
import { exitCodes, Failure } from './failure.ts';
import type { Session } from './session.ts';

/** Seconds before a stream that has broken off is asked for again, at first and at most. */
const [firstWait, longestWait] = [0.25, 8];

/**
 * The changes after a number, as they come, for ever: a stream that breaks off is taken up again where it was.
 * @throws Failure when the daemon refuses it, or can't be reached to begin with
 */
export async function* changesOf(session: Session, api: Api, after: number): AsyncGenerator<Change> {
  let last = after;
  let begun = false;
  let broken = false;
  for (let wait = firstWait; ; wait = Math.min(2 * wait, longestWait)) {
    try {
      const stream = await api.open('streamEvents', {
        headers: { accept: 'text/event-stream', 'last-event-id': String(last) },
      });
      if (broken) session.output.note('Connected again');
      begun = true;
      broken = false;
      wait = firstWait;
      for await (const { id, event, data } of eventsOf(stream)) {
        last = id;
        if (event === 'reset') session.output.note('Some changes are not recorded any more, and are left out');
        else yield JSON.parse(data) as Change;
      }
    } catch (error) {
      if (!begun || !(error instanceof Failure) || error.exit !== exitCodes.unreachable) throw error;
    }
    if (!broken) session.output.note('The connection has broken off: trying again');
    broken = true;
    await sleep(1000 * wait);
  }
}

interface ServerEvent {
  readonly id: number;
  readonly event: string;
  readonly data: string;
}

/** The events of a stream, until it ends or breaks off. (HTML Living Standard, section 9.2) */
async function* eventsOf(stream: IncomingMessage): AsyncGenerator<ServerEvent> {
  let rest = '';
  stream.setEncoding('utf8');
  try {
    for await (const chunk of stream) {
      const blocks = (rest + String(chunk)).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const fields = new Map(block.split('\n').map((line) => parted(line)));
        const data = fields.get('data');
        if (data !== undefined) yield { id: Number(fields.get('id')), event: fields.get('event') ?? 'message', data };
      }
    }
  } catch (error) {
    if (!stream.destroyed) throw error;
  }
}

function parted(line: string): readonly [name: string, value: string] {
  const at = line.indexOf(':');
  return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1).replace(/^ /, '')];
}
