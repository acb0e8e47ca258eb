import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { exitCodes, Failure, usageFailure } from '../failure.ts';
import type { Item, Line } from './item.ts';
import { type FormatOptions, readerOf } from './readers.ts';

/** The most bytes that are read from a URL. */
const largest = 512 * 1024 * 1024;

/** Milliseconds that a URL has to begin its answer, and to send it. */
const longest = 300_000;

/** Letters that are looked at to find out what a source is. */
const lookedAt = 4096;

/**
 * What a file, a URL or standard input (`-`) names.
 * @throws Failure `usage` for what can't be read, `unreachable` for a URL that doesn't answer
 */
export async function* itemsOf(name: string, options: FormatOptions): AsyncGenerator<Item> {
  const lines = linesOf(name);
  // The first lines say what it is, and are then read like the others.
  const first: Line[] = [];
  for (let length = 0; length < lookedAt; ) {
    const { value, done } = await lines.next();
    if (done === true) break;
    first.push(value);
    length += value.text.length;
  }
  const reader = readerOf(options, name, first.map(({ text }) => text).join('\n'));
  yield* reader(again(first, lines));
}

async function* again(first: readonly Line[], rest: AsyncIterable<Line>): AsyncGenerator<Line> {
  yield* first;
  yield* rest;
}

async function* linesOf(name: string): AsyncGenerator<Line> {
  const input = await open(name);
  let number = 0;
  // readline passes on some errors of its input and only ends for others.
  let failure: unknown;
  input.once('error', (error) => {
    failure = error;
  });
  try {
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      number++;
      // Some files begin with a mark of their encoding.
      yield { number, text: number === 1 ? text.replace(/^\ufeff/, '') : text };
    }
  } catch (error) {
    failure ??= error;
  } finally {
    input.destroy();
  }
  if (failure === undefined) return;
  throw failure instanceof Failure
    ? failure
    : usageFailure(`Could not read ${name}: ${(failure as Error).message}`, failure);
}

async function open(name: string): Promise<Readable> {
  if (name === '-') return process.stdin;
  if (!/^https?:\/\//i.test(name)) return createReadStream(name);
  const failed = (reason: string, cause?: unknown) =>
    new Failure(exitCodes.unreachable, `${name}: ${reason}`, { cause });
  let response: Response;
  try {
    response = await fetch(name, { signal: AbortSignal.timeout(longest) });
  } catch (error) {
    const { cause } = error as { cause?: Error };
    throw failed(cause?.message ?? (error as Error).message, error);
  }
  if (!response.ok) throw failed(`the answer is ${response.status} ${response.statusText}`);
  if (response.body === null) throw failed('the answer is empty');
  return Readable.from(bounded(name, Readable.fromWeb(response.body as never)));
}

async function* bounded(name: string, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > largest) throw usageFailure(`${name} is larger than ${largest / 1024 ** 2} MiB`);
    yield chunk;
  }
}
