/** An address that a source names, as it is written there: an address, a network, or a range `a-b`. */
export interface Named {
  readonly line: number;
  readonly address: string;
  /** How long it still lasts, where the source says so. */
  readonly seconds?: number;
}

/** A place of a source that can't be read. */
export interface Unreadable {
  readonly line: number;
  readonly reason: string;
}

export type Item = Named | Unreadable;

/** A line of a source, numbered from 1. */
export interface Line {
  readonly number: number;
  readonly text: string;
}

/** Reads what the lines of a source name. */
export type Reader = (lines: AsyncIterable<Line>) => AsyncIterable<Item>;

/** @param text that may come from anywhere */
export function unreadable(line: number, text: string, wanted: string): Unreadable {
  const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return { line, reason: `${JSON.stringify(shown)} is not ${wanted}` };
}

/** Whether text may be an address, a network or a range; whether it is one, the parsers of addresses say. */
export function looksLikeAddress(text: string): boolean {
  return /^[0-9A-Fa-f:.]+(?:\/\d{1,3})?(?:-[0-9A-Fa-f:.]+)?$/.test(text) && /[.:]/.test(text);
}
