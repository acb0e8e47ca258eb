import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expiryAfter, latestInstant, parseDuration } from './duration.ts';

describe('parseDuration', () => {
  it.each([
    ['10', 10],
    ['10s', 10],
    ['10m', 600],
    ['10h', 36_000],
    ['10d', 864_000],
    ['1', 1],
    ['0010m', 600],
    ['999999999', 999_999_999],
    ['999999999s', 999_999_999],
    ['999999999m', 59_999_999_940],
    ['999999999h', 3_599_999_996_400],
    ['999999999d', 86_399_999_913_600],
  ])('reads %s as %i seconds', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  it.each(['0', '0s', '0m', '0h', '0d', '000000000'])('reads %s as 0, which is permanent', (text) => {
    expect(parseDuration(text)).toBe(0);
  });

  it.each([
    ['nothing', ''],
    ['a unit without a number', 's'],
    ['an unknown unit', '10u'],
    ['a unit in upper case', '10M'],
    ['a unit of several letters', '10ms'],
    ['two durations', '1h30m'],
    ['ten digits', '1234567890'],
    ['ten digits with leading zeros', '0000000010'],
    ['a negative number', '-1'],
    ['a plus sign', '+1'],
    ['a fraction', '1.5h'],
    ['an exponent', '1e3'],
    ['a hexadecimal number', '0x10'],
    ['a space', ' '],
    ['a space before', ' 10'],
    ['a space after', '10 '],
    ['a space before the unit', '10 m'],
    ['a line feed after', '10m\n'],
    ['digits outside ASCII', '\u0661\u0660'],
    ['what JavaScript takes for a number', 'Infinity'],
  ])('refuses %s: %j', (_, text) => {
    expect(() => parseDuration(text)).toThrow(
      expect.objectContaining({
        name: 'RfwError',
        code: 'expire-invalid',
        message: `Incorrect duration ${JSON.stringify(text)}: at most 9 digits, then s, m, h, d or nothing (seconds); 0 is permanent`,
      }),
    );
  });

  it('reads every number up to nine digits with every unit', () => {
    const unit = fc.constantFrom(...Object.entries({ '': 1, s: 1, m: 60, h: 60 * 60, d: 24 * 60 * 60 }));
    fc.assert(
      fc.property(fc.nat(999_999_999), unit, (number, [letter, seconds]) => {
        expect(parseDuration(`${number}${letter}`)).toBe(number * seconds);
      }),
    );
  });
});

describe('expiryAfter', () => {
  const now = Date.UTC(2026, 0, 1);

  it('gives null, which is never, for 0 seconds', () => {
    expect(expiryAfter(now, 0)).toBeNull();
  });

  it.each([
    [1, '2026-01-01T00:00:01.000Z'],
    [3600, '2026-01-01T01:00:00.000Z'],
    [365 * 86_400, '2027-01-01T00:00:00.000Z'],
  ])('gives for %i seconds the instant %s', (seconds, instant) => {
    expect(new Date(expiryAfter(now, seconds) ?? Number.NaN).toISOString()).toBe(instant);
  });

  it('ends at the last instant that every ISO 8601 reader takes', () => {
    expect(new Date(latestInstant).toISOString()).toBe('9999-12-31T23:59:59.000Z');
    expect(expiryAfter(now, parseDuration('999999999d'))).toBe(latestInstant);
  });

  it.each([
    ['just before', -1000],
    ['at', 0],
    ['just after', 1000],
  ])('clamps an instant %s the last one', (_, beyond) => {
    const seconds = (latestInstant - now + beyond) / 1000;
    expect(expiryAfter(now, seconds)).toBe(latestInstant + Math.min(beyond, 0));
  });

  it('gives for every duration but 0 an instant after now that can be written as a date', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 999_999_999 }), fc.constantFrom('', 's', 'm', 'h', 'd'), (number, unit) => {
        const instant = expiryAfter(now, parseDuration(`${number}${unit}`)) ?? Number.NaN;
        expect(instant).toBeGreaterThan(now);
        expect(new Date(instant).toISOString()).toMatch(/^\d{4}-/);
      }),
    );
  });
});
