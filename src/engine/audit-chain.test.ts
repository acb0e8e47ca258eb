import { describe, expect, it } from 'vitest';
import { auditEntry, epoch } from './audit.fixture.ts';
import { type AuditEntry, chainHash, entryText, genesis, type Mark, type StoredEntry } from './audit.ts';
import { verifyChain } from './audit-chain.ts';

/** A chain as it is written: after the anchor, one entry for each. */
function chain(entries: readonly AuditEntry[], anchor = genesis): StoredEntry[] {
  let { number, hash } = anchor;
  return entries.map((fields) => {
    number++;
    const entry = entryText(fields, number);
    hash = chainHash(hash, entry);
    return { number, at: fields.at, entry, hash };
  });
}

const rows = chain([1, 2, 3, 4, 5].map((index) => auditEntry(index)));

function row(number: number): StoredEntry {
  const found = rows[number - 1];
  if (found === undefined) throw new Error(`There is no row ${number}`);
  return found;
}

function markOf({ number, hash }: StoredEntry): Mark {
  return { number, hash };
}

const ends = { anchor: genesis, head: markOf(row(5)) };

function flawOf(entries: readonly StoredEntry[], among = {}): unknown {
  return verifyChain(entries, { ...ends, ...among }).flaw;
}

/** The entries with one in place of that number. */
function replaced(number: number, fields: Partial<StoredEntry>): StoredEntry[] {
  return rows.with(number - 1, { ...row(number), ...fields });
}

/** The text of an entry with something else in it. */
function edited(number: number, from: string, to: string): string {
  const { entry } = row(number);
  expect(entry).toContain(from);
  return entry.replace(from, to);
}

describe('a log that is whole', () => {
  it('is told with its number of entries, its first and last instant, and its head', () => {
    expect(verifyChain(rows, ends)).toEqual({
      whole: 5,
      first: epoch + 60_000,
      last: epoch + 300_000,
      head: ends.head,
      flaw: undefined,
    });
  });

  it('may be empty', () => {
    expect(verifyChain([], { anchor: genesis, head: genesis })).toEqual({
      whole: 0,
      first: undefined,
      last: undefined,
      head: genesis,
      flaw: undefined,
    });
  });

  it('may begin where retention has left it, or have nothing left', () => {
    expect(verifyChain(rows.slice(3), { ...ends, anchor: markOf(row(3)) })).toMatchObject({
      whole: 2,
      flaw: undefined,
    });
    expect(verifyChain([], { ...ends, anchor: ends.head })).toMatchObject({ whole: 0, flaw: undefined });
  });

  it.each([1, 3, 5])('still has in it what was its head at entry %i', (number) => {
    expect(flawOf(rows, { kept: markOf(row(number)) })).toBeUndefined();
  });

  it('still has in it what was its head when that is the last that was removed', () => {
    expect(flawOf(rows.slice(3), { anchor: markOf(row(3)), kept: markOf(row(3)) })).toBeUndefined();
  });
});

describe('a log that somebody has changed', () => {
  it.each<[string, string, string]>([
    ['principal', '"alice"', '"mallory"'],
    ['address', '192.0.2.1', '192.0.2.9'],
    ['door', '"outward"', '"local"'],
    ['request', 'request-3', 'request-2'],
    ['operation', 'rules.put', 'rules.del'],
    ['target', '"rule-3"', '"rule-9"'],
    ['before', '"before":null', '"before":{}'],
    ['after', '203.0.113.3', '203.0.113.4'],
    ['result', 'created', 'updated'],
    ['instant', `${epoch + 180_000}`, `${epoch + 180_001}`],
    ['white space', ',', ', '],
  ])('shows it: %s', (_, from, to) => {
    const verification = verifyChain(replaced(3, { entry: edited(3, from, to) }), ends);
    expect(verification).toMatchObject({ whole: 2, head: markOf(row(2)), flaw: { number: 3, kind: 'changed' } });
  });

  it.each<[string, Partial<StoredEntry>]>([
    ['the instant beside the text', { at: 1 }],
    ['the hash', { hash: new Uint8Array(32) }],
    ['a hash of another length', { hash: new Uint8Array(0) }],
    ['what is no JSON', { entry: 'x' }],
    ['no text', { entry: '' }],
    ['JSON that is no entry', { entry: 'null' }],
  ])('shows it: %s', (_, fields) => {
    expect(flawOf(replaced(3, fields))).toEqual({ number: 3, kind: 'changed' });
  });

  it('shows a row that was deleted, wherever it was', () => {
    expect(flawOf(rows.toSpliced(2, 1))).toEqual({ number: 3, kind: 'missing' });
    expect(flawOf(rows.slice(2))).toEqual({ number: 1, kind: 'missing' });
    expect(flawOf(rows.slice(0, 4))).toEqual({ number: 5, kind: 'missing' });
    expect(flawOf([])).toEqual({ number: 1, kind: 'missing' });
  });

  it('shows rows that were swapped, with their numbers or without', () => {
    const [two, three] = [row(2), row(3)];
    const swapped = rows.with(1, { ...three, number: 2 }).with(2, { ...two, number: 3 });
    expect(flawOf(swapped)).toEqual({ number: 2, kind: 'out-of-order' });
    expect(flawOf(rows.with(2, row(2)))).toEqual({ number: 2, kind: 'out-of-order' });
  });

  it('shows that the numbers after a deleted row were closed up', () => {
    const closed = rows.toSpliced(2, 1).map((entry, index) => ({ ...entry, number: index + 1 }));
    expect(flawOf(closed)).toEqual({ number: 3, kind: 'out-of-order' });
  });

  it('shows a row behind the last', () => {
    const longer = chain([1, 2, 3, 4, 5, 6].map((index) => auditEntry(index)));
    expect(flawOf(longer)).toEqual({ number: 6, kind: 'added' });
    expect(flawOf([...rows, { ...row(5), number: 9 }])).toEqual({ number: 9, kind: 'added' });
  });

  it('shows a number in a text that is not its own, even where the hash fits', () => {
    const entry = entryText(auditEntry(3), 7);
    const hash = chainHash(row(2).hash, entry);
    expect(flawOf(replaced(3, { entry, hash }))).toEqual({ number: 3, kind: 'changed' });
  });

  it('shows that rows before the anchor are back', () => {
    expect(flawOf(rows, { anchor: markOf(row(2)) })).toEqual({ number: 1, kind: 'out-of-order' });
  });

  it('shows that the anchor is another one', () => {
    expect(flawOf(rows.slice(2), { anchor: { number: 2, hash: row(1).hash } })).toEqual({ number: 3, kind: 'changed' });
  });

  it('shows that the notes of beginning and end are gone', () => {
    expect(flawOf(rows, { anchor: undefined })).toEqual({ number: 1, kind: 'no-anchor' });
    expect(flawOf(rows, { head: undefined })).toEqual({ number: 5, kind: 'no-head' });
    expect(flawOf(rows.toSpliced(1, 1), { head: undefined })).toEqual({ number: 2, kind: 'missing' });
  });
});

describe('a log that somebody has chained anew', () => {
  const forged = chain([1, 2, 9, 4, 5].map((index) => auditEntry(index)));

  it('shows it by its head', () => {
    expect(flawOf(forged)).toEqual({ number: 5, kind: 'rewritten' });
    expect(flawOf([], { anchor: markOf(forged[4] ?? row(5)) })).toEqual({ number: 5, kind: 'rewritten' });
  });

  it('with another head shows it by one that was kept elsewhere', () => {
    const head = forged[4] && markOf(forged[4]);
    expect(flawOf(forged, { head })).toBeUndefined();
    expect(flawOf(forged, { head, kept: markOf(row(2)) })).toBeUndefined();
    expect(flawOf(forged, { head, kept: markOf(row(4)) })).toEqual({ number: 4, kind: 'rewritten' });
  });

  it('and cut off shows it by one that was kept elsewhere', () => {
    const cut = { anchor: genesis, head: markOf(row(3)) };
    expect(flawOf(rows.slice(0, 3), cut)).toBeUndefined();
    expect(flawOf(rows.slice(0, 3), { ...cut, kept: markOf(row(5)) })).toEqual({ number: 4, kind: 'missing' });
  });

  it('and emptied, or cut at its beginning, shows it by one that was kept elsewhere', () => {
    expect(flawOf([], { head: genesis, kept: markOf(row(5)) })).toEqual({ number: 1, kind: 'missing' });
    expect(flawOf(rows.slice(3), { anchor: markOf(row(3)), kept: markOf(row(2)) })).toEqual({
      number: 2,
      kind: 'removed',
    });
  });
});
