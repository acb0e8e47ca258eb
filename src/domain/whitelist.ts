import {
  type Address,
  type Family,
  formatAddress,
  formatNetwork,
  isMapped,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixesOf,
  quote,
  type Range,
  rangeContains,
  rangeOf,
  rangesOverlap,
} from './address.ts';
import { RfwError, reasonOf } from './errors.ts';
import type { RuleSpec } from './rule.ts';

/** One line of the whitelist, as it was written and as the range that it means. */
export interface WhitelistEntry extends Range {
  readonly text: string;
}

/** The addresses that no rule may touch. Overlap counts both ways: a /8 that holds a whitelisted host conflicts too. */
export class Whitelist {
  readonly entries: readonly WhitelistEntry[];
  /** The whitelisted addresses as disjoint ranges, ascending, by family: most rules conflict with none of them. */
  readonly #ranges: Readonly<Record<Family, readonly Range[]>>;

  constructor(entries: readonly WhitelistEntry[]) {
    this.entries = entries;
    const ranges = merge(entries);
    this.#ranges = { 4: ranges.filter(({ family }) => family === 4), 6: ranges.filter(({ family }) => family === 6) };
  }

  /** Whether the address is whitelisted. */
  covers(address: Address): boolean {
    return this.entries.some((entry) => rangeContains(entry, address));
  }

  /** The first entry that the rule's source or destination overlaps. A side that is any address does not count. */
  conflict(spec: RuleSpec): WhitelistEntry | undefined {
    const { source, destination } = spec;
    if (!this.#touches(source) && !this.#touches(destination)) return undefined;
    return overlapping(this.entries, spec);
  }

  /** Whether a side of a rule overlaps anything whitelisted. */
  #touches(side: Prefix | 'any'): boolean {
    if (side === 'any') return false;
    const ranges = this.#ranges[side.family];
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((ranges[middle]?.last ?? 0n) < side.value) low = middle + 1;
      else high = middle;
    }
    const next = ranges[low];
    return next !== undefined && next.first <= rangeOf(side).last;
  }

  /** The fewest prefixes that hold exactly the whitelisted addresses, IPv4 first, ascending. */
  prefixes(): Prefix[] {
    // No packet carries an IPv4-mapped address as IPv6, and its text would read back as IPv4.
    return merge(this.entries)
      .flatMap(prefixesOf)
      .filter((prefix) => !isMapped(prefix));
  }
}

/**
 * What IPv6 can't do without: link-local and multicast addresses carry neighbour and router discovery (RFC 4861). A rule on
 * them would cut off every client of that family, the whitelisted ones too.
 */
export const lifelines: readonly WhitelistEntry[] = ['fe80::/10', 'ff00::/8'].map((text) => ({
  text,
  ...rangeOf(parsePrefix(text)),
}));

/** The range that the rule overlaps and that IPv6 can't do without. */
export function lifelineOf(spec: RuleSpec): WhitelistEntry | undefined {
  return overlapping(lifelines, spec);
}

function overlapping(
  entries: readonly WhitelistEntry[],
  { source, destination }: RuleSpec,
): WhitelistEntry | undefined {
  return entries.find((entry) => overlapsSide(entry, source) || overlapsSide(entry, destination));
}

function overlapsSide(entry: WhitelistEntry, side: Prefix | 'any'): boolean {
  // Most rules are of another family, and nothing has to be made to see that.
  return side !== 'any' && side.family === entry.family && rangesOverlap(entry, rangeOf(side));
}

/** Disjoint, ascending ranges with the same addresses. */
function merge(ranges: readonly Range[]): Range[] {
  const merged: Range[] = [];
  const ascending = [...ranges].sort(
    (a, b) => a.family - b.family || (a.first < b.first ? -1 : a.first > b.first ? 1 : 0),
  );
  for (const { family, first, last } of ascending) {
    const previous = merged.at(-1);
    if (previous === undefined || previous.family !== family || first > previous.last + 1n) {
      merged.push({ family, first, last });
    } else if (last > previous.last) {
      merged[merged.length - 1] = { ...previous, last };
    }
  }
  return merged;
}

/**
 * Reads an address, a prefix in CIDR notation, or a range `a-b` with both ends included.
 * @throws RfwError `address-invalid`, `mask-invalid` or `family-mismatch`
 */
export function parseWhitelistEntry(text: string): WhitelistEntry {
  const dash = text.indexOf('-');
  if (dash < 0) return { text, ...rangeOf(parsePrefix(text)) };
  const first = parseAddress(text.slice(0, dash).trim());
  const last = parseAddress(text.slice(dash + 1).trim());
  if (first.family !== last.family) {
    throw new RfwError('family-mismatch', `The range ${quote(text)} must have two ends of one family`);
  }
  if (first.value > last.value) {
    throw new RfwError(
      'address-invalid',
      `The range ${quote(text)} ends before it begins: write ${formatAddress(last)}-${formatAddress(first)}`,
    );
  }
  return { text, family: first.family, first: first.value, last: last.value };
}

/** The same entry in the one form that its addresses have: the shortest of an address, a prefix and a range. */
export function canonicalEntry({ family, first, last }: Range): WhitelistEntry {
  const [prefix, ...more] = prefixesOf({ family, first, last });
  const ends = [first, last].map((value) => formatAddress({ family, value }));
  const text = prefix !== undefined && more.length === 0 ? formatNetwork(prefix) : ends.join('-');
  return { text, family, first, last };
}

/**
 * Reads a whitelist: one entry a line; empty lines and comments, which begin with # or ;, are skipped.
 * @param file the name for messages
 * @throws RfwError `whitelist-invalid` with file and line, also when there is no entry at all
 */
export function parseWhitelist(text: string, file: string): Whitelist {
  const entries: WhitelistEntry[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const entry = line.replace(/[#;].*/s, '').trim();
    if (entry === '') continue;
    try {
      entries.push(parseWhitelistEntry(entry));
    } catch (error) {
      throw new RfwError(
        'whitelist-invalid',
        `${file}, line ${index + 1}: ${reasonOf(error)}. Allowed: an address, a CIDR prefix or a range first-last, IPv4 or IPv6`,
        { cause: error },
      );
    }
  }
  if (entries.length === 0) {
    throw new RfwError(
      'whitelist-invalid',
      `${file}: no entry. The whitelist needs at least one: add the address you administer this host from`,
    );
  }
  return new Whitelist(entries);
}
