import { RfwError } from '../domain/errors.ts';
import { keyLengthOf, type RuleSort, type SortKey } from './rule-order.ts';

/** The form of cursors. One of an earlier version can't be read by a later one that has another. */
const version = 1;

/** What no number of a key is greater than, but for the end of what never ends. */
const greatest = Number.MAX_SAFE_INTEGER;

/**
 * Where a page ended, as text: by the key of its last rule, so that it holds whatever comes and goes. What never ends is null
 * there, as JSON has no infinity.
 */
export function formatCursor(sort: RuleSort, key: SortKey): string {
  return Buffer.from(JSON.stringify({ version, sort, key })).toString('base64url');
}

/**
 * The key behind which the next page begins.
 * @throws RfwError `cursor-invalid` for what `formatCursor` has not made, or has made for another order
 */
export function parseCursor(text: string, sort: RuleSort): SortKey {
  const cursor = read(text);
  if (cursor?.version !== version || !isKey(cursor.key)) {
    throw new RfwError('cursor-invalid', 'The cursor is not one that rfw gave: begin again without one');
  }
  const key = cursor.key.map((number) => number ?? Number.POSITIVE_INFINITY);
  if (cursor.sort !== sort || key.length !== keyLengthOf(sort)) {
    throw new RfwError(
      'cursor-invalid',
      'The cursor is of another order: ask with the sort that its page was asked with',
    );
  }
  return key;
}

function read(
  text: string,
): { readonly version?: unknown; readonly sort?: unknown; readonly key?: unknown } | undefined {
  const bytes = Buffer.from(text, 'base64url');
  // What isn't of the alphabet would be skipped.
  if (bytes.toString('base64url') !== text) return undefined;
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function isKey(key: unknown): key is readonly (number | null)[] {
  const isNumber = (part: unknown): boolean => typeof part === 'number' && Math.abs(part) <= greatest;
  return Array.isArray(key) && key.every((part) => part === null || isNumber(part));
}
