import { InvalidArgumentError } from 'commander';
import type { Range } from '../../domain/address.ts';
import { RfwError } from '../../domain/errors.ts';
import { parseWhitelistEntry } from '../../domain/whitelist.ts';
import { exitCodes, Failure } from '../failure.ts';
import type { Output } from '../output/output.ts';
import { Progress } from '../output/progress.ts';
import { counted } from '../output/words.ts';
import type { Item, Unreadable } from './item.ts';

/** Places that can't be read and are told of one by one. */
const toldOf = 20;

/** What a source gave. */
export interface Collected {
  /** How many addresses, networks and ranges it named. */
  readonly count: number;
  /** How many places couldn't be read. They are left out. */
  readonly bad: number;
}

/** The addresses of a text, or why it isn't an address, a network or a range. */
export function rangeOrReason(text: string): Range | string {
  try {
    return parseWhitelistEntry(text);
  } catch (error) {
    if (error instanceof RfwError) return error.message;
    throw error;
  }
}

/** A share in percent, of an option. @returns 0 to 1 */
export function shareOf(text: string): number {
  const percent = Number(text.replace(/\s*%$/, ''));
  if (/^\d/.test(text) && percent >= 0 && percent <= 100) return percent / 100;
  throw new InvalidArgumentError('It must be a share in percent: 5 or 0.1%.');
}

/**
 * Takes each item of a source, and tells of those that can't be read.
 * @param take takes one that can be read. @returns why it can't be taken; undefined where it is
 * @param badShare how much of it may be unreadable, 0 to 1
 * @throws Failure `usage` when more of it is: it may be something else than it seems
 */
export async function collect(
  items: AsyncIterable<Item>,
  output: Output,
  badShare: number,
  take: (address: string, seconds: number | undefined) => string | undefined,
): Promise<Collected> {
  const progress = new Progress(output, 'Reading');
  const bad: Unreadable[] = [];
  let count = 0;
  let unread = 0;
  for await (const item of items) {
    const reason = 'reason' in item ? item.reason : take(item.address, item.seconds);
    if (reason === undefined) {
      count++;
      progress.at(count);
      continue;
    }
    unread++;
    if (bad.length < toldOf) bad.push({ line: item.line, reason });
  }
  progress.end();
  for (const { line, reason } of bad) output.error(`line ${line}: ${reason}`);
  if (unread > bad.length) output.error(`and ${counted(unread - bad.length, 'more line')} that can't be read`);
  if (unread > badShare * (count + unread)) {
    const share = `${((100 * unread) / (count + unread)).toFixed(1)} %`;
    throw new Failure(
      exitCodes.usage,
      `Nothing is done: ${share} of it can't be read, and at most ${100 * badShare} % may be so (--bad-share). Is it another --format?`,
    );
  }
  return { count, bad: unread };
}
