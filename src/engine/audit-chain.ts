import { chainHash, type Mark, type StoredEntry } from './audit.ts';

/**
 * What can be wrong with an entry:
 * - `changed`: it isn't what its hash was made of;
 * - `missing`: it isn't there, though others before or after it are;
 * - `out-of-order`: another one stands in its place;
 * - `added`: it stands behind the last that was written;
 * - `rewritten`: it fits those before it, but isn't the one whose hash was noted;
 * - `removed`: it is older than what is kept, and so can't be compared with the hash that was noted;
 * - `no-anchor`, `no-head`: the note of where the log begins, or ends, isn't there.
 */
export type FlawKind =
  | 'changed'
  | 'missing'
  | 'out-of-order'
  | 'added'
  | 'rewritten'
  | 'removed'
  | 'no-anchor'
  | 'no-head';

/** The first entry that isn't as it was written. */
export interface Flaw {
  readonly number: number;
  readonly kind: FlawKind;
}

/** What the entries are compared with. */
export interface Ends {
  /** The last entry that retention has removed; `genesis` before it has removed any. Undefined when the note is gone. */
  readonly anchor: Mark | undefined;
  /** The last entry that was written. */
  readonly head: Mark | undefined;
  /** What was the head at an earlier time, from where nobody who can write to the log has access. */
  readonly kept?: Mark | undefined;
}

/** What a verification found. */
export interface Verification {
  /** How many entries are as they were written: all of them, or those before the flaw. */
  readonly whole: number;
  /** When the first and the last of them were written, in milliseconds since the epoch. */
  readonly first: number | undefined;
  readonly last: number | undefined;
  /** The last of them; the anchor when there is none. */
  readonly head: Mark | undefined;
  readonly flaw: Flaw | undefined;
}

/** Whether the entries are those that were written, all of them. @param entries by number, ascending */
export function verifyChain(entries: Iterable<StoredEntry>, ends: Ends): Verification {
  const { anchor, head, kept } = ends;
  if (anchor === undefined) return nothingWhole({ number: 1, kind: 'no-anchor' });
  if (kept !== undefined && kept.number < anchor.number) return nothingWhole({ number: kept.number, kind: 'removed' });
  const noted = [head, kept].filter((mark) => mark !== undefined);
  let whole = 0;
  let first: number | undefined;
  let last: number | undefined;
  let mark = anchor;
  let flaw = contradiction(anchor, noted);
  for (const entry of flaw === undefined ? entries : []) {
    flaw = flawOf(entry, mark, head) ?? contradiction(entry, noted);
    if (flaw !== undefined) break;
    mark = { number: entry.number, hash: entry.hash };
    first ??= entry.at;
    last = entry.at;
    whole++;
  }
  flaw ??= cutOff(mark, noted) ?? (head === undefined ? { number: mark.number, kind: 'no-head' } : undefined);
  return { whole, first, last, head: mark, flaw };
}

function nothingWhole(flaw: Flaw): Verification {
  return { whole: 0, first: undefined, last: undefined, head: undefined, flaw };
}

/** What is wrong with an entry that should follow on the mark. */
function flawOf({ number, at, entry, hash }: StoredEntry, mark: Mark, head: Mark | undefined): Flaw | undefined {
  const next = mark.number + 1;
  if (number < next) return { number, kind: 'out-of-order' };
  if (head !== undefined && mark.number >= head.number) return { number, kind: 'added' };
  if (number > next) return { number: next, kind: 'missing' };
  const says = readPlace(entry);
  if (isSame(chainHash(mark.hash, entry), hash)) {
    return says?.number === number && says.at === at ? undefined : { number, kind: 'changed' };
  }
  const isOther = typeof says?.number === 'number' && says.number !== number;
  return { number, kind: isOther ? 'out-of-order' : 'changed' };
}

/** Number and instant that a text claims; undefined when it isn't even JSON. */
function readPlace(entry: string): { readonly number?: unknown; readonly at?: unknown } | undefined {
  try {
    return JSON.parse(entry) ?? undefined;
  } catch {
    return undefined;
  }
}

/** That an entry has another hash than was noted. */
function contradiction({ number, hash }: Mark, noted: readonly Mark[]): Flaw | undefined {
  const differs = noted.some((mark) => mark.number === number && !isSame(mark.hash, hash));
  return differs ? { number, kind: 'rewritten' } : undefined;
}

/** That the entries end before one that was noted. */
function cutOff({ number }: Mark, noted: readonly Mark[]): Flaw | undefined {
  return noted.some((mark) => mark.number > number) ? { number: number + 1, kind: 'missing' } : undefined;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
