import { expect, it } from 'vitest';
import { lifetimeOf } from './lifetime.ts';

const now = Date.UTC(2026, 0, 1);
const year = 365 * 86_400_000;

it.each<[string, number | null, number | undefined]>([
  ['a rule for good has no end', null, undefined],
  ['a minute is a minute and five seconds', now + 60_000, 65_000],
  ['a part of a millisecond is a whole one', now + 0.25, 5001],
  ['what is over lasts five seconds', now, 5000],
  ['what is long over does too', 0, 5000],
  ['ten years, with the five seconds, are the longest time', now + 10 * year - 5000, 10 * year],
  ['what is longer has no end in the kernel', now + 10 * year - 4999, undefined],
  ['the end of the year 9999 is longer', Date.UTC(9999, 11, 31), undefined],
])('%s', (_, expiresAt, lifetime) => {
  expect(lifetimeOf({ expiresAt }, now)).toBe(lifetime);
});
