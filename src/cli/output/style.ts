import { styleText } from 'node:util';

/** How text is set off on a terminal; as it is elsewhere. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  /** Of what is blocked, or went wrong. */
  bad(text: string): string;
  /** Of what is allowed, or went well. */
  good(text: string): string;
  warn(text: string): string;
}

type Format = Parameters<typeof styleText>[0];

/** @param colors whether there are any: not with NO_COLOR, nor where nobody sees them */
export function styleOf(colors: boolean): Style {
  const set = (format: Format) => (text: string) => (colors ? styleText(format, text) : text);
  return { bold: set('bold'), dim: set('dim'), bad: set('red'), good: set('green'), warn: set('yellow') };
}

/**
 * Whether a stream gets colours (no-color.org).
 * @param asked by the command line; undefined where it doesn't say
 */
export function wantsColors(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv, asked?: boolean): boolean {
  if (asked !== undefined) return asked;
  if ((env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb') return false;
  return stream.isTTY === true || (env['FORCE_COLOR'] ?? '0') !== '0';
}
