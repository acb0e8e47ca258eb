import { existsSync } from 'node:fs';
import { RfwError } from '../domain/errors.ts';
import { formatMark, type Mark } from '../engine/audit.ts';
import type { Flaw, FlawKind, Verification } from '../engine/audit-chain.ts';
import { verifyAuditFile } from '../engine/store/audit-file.ts';
import type { Config } from './config.ts';
import { storeFile } from './state.ts';

/** What a verification of the audit log has to say. */
export interface AuditReport {
  /** For people; the last line is the head where all is whole. */
  readonly text: string;
  /** What is wrong, in one line; undefined where nothing is. */
  readonly failure: string | undefined;
}

/**
 * Verifies the audit log of the configuration, beside a daemon that runs.
 * @param kept the head of an earlier verification
 * @throws RfwError `store-failed` when there is no log, or none that can be read
 */
export function auditReport(config: Config, kept?: Mark): AuditReport {
  const file = storeFile(config);
  if (!existsSync(file)) {
    throw new RfwError('store-failed', `There is no audit log: ${file} doesn't exist. The first start of rfw makes it`);
  }
  const verification = verifyAuditFile(file, kept);
  const { flaw } = verification;
  return {
    text: textOf(file, verification),
    failure: flaw === undefined ? undefined : `The audit log in ${file} is broken: ${describe(flaw)}`,
  };
}

function textOf(file: string, { whole, first, last, head, flaw }: Verification): string {
  const lines = [
    flaw === undefined
      ? `The audit log in ${file} is whole`
      : `Of the audit log in ${file} only what comes before the flaw is whole`,
    `  entries  ${whole}`,
    ...(first === undefined ? [] : [`  first    ${instant(first)}`]),
    ...(last === undefined ? [] : [`  last     ${instant(last)}`]),
    // The head of a broken log is nothing to keep.
    ...(head === undefined || flaw !== undefined ? [] : [`  head     ${formatMark(head)}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** RFC 3339; as it is when it is no time at all. */
function instant(milliseconds: number): string {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? String(milliseconds) : date.toISOString();
}

const descriptions: Readonly<Record<FlawKind, string>> = {
  changed: 'was changed after it was written',
  missing: 'is missing',
  'out-of-order': 'is not the one that was written there',
  added: 'was added behind the last that rfw has written',
  rewritten: 'is not the one whose hash was noted: it, or one before it, was written anew',
  removed: 'was removed as too old, and can not be compared with the head that was given',
  'no-anchor': 'can not be verified: the note of where the log begins is gone',
  'no-head': 'may not be the last: the note of where the log ends is gone',
};

function describe({ number, kind }: Flaw): string {
  return `entry ${number} ${descriptions[kind]}`;
}
