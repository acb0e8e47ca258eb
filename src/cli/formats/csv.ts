import { usageFailure } from '../failure.ts';
import { type Item, type Line, looksLikeAddress, type Reader, unreadable } from './item.ts';

/** A record may go over so many lines, in quotes; more is a quote that was forgotten. */
const linesOfRecord = 100;

/** The names that a column of addresses usually has. */
const usualNames = ['ip', 'address', 'ip_address', 'src_ip', 'source', 'cidr', 'network', 'prefix'];

/**
 * Reads a column of CSV (RFC 4180).
 * @param column its name in the first record, or its number from 1; without it the one that has a usual name, or the only one
 */
export function csvReader(column: string | undefined): Reader {
  return async function* read(lines): AsyncGenerator<Item> {
    let at: number | undefined;
    for await (const { number, fields } of records(lines)) {
      if (fields.length === 1 && fields[0]?.trim() === '') continue;
      if (at === undefined) {
        at = columnOf(fields, column);
        // A first record without an address is a header.
        if (!looksLikeAddress((fields[at] ?? '').trim())) continue;
      }
      const address = (fields[at] ?? '').trim();
      yield looksLikeAddress(address) ? { line: number, address } : unreadable(number, address, 'an address');
    }
  };
}

function columnOf(fields: readonly string[], column: string | undefined): number {
  const names = fields.map((field) => field.trim().toLowerCase());
  if (column === undefined) {
    const usual = names.findIndex((name) => usualNames.includes(name));
    const at = usual >= 0 ? usual : names.findIndex(looksLikeAddress);
    if (at >= 0) return at;
    throw usageFailure(`Which column has the addresses? Say so with --column: there are ${fields.join(', ')}`);
  }
  const named = names.indexOf(column.toLowerCase());
  const at = named >= 0 ? named : /^\d+$/.test(column) ? Number(column) - 1 : -1;
  if (at >= 0 && at < fields.length) return at;
  throw usageFailure(`There is no column ${column}: there are ${fields.join(', ')}, or 1 to ${fields.length}`);
}

interface CsvRecord {
  /** Of its first line. */
  readonly number: number;
  readonly fields: readonly string[];
}

async function* records(lines: AsyncIterable<Line>): AsyncGenerator<CsvRecord> {
  let open: { readonly number: number; text: string; count: number } | undefined;
  for await (const { number, text } of lines) {
    open =
      open === undefined
        ? { number, text, count: 1 }
        : { ...open, text: `${open.text}\n${text}`, count: open.count + 1 };
    if (isOpen(open.text) && open.count < linesOfRecord) continue;
    yield { number: open.number, fields: fieldsOf(open.text) };
    open = undefined;
  }
  if (open !== undefined) yield { number: open.number, fields: fieldsOf(open.text) };
}

/** Whether a quote is still to come. */
function isOpen(text: string): boolean {
  return (text.match(/"/g)?.length ?? 0) % 2 === 1;
}

function fieldsOf(text: string): string[] {
  const separator = text.includes(',') || !/[;\t]/.test(text) ? ',' : text.includes('\t') ? '\t' : ';';
  const fields: string[] = [];
  let field = '';
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] ?? '';
    if (letter === '"' && quoted && text[at + 1] === '"') field += text[++at];
    else if (letter === '"') quoted = !quoted;
    else if (letter === separator && !quoted) {
      fields.push(field);
      field = '';
    } else field += letter;
  }
  return [...fields, field];
}
