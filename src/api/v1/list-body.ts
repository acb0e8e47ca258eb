import { createHash } from 'node:crypto';
import type { RfwError } from '../../domain/errors.ts';
import type { BadLine, ListLimits, ListReading } from '../../domain/list-entries.ts';
import { type ListForm, ListReader, readListItems } from '../../domain/list-text.ts';
import type { Limits } from '../access/principal.ts';
import { type FieldError, RequestError } from '../errors.ts';
import type { StreamBody } from './route.ts';

/** The content types of lists that are read as they come in. */
export const listStreams: Readonly<Record<string, ListForm>> = {
  'text/plain': 'text',
  'application/x-ndjson': 'ndjson',
};

/** What a body gave, and what tells it from others. */
export interface ListBody {
  readonly reading: ListReading;
  /** A JSON value. */
  readonly identity: unknown;
}

/** Bad lines that a refusal names. */
const namedLines = 20;

/** Reads a list as it comes in. @throws RequestError when the body is cut off or too large */
export async function readListStream({ type, content }: StreamBody, limits: ListLimits): Promise<ListBody> {
  const reader = new ListReader(listStreams[type], limits);
  const hash = createHash('sha256');
  for await (const chunk of content) {
    hash.update(chunk as Buffer);
    reader.add(chunk as Buffer);
  }
  return { reading: refusedWithLines(reader.finish()), identity: { type, content: hash.digest('base64url') } };
}

/** Reads a list out of what JSON held. @param field where the items stand in the body */
export function readListArray(items: readonly unknown[], limits: ListLimits, field: string): ListReading {
  return refusedWithLines(readListItems(items, limits), field);
}

/** A refusal then says which lines are bad. */
function refusedWithLines(reading: ListReading, field?: string): ListReading {
  const { refusal, report } = reading;
  if (refusal === undefined || report.bad === 0) return reading;
  const errors = report.badLines.slice(0, namedLines).map((bad) => errorOf(bad, field));
  return { ...reading, refusal: new RequestError(refusal.code, refusal.message, errors) };
}

function errorOf({ line, text, reason }: BadLine, field: string | undefined): FieldError {
  if (field === undefined) return { message: `Line ${line}, ${text}: ${reason}` };
  return { pointer: `/${field}/${line - 1}`, message: `${text}: ${reason}` };
}

/** What is allowed of what the configuration allows. */
export function narrowed(limits: ListLimits, { shortestPrefix = {} }: Limits, own: Partial<ListLimits>): ListLimits {
  const shortest = (family: 4 | 6): number => Math.max(limits.shortestPrefix[family], shortestPrefix[family] ?? 0);
  return {
    ...limits,
    ...own,
    badShare: Math.min(limits.badShare, own.badShare ?? 1),
    shortestPrefix: { 4: shortest(4), 6: shortest(6) },
  };
}

/** @throws RfwError why the list is refused */
export function refuseUnfit({ refusal }: { readonly refusal: RfwError | undefined }): void {
  if (refusal !== undefined) throw refusal;
}
