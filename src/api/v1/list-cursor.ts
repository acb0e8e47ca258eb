import { type Address, widthOf } from '../../domain/address.ts';
import { RfwError } from '../../domain/errors.ts';

/** The form of cursors. One of an earlier version can't be read by a later one that has another. */
const version = 1;

/** Where a page of lists ended: at the place of its last one. */
export function formatListCursor(place: number): string {
  return format(['list', place]);
}

/** @throws RfwError `cursor-invalid` for what `formatListCursor` has not made */
export function parseListCursor(text: string): number {
  const [kind, place] = parse(text);
  if (kind !== 'list' || !Number.isSafeInteger(place)) throw invalid();
  return place as number;
}

/** Where a page of entries ended: at the first address of its last one. */
export function formatPrefixCursor({ family, value }: Address): string {
  return format([family, value.toString(16)]);
}

/** @throws RfwError `cursor-invalid` for what `formatPrefixCursor` has not made */
export function parsePrefixCursor(text: string): Address {
  const [family, digits] = parse(text);
  if ((family !== 4 && family !== 6) || typeof digits !== 'string' || !/^[0-9a-f]{1,32}$/.test(digits)) throw invalid();
  const value = BigInt(`0x${digits}`);
  if (value >> BigInt(widthOf(family)) !== 0n) throw invalid();
  return { family, value };
}

function format(parts: readonly unknown[]): string {
  return Buffer.from(JSON.stringify([version, ...parts])).toString('base64url');
}

function parse(text: string): readonly unknown[] {
  const bytes = Buffer.from(text, 'base64url');
  // What isn't of the alphabet would be skipped.
  if (bytes.toString('base64url') !== text) throw invalid();
  try {
    const parts: unknown = JSON.parse(bytes.toString());
    if (Array.isArray(parts) && parts[0] === version && parts.length === 3) return parts.slice(1);
  } catch {
    // It isn't one of rfw's.
  }
  throw invalid();
}

function invalid(): RfwError {
  return new RfwError('cursor-invalid', 'The cursor is not one that rfw gave here: begin again without one');
}
