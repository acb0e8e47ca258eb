import { ipv6Words } from '../domain/words.ts';
import type { RuleColumns } from './ruleset.ts';

/**
 * The orders in which rules are listed. `newest` and `oldest` are by the place in the order of all rules; `expiresAt` has those
 * first that end soonest, and last those that never do; `address` has IPv4 before IPv6 and a network before what is in it,
 * by the source, or the destination where there is no source.
 */
export const ruleSorts = ['newest', 'oldest', 'expiresAt', 'address'] as const;
export type RuleSort = (typeof ruleSorts)[number];

/** What a rule is sorted by: the first number in which two keys differ tells. The last is its place in the order, so no two are the same. */
export type SortKey = readonly number[];

/** A number of the key of a row's rule. */
type Part = (columns: RuleColumns, row: number, index: number) => number;

const parts: Readonly<Record<RuleSort, Part>> = {
  newest: ({ seqs }, row) => -(seqs[row] ?? 0),
  oldest: ({ seqs }, row) => seqs[row] ?? 0,
  expiresAt: ({ expiries, seqs }, row, index) => (index === 0 ? expiries[row] : seqs[row]) ?? 0,
  address: addressPart,
};

const keyLengths: Readonly<Record<RuleSort, number>> = { newest: 1, oldest: 1, expiresAt: 2, address: ipv6Words + 2 };

/** How many numbers a key has. */
export function keyLengthOf(sort: RuleSort): number {
  return keyLengths[sort];
}

/** The words of the address, of which the first is greater for IPv6 than for any IPv4; the length of the prefix; the place. */
function addressPart({ specs, seqs }: RuleColumns, row: number, index: number): number {
  if (index > ipv6Words) return seqs[row] ?? 0;
  const { family, length } = specs.shape(specs.shapeOf(row));
  if (index === ipv6Words) return length;
  if (family === 4) return index === 0 ? specs.word(row, 0, family) : 0;
  return index === 0 ? 2 ** 32 + specs.word(row, 0, family) : specs.word(row, index, family);
}

/** The key of a row's rule. */
export function keyOf(sort: RuleSort, columns: RuleColumns, row: number): SortKey {
  const part = parts[sort];
  return Array.from({ length: keyLengths[sort] }, (_, index) => part(columns, row, index));
}

/** Compares the key of a row's rule with another, and makes none. @returns less than 0 when it comes before, 0 when it is the same */
export function compareRow(sort: RuleSort, columns: RuleColumns, row: number, key: SortKey): number {
  const part = parts[sort];
  for (let index = 0; index < key.length; index++) {
    const own = part(columns, row, index);
    const other = key[index] ?? 0;
    // Not by their difference: there is none of two infinities.
    if (own < other) return -1;
    if (own > other) return 1;
  }
  return 0;
}

/** Compares two keys. */
export function compareKeys(a: SortKey, b: SortKey): number {
  for (let index = 0; index < a.length; index++) {
    const own = a[index] ?? 0;
    const other = b[index] ?? 0;
    if (own !== other) return own < other ? -1 : 1;
  }
  return 0;
}
