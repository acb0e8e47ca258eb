import { type Prefix, parsePrefix } from '../../domain/address.ts';
import type { AskedCommand } from '../../engine/decide.ts';
import { RequestError } from '../errors.ts';
import { ItemChunk, type ItemReader } from './batch-items.ts';
import { parseJson } from './json.ts';

/** The longest line, in bytes. */
const longestLine = 65_536;

/** After so many lines that aren't alike, a pattern is made only of one of so many. */
const [fewUnlike, manyUnlike] = [8, 64];

const newline = 0x0a;

/** Bytes that an address has. */
const ofAddress = new Uint8Array(256);
for (const letter of '0123456789ABCDEFabcdef:./') ofAddress[letter.charCodeAt(0)] = 1;

/** The one address of a line, with the quotes around it. No text inside a JSON string looks like that, since it has no bare quotes. */
const address = /"(?:source|destination)"\s*:\s*"([0-9A-Fa-f:./]+)"/g;

/**
 * A line that was read, as a pattern for those that are alike but for the address: the lines of a million hosts mostly are.
 * They are read in a tenth of the time that JSON takes.
 */
class LinePattern {
  readonly #before: Uint8Array;
  /** From the quote behind the address to the end of the line. */
  readonly #after: Uint8Array;
  readonly command: AskedCommand;

  private constructor(before: Uint8Array, after: Uint8Array, command: AskedCommand) {
    this.#before = before;
    this.#after = after;
    this.command = command;
  }

  /** @param line with its end @returns undefined when there isn't just one address in it */
  static of(line: Buffer, command: AskedCommand): LinePattern | undefined {
    const { source, destination } = command.spec;
    if ((source !== 'any' && destination !== 'any') || isEverything(source) || isEverything(destination))
      return undefined;
    const [found, another] = line.toString('latin1').matchAll(address);
    if (found === undefined || another !== undefined) return undefined;
    const end = found.index + found[0].length - 1;
    const start = end - (found[1]?.length ?? 0);
    // Copies: the bytes around the line can then be let go.
    return new LinePattern(Uint8Array.from(line.subarray(0, start)), Uint8Array.from(line.subarray(end)), command);
  }

  /** Where the address of a line begins, if that is alike. */
  begin(at: number): number {
    return at + this.#before.length;
  }

  /** Where the address ends; -1 when the line isn't alike, or not all there. */
  end(bytes: Uint8Array, at: number): number {
    const before = this.#before;
    for (let index = 0; index < before.length; index++) if (bytes[at + index] !== before[index]) return -1;
    let end = this.begin(at);
    while (ofAddress[bytes[end] ?? 0] === 1) end++;
    const after = this.#after;
    for (let index = 0; index < after.length; index++) if (bytes[end + index] !== after[index]) return -1;
    return end;
  }

  /** Where the next line begins. @param end of the address */
  next(end: number): number {
    return end + this.#after.length;
  }
}

/** Whether a side holds every address: then it may become the other one, as `ruleSpec` says. */
function isEverything(side: Prefix | 'any'): boolean {
  return side !== 'any' && side.length === 0;
}

/** Reads the items of NDJSON: a JSON value a line. Empty lines are none. */
export class ItemLines {
  readonly #items: ItemReader;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #line = 0;
  /** Whether what comes belongs to a line that was too long. */
  #skipping = false;
  #pattern: LinePattern | undefined;
  /** Lines that weren't like the one before, since there was one that was. */
  #unlike = 0;

  constructor(items: ItemReader) {
    this.#items = items;
  }

  /** Gives it some more of the body. */
  push(bytes: Buffer): void {
    const rest = this.#bytes.subarray(this.#at);
    this.#bytes = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    this.#at = 0;
  }

  /** The body is at its end, and with it the last line. */
  end(): void {
    if (this.#at < this.#bytes.length) this.push(Buffer.of(newline));
  }

  /** Reads lines into a chunk, until it has so many items. @returns false when more of the body is needed for that */
  take(chunk: ItemChunk, most: number): boolean {
    while (chunk.length < most) if (!this.#takeAlike(chunk) && !this.#takeLine(chunk)) return false;
    return true;
  }

  #takeAlike(chunk: ItemChunk): boolean {
    const pattern = this.#pattern;
    const end = pattern?.end(this.#bytes, this.#at) ?? -1;
    if (pattern === undefined || end < 0) return false;
    const text = this.#bytes.toString('latin1', pattern.begin(this.#at), end);
    let command: AskedCommand;
    try {
      const prefix = parsePrefix(text);
      if (isEverything(prefix)) return false;
      command = this.#items.withAddress(pattern.command, prefix);
    } catch {
      // Read as JSON it says what is wrong.
      return false;
    }
    this.#unlike = 0;
    chunk.add(++this.#line, command);
    this.#at = pattern.next(end);
    return true;
  }

  #takeLine(chunk: ItemChunk): boolean {
    const end = this.#bytes.indexOf(newline, this.#at);
    if (end < 0) {
      this.#refuseTooLong(chunk);
      return false;
    }
    const line = this.#bytes.subarray(this.#at, end + 1);
    this.#at = end + 1;
    if (this.#skipping) {
      this.#skipping = false;
      return true;
    }
    this.#line++;
    if (line.length > longestLine + 1) chunk.refuse(this.#line, tooLong());
    else if (!isEmpty(line)) chunk.attempt(this.#line, () => this.#read(line));
    return true;
  }

  #read(line: Buffer): AskedCommand {
    const command = this.#items.read(parseJson(line.subarray(0, -1), 'line'));
    // Where all lines differ, a pattern of each would cost as much as reading it.
    if (this.#unlike++ < fewUnlike || this.#unlike % manyUnlike === 0) this.#pattern = LinePattern.of(line, command);
    return command;
  }

  /** A line without an end isn't kept for ever. */
  #refuseTooLong(chunk: ItemChunk): void {
    if (this.#bytes.length - this.#at <= longestLine) return;
    if (!this.#skipping) chunk.refuse(++this.#line, tooLong());
    this.#skipping = true;
    this.#at = this.#bytes.length;
  }
}

function isEmpty(line: Buffer): boolean {
  return line.every((byte) => byte === newline || byte === 0x0d || byte === 0x20 || byte === 0x09);
}

function tooLong(): RequestError {
  return new RequestError('request-invalid', `The line is longer than ${longestLine} bytes`);
}

/** The items of a body, some at a time. @param most how many, asked before each of them */
export async function* chunksOfLines(
  content: AsyncIterable<Buffer>,
  items: ItemReader,
  most: () => number,
): AsyncGenerator<ItemChunk> {
  const lines = new ItemLines(items);
  let chunk = new ItemChunk();
  const full = function* (): Generator<ItemChunk> {
    while (lines.take(chunk, most())) {
      yield chunk;
      chunk = new ItemChunk();
    }
  };
  for await (const bytes of content) {
    lines.push(bytes);
    yield* full();
  }
  lines.end();
  yield* full();
  if (chunk.length > 0) yield chunk;
}
