import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { RfwError } from '../../domain/errors.ts';
import { problemOf } from '../errors.ts';
import type { BatchAnswer, Progress } from './batch-writing.ts';
import { confirmationHeader } from './mutation.ts';
import type { Asked } from './route.ts';

/** Milliseconds between two lines. */
const interval = 500;

/**
 * A batch as a stream of lines: how far it is, and in the last one what became of it. By then the status has long been sent, so
 * that line also tells of errors.
 */
export function progressStream(request: Asked['request'], progress: Progress, answer: Promise<BatchAnswer>): Readable {
  // It is awaited line by line, and must not count as unhandled until then.
  answer.catch(() => {});
  return Readable.from(lines(request, progress, answer), { objectMode: false });
}

async function* lines(
  request: Asked['request'],
  progress: Progress,
  answer: Promise<BatchAnswer>,
): AsyncGenerator<string> {
  const settled = answer.then(
    () => true,
    () => true,
  );
  const ended = new AbortController();
  try {
    for (;;) {
      const isOver = await Promise.race([settled, sleep(interval, false, { signal: ended.signal })]);
      if (isOver) break;
      yield line({ progress: { ...progress } });
    }
    yield line(await lastLine(request, answer));
  } finally {
    ended.abort();
  }
}

async function lastLine(request: Asked['request'], answer: Promise<BatchAnswer>): Promise<unknown> {
  try {
    const { body, headers } = await answer;
    const confirmation = headers?.[confirmationHeader];
    return { summary: body, ...(confirmation !== undefined && { confirmation }) };
  } catch (error) {
    const problem = error instanceof RfwError ? error : new RfwError('internal', 'Internal error, see the log of rfw');
    return { problem: problemOf(request, problem) };
  }
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
