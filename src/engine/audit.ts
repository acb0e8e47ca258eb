import { hash as digest } from 'node:crypto';

/** By which way a change came in; `engine` is rfw itself, such as an expiry. */
export type AuditDoor = 'outward' | 'local' | 'socket' | 'control' | 'engine';

/** One thing that somebody did or tried to do. */
export interface AuditEntry {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly principal: string;
  readonly address: string;
  readonly door: AuditDoor;
  readonly requestId: string;
  /** Noun and verb: `rules.put`, `lists.replace`. */
  readonly operation: string;
  /** What it was done to: the id of a rule, the name of a list. */
  readonly target: string;
  /** JSON values; null where there was nothing, or is nothing now. Keep them short: each is stored as it is. */
  readonly before: unknown;
  readonly after: unknown;
  /** `created`, `updated` and so on, or the code of an error. */
  readonly result: string;
}

/** An entry at its place in the chain. */
export interface AuditRecord extends AuditEntry {
  /** From 1, without a gap. */
  readonly number: number;
  /** SHA-256 over the hash before and this entry, in hexadecimal. */
  readonly hash: string;
}

/** Which entries are asked for. */
export interface AuditQuery {
  /** Only entries with a smaller number: the last one of the page before. */
  readonly before?: number | undefined;
  readonly principal?: string | undefined;
  readonly operation?: string | undefined;
  /** From this instant on, in milliseconds since the epoch. */
  readonly since?: number | undefined;
  /** Before this instant. */
  readonly until?: number | undefined;
  readonly limit: number;
}

/** A place in the chain: the entry of that number has that hash. */
export interface Mark {
  readonly number: number;
  /** 32 bytes. */
  readonly hash: Uint8Array;
}

/** The place before the first entry. */
export const genesis: Mark = { number: 0, hash: new Uint8Array(32) };

/** An entry as it is stored. */
export interface StoredEntry extends Mark {
  /** What `entryText` says, again: it is looked through by time without reading each text. */
  readonly at: number;
  /** What `entryText` made. */
  readonly entry: string;
}

/**
 * A JSON value as the one text that it has: no white space, members in the order of the UTF-16 code units of their names,
 * numbers and strings as ECMAScript writes them. That is RFC 8785, but for lone surrogates, which it refuses and which are
 * escaped here. What JSON doesn't know becomes what `JSON.stringify` makes of it.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${Array.from(value, canonicalJson).join(',')}]`;
  const members = value as Readonly<Record<string, unknown>>;
  const texts: string[] = [];
  for (const name of Object.keys(members).sort()) {
    if (members[name] !== undefined) texts.push(`${quoted(name)}:${canonicalJson(members[name])}`);
  }
  return `{${texts.join(',')}}`;
}

/** Printable ASCII of which JSON escapes nothing. */
const plain = /^[ !#-[\]-~]*$/;

function quoted(text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text);
}

/**
 * The canonical JSON of an entry with its number: what is hashed, and what is stored. The names and their order are the same
 * each time, so that they stand here.
 */
export function entryText(entry: AuditEntry, number: number): string {
  const { at, principal, address, door, requestId, operation, target, before, after, result } = entry;
  return (
    `{"address":${quoted(address)},"after":${canonicalJson(after)},"at":${canonicalJson(at)},` +
    `"before":${canonicalJson(before)},"door":${quoted(door)},"number":${number},"operation":${quoted(operation)},` +
    `"principal":${quoted(principal)},"requestId":${quoted(requestId)},"result":${quoted(result)},"target":${quoted(target)}}`
  );
}

/** The hash of an entry: SHA-256(hash of the entry before || text). */
export function chainHash(previous: Uint8Array, text: string): Uint8Array {
  const bytes = Buffer.allocUnsafe(previous.length + Buffer.byteLength(text));
  bytes.set(previous);
  bytes.write(text, previous.length);
  return digest('sha256', bytes, 'buffer');
}

/** A stored entry as those who read it get it. @throws SyntaxError when somebody else has written it */
export function readRecord({ number, entry, hash }: Omit<StoredEntry, 'at'>): AuditRecord {
  const stored = JSON.parse(entry) as AuditEntry;
  return { ...stored, number, hash: hex(hash) };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** A mark as people keep it: `17:` and 64 hexadecimal digits. */
export function formatMark({ number, hash }: Mark): string {
  return `${number}:${hex(hash)}`;
}

/** Reads what `formatMark` wrote; undefined when the text is something else. */
export function parseMark(text: string): Mark | undefined {
  const [, number, hash] = /^(\d{1,15}):([\da-f]{64})$/i.exec(text) ?? [];
  if (number === undefined || hash === undefined) return undefined;
  return { number: Number(number), hash: new Uint8Array(Buffer.from(hash, 'hex')) };
}
