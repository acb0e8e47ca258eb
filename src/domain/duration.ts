import { quote } from './address.ts';
import { RfwError } from './errors.ts';

const secondsIn: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 };

/** Milliseconds since the epoch of 9999-12-31T23:59:59Z, the last instant that every ISO 8601 reader takes. */
export const latestInstant = 253_402_300_799_000;

/**
 * Reads a duration: a number of at most nine digits, followed by s, m, h or d; seconds when there is no unit.
 * @returns seconds; 0 means permanent
 * @throws RfwError `expire-invalid`
 */
export function parseDuration(text: string): number {
  const match = /^(\d{1,9})([smhd]?)$/.exec(text);
  if (!match) {
    throw new RfwError(
      'expire-invalid',
      `Incorrect duration ${quote(text)}: at most 9 digits, then s, m, h, d or nothing (seconds); 0 is permanent`,
    );
  }
  return Number(match[1]) * (secondsIn[match[2] ?? ''] ?? 1);
}

/** The instant `seconds` after `now` (both ends in milliseconds since the epoch); null, which is never, for 0. */
export function expiryAfter(now: number, seconds: number): number | null {
  return seconds === 0 ? null : Math.min(now + seconds * 1000, latestInstant);
}
