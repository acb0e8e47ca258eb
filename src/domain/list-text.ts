import { AddressSet } from './address-set.ts';
import { ListEntries, type ListLimits, type ListReading, listLimits, textOf } from './list-entries.ts';
import { isBlank } from './range-text.ts';
import { lifelines, type Whitelist } from './whitelist.ts';

const [newline, hash, semicolon] = [10, 35, 59];

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Bytes of a line that are looked at; what comes after them may only be comment. */
const longestLine = 4096;

/** The mark that some editors put at the beginning of a text. UTF-8 of U+FEFF */
const byteOrderMark = [0xef, 0xbb, 0xbf] as const;

/** How the lines of a text are read. `ndjson`: each is a string, or an object with `address` or `cidr`, in JSON. */
export type ListForm = 'text' | 'ndjson';

/**
 * Reads a list out of a text that comes in pieces: in each line an address, a prefix or a range `a-b`; after `#` or `;` and in blank lines
 * is nothing. Of the text no more is kept than the line that isn't complete.
 */
export class ListReader {
  readonly #entries: ListEntries;
  readonly #form: ListForm;
  /** The beginning of the line that is not complete. */
  readonly #begun = new Uint8Array(longestLine);
  #begunLength = 0;
  /** Whether the line that is not complete is longer than what is kept of it. */
  #cut = false;
  #lines = 0;

  constructor(form: ListForm = 'text', limits: ListLimits = listLimits) {
    this.#form = form;
    this.#entries = new ListEntries(limits);
  }

  /** Takes the next piece, which may end anywhere. */
  add(piece: Uint8Array | string): void {
    const bytes = typeof piece === 'string' ? encoder.encode(piece) : piece;
    let start = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
      if (this.#begunLength === 0)
        this.#line(bytes, start, Math.min(end, start + longestLine), end - start > longestLine);
      else this.#complete(bytes.subarray(start, end));
      start = end + 1;
    }
    this.#begin(bytes.subarray(start));
  }

  /** What all pieces gave. */
  finish(): ListReading {
    if (this.#begunLength > 0) this.#complete(new Uint8Array());
    return this.#entries.finish(this.#lines);
  }

  #begin(bytes: Uint8Array): void {
    const fits = bytes.subarray(0, longestLine - this.#begunLength);
    this.#begun.set(fits, this.#begunLength);
    this.#begunLength += fits.length;
    if (fits.length < bytes.length) this.#cut = true;
  }

  #complete(bytes: Uint8Array): void {
    this.#begin(bytes);
    this.#line(this.#begun, 0, this.#begunLength, this.#cut);
    this.#begunLength = 0;
    this.#cut = false;
  }

  /** @param cut whether the line goes on after `end` */
  #line(bytes: Uint8Array, start: number, end: number, cut: boolean): void {
    this.#lines++;
    let from = start;
    if (this.#lines === 1 && byteOrderMark.every((byte, index) => bytes[start + index] === byte)) from += 3;
    if (this.#form === 'ndjson') this.#json(bytes, from, end, cut);
    else this.#text(bytes, from, end, cut);
  }

  #text(bytes: Uint8Array, start: number, end: number, cut: boolean): void {
    let from = start;
    let to = start;
    while (to < end && bytes[to] !== hash && bytes[to] !== semicolon) to++;
    if (to === end && cut) {
      this.#tooLong(bytes, start, end);
      return;
    }
    while (to > from && isBlank(bytes[to - 1] ?? 0)) to--;
    while (from < to && isBlank(bytes[from] ?? 0)) from++;
    if (from < to) this.#entries.add(this.#lines, bytes, from, to);
  }

  #json(bytes: Uint8Array, start: number, end: number, cut: boolean): void {
    const line = bytes.subarray(start, end);
    if (cut) this.#tooLong(bytes, start, end);
    else if (!line.every(isBlank)) this.#value(line);
  }

  #value(line: Uint8Array): void {
    let value: unknown;
    try {
      value = JSON.parse(decoder.decode(line));
    } catch {
      this.#entries.refuse(this.#lines, textOf(line), 'It is no JSON');
      return;
    }
    addItem(this.#entries, this.#lines, value);
  }

  #tooLong(bytes: Uint8Array, start: number, end: number): void {
    this.#entries.refuse(this.#lines, textOf(bytes.subarray(start, end)), `It is longer than ${longestLine} bytes`);
  }
}

/**
 * Reads a list out of what JSON held: strings, or objects with `address` or `cidr`. The lines of the report are their places in it, from 1.
 */
export function readListItems(items: Iterable<unknown>, limits: ListLimits = listLimits): ListReading {
  const entries = new ListEntries(limits);
  let place = 0;
  for (const item of items) addItem(entries, ++place, item);
  return entries.finish(place);
}

function addItem(entries: ListEntries, line: number, item: unknown): void {
  const fields = typeof item === 'object' && item !== null ? (item as Readonly<Record<string, unknown>>) : {};
  // Published lists say at their end when they were made: {"type":"metadata","timestamp":…}
  if (fields['type'] === 'metadata') return;
  const text = typeof item === 'string' ? item : (fields['address'] ?? fields['cidr']);
  if (typeof text !== 'string') {
    entries.refuse(line, shown(item), 'It is neither a string nor an object with "address" or "cidr"');
    return;
  }
  const bytes = encoder.encode(text.trim());
  entries.add(line, bytes, 0, bytes.length);
}

/** What is no entry, for people. It may be nested so deeply that nothing can write it. */
function shown(item: unknown): string {
  if (Array.isArray(item)) return '[…]';
  return typeof item === 'object' && item !== null ? '{…}' : String(item);
}

/** What a list may have, and what not. */
export interface CutOut {
  readonly kept: AddressSet;
  /** What is whitelisted, and what IPv6 can't do without. */
  readonly cut: AddressSet;
}

/** Cuts out of a list what no rule may touch either. */
export function cutOut(addresses: AddressSet, whitelist: Whitelist): CutOut {
  const spared = AddressSet.of([...whitelist.entries, ...lifelines]);
  const cut = addresses.intersection(spared);
  return cut.isEmpty ? { kept: addresses, cut } : { kept: addresses.without(cut), cut };
}
