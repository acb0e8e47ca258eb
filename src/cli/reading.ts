import { text } from 'node:stream/consumers';
import { formatPrefix, parsePrefix } from '../domain/address.ts';
import { RfwError } from '../domain/errors.ts';
import { usageFailure } from './failure.ts';

/** The words of standard input: `#` and `;` begin a comment that goes to the end of its line. */
export function wordsOf(input: string): readonly string[] {
  return input.split('\n').flatMap((line) =>
    line
      .replace(/[#;].*/, '')
      .split(/[\s,]+/)
      .filter(Boolean),
  );
}

/** What a command line names, where `-` stands for what standard input has. @throws Failure `usage` when that is nothing */
export async function namedOrRead(names: readonly string[], what: string): Promise<readonly string[]> {
  const all = names.includes('-')
    ? [...names.filter((name) => name !== '-'), ...wordsOf(await text(process.stdin))]
    : names;
  if (all.length === 0) throw usageFailure(`Standard input has no ${what}`);
  return all;
}

/** An address or network as people write it: without the length where it is one address. */
export function shortOf(prefix: string): string {
  return prefix.replace(prefix.includes(':') ? /\/128$/ : /\/32$/, '');
}

/** An address or network in the form of the API's answers: with its length. @throws Failure `usage` */
export function prefixOf(text: string): string {
  try {
    return formatPrefix(parsePrefix(text));
  } catch (error) {
    if (error instanceof RfwError) throw usageFailure(error.message, error);
    throw error;
  }
}
