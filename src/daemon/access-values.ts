import { readFileSync } from 'node:fs';
import { parseDuration } from '../domain/duration.ts';
import { RfwError } from '../domain/errors.ts';

/** What is done about failed logins. */
export interface LoginConfig {
  /** So many within `period` are too many; undefined when no number is. */
  readonly failures: number | undefined;
  /** Seconds. */
  readonly period: number;
}

/** Reads `10/10m`, ten within ten minutes, or `off`. @throws RfwError `config-invalid` */
export function parseFailures(text: string): LoginConfig {
  if (text.toLowerCase() === 'off') return { failures: undefined, period: 600 };
  const [, number = '', period = ''] = /^([1-9]\d{0,5})\s*\/\s*([1-9]\d*[smhd]?)$/.exec(text) ?? [];
  if (number === '') throw invalid('it must be a number and a time, such as 10/10m, or off');
  return { failures: Number(number), period: parseDuration(period) };
}

/** Reads a time that isn't for ever. @returns seconds @throws RfwError `config-invalid`, `expire-invalid` */
export function parseBlock(text: string): number {
  const seconds = parseDuration(text);
  if (seconds > 0) return seconds;
  throw invalid('it must be longer than 0: who mistypes a password must not be locked out for ever');
}

/** The gid of a group, by its name in /etc/group or as a number. group(5) @throws RfwError `config-invalid` */
export function groupId(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .map((entry) => entry.split(':'))
    .find(([name]) => name === text);
  const gid = line?.[2];
  if (gid !== undefined && /^\d+$/.test(gid)) return Number(gid);
  throw invalid('there is no such group in /etc/group. The number of a group works too');
}

function invalid(message: string): RfwError {
  return new RfwError('config-invalid', message);
}
