import { type Family, families, quote, widthOf } from './address.ts';
import { valueAt } from './address-ranges.ts';
import { AddressSet } from './address-set.ts';
import { RfwError, reasonOf } from './errors.ts';
import { RangeCollector } from './range-collector.ts';
import { RangeText } from './range-text.ts';
import { parseWhitelistEntry } from './whitelist.ts';

/** What a list may be, so that a broken source can't block half of the world. Shares are 0 to 1. */
export interface ListLimits {
  /** No entry may hold more addresses than a prefix of this length. */
  readonly shortestPrefix: Readonly<Record<Family, number>>;
  /** The part of all addresses of a family that a list may have. */
  readonly largestShare: number;
  /** The part of all entries that may be unreadable. */
  readonly badShare: number;
  readonly allowEmpty: boolean;
}

export const listLimits: ListLimits = {
  shortestPrefix: { 4: 8, 6: 16 },
  largestShare: 0.5,
  badShare: 0.05,
  allowEmpty: false,
};

/** A line that is no entry. */
export interface BadLine {
  /** From 1. */
  readonly line: number;
  /** Shortened and quoted. */
  readonly text: string;
  readonly reason: string;
}

export interface ListReport {
  /** All lines that were read, comments and blank ones too. */
  readonly lines: number;
  /** Those that are entries. */
  readonly entries: number;
  /** How many fewer ranges they make: entries that overlap or touch are one. */
  readonly merged: number;
  /** Those that can't be read. */
  readonly bad: number;
  /** The first of them. */
  readonly badLines: readonly BadLine[];
}

/** What a text gave. */
export interface ListReading {
  readonly addresses: AddressSet;
  readonly report: ListReport;
  /** `list-refused`: why this must not replace a list. */
  readonly refusal: RfwError | undefined;
}

/** Bad lines that are kept. */
const badLinesKept = 100;

/** Bytes of a bad line that are kept for its text, which is shortened further. */
const longestText = 400;

const utf8 = new TextDecoder();

/** The entries of a list as they are read, in whatever form they come. */
export class ListEntries {
  readonly #limits: ListLimits;
  readonly #ranges = { 4: new RangeCollector(4), 6: new RangeCollector(6) };
  readonly #text = new RangeText();
  readonly #badLines: BadLine[] = [];
  /** For each family one less than the addresses that an entry may have. */
  readonly #widest: Readonly<Record<Family, bigint>>;
  #bad = 0;

  constructor(limits: ListLimits) {
    this.#limits = limits;
    const widest = (family: Family): bigint => (1n << BigInt(widthOf(family) - limits.shortestPrefix[family])) - 1n;
    this.#widest = { 4: widest(4), 6: widest(6) };
  }

  /** Takes the entry whose text is from `start` to before `end`, without blanks around it. */
  add(line: number, bytes: Uint8Array, start: number, end: number): void {
    const text = this.#text;
    const family = text.read(bytes, start, end);
    if (family === undefined) this.#unreadable(line, bytes.subarray(start, end));
    else if (this.#isWide(family)) this.#tooWide(line, bytes.subarray(start, end), family);
    else this.#ranges[family].addWords(text.first, text.last);
  }

  /** Notes a line that is no entry. @param text what `badText` gave, or any other */
  refuse(line: number, text: string, reason: string): void {
    if (++this.#bad <= badLinesKept) this.#badLines.push({ line, text: quote(text), reason });
  }

  /** @param lines how many were read */
  finish(lines: number): ListReading {
    const addresses = AddressSet.collected(this.#ranges);
    const entries = this.#ranges[4].count + this.#ranges[6].count;
    const merged = entries - addresses.rangeCount();
    const report = { lines, entries, merged, bad: this.#bad, badLines: this.#badLines };
    return { addresses, report, refusal: refusalOf(this.#refusal(addresses, report)) };
  }

  #isWide(family: Family): boolean {
    const { first, last, length } = this.#text;
    const shortest = this.#limits.shortestPrefix[family];
    // Most entries are prefixes, whose length says it all.
    if (length >= shortest) return false;
    return valueAt(family, last, 0) - valueAt(family, first, 0) > this.#widest[family];
  }

  #tooWide(line: number, bytes: Uint8Array, family: Family): void {
    const shortest = this.#limits.shortestPrefix[family];
    this.refuse(
      line,
      textOf(bytes),
      `It holds more addresses than a prefix of /${shortest}, the shortest that is allowed`,
    );
  }

  #unreadable(line: number, bytes: Uint8Array): void {
    // Only what is shown needs a reason: a hostile list has millions of bad lines.
    if (this.#bad >= badLinesKept) this.#bad++;
    else this.refuse(line, textOf(bytes), reasonFor(textOf(bytes)));
  }

  #refusal(addresses: AddressSet, { entries, bad, badLines }: ListReport): string | undefined {
    const { badShare, largestShare, allowEmpty } = this.#limits;
    const [first] = badLines;
    if (first !== undefined && bad > badShare * (entries + bad)) {
      const many = `${bad} of ${entries + bad} entries can't be read, and at most ${percent(badShare)} may be so`;
      return `${many}. The first is line ${first.line}: ${first.reason}`;
    }
    if (entries === 0 && !allowEmpty) return emptiness;
    return shareReason(addresses, largestShare);
  }
}

const emptiness = 'it has no entries, which has to be allowed when it is meant';

/** `list-refused`: why a list must not come to have these addresses, however it does. */
export function listRefusal(
  addresses: AddressSet,
  { largestShare, allowEmpty }: Pick<ListLimits, 'largestShare' | 'allowEmpty'>,
): RfwError | undefined {
  return refusalOf(addresses.isEmpty && !allowEmpty ? emptiness : shareReason(addresses, largestShare));
}

function refusalOf(reason: string | undefined): RfwError | undefined {
  return reason === undefined ? undefined : new RfwError('list-refused', `The list is refused: ${reason}`);
}

function shareReason(addresses: AddressSet, largestShare: number): string | undefined {
  const wide = families.find((family) => shareOf(addresses, family) > largestShare);
  if (wide === undefined) return undefined;
  const share = percent(shareOf(addresses, wide));
  return `it holds ${share} of all IPv${wide} addresses, and at most ${percent(largestShare)} are allowed`;
}

function shareOf(addresses: AddressSet, family: Family): number {
  return Number(addresses.addresses[family]) / 2 ** widthOf(family);
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(2))} %`;
}

/** Bytes of unknown origin as text, no longer than is shown. */
export function textOf(bytes: Uint8Array): string {
  return utf8.decode(bytes.subarray(0, longestText));
}

function reasonFor(text: string): string {
  try {
    parseWhitelistEntry(text);
    return 'It is no address, prefix or range';
  } catch (error) {
    return reasonOf(error);
  }
}
