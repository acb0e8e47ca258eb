import { expect, it } from 'vitest';
import { millisecondsOf, readTime } from './duration.ts';

it.each([
  ['90s', '90s', 90],
  ['90', '90s', 90],
  ['60', '1m', 60],
  ['10m', '10m', 600],
  ['1h30m', '90m', 5400],
  ['2 hours', '2h', 7200],
  ['1 day, 12 hrs', '36h', 129_600],
  ['1 hour and 5 minutes', '65m', 3900],
  ['30 min', '30m', 1800],
  ['7D', '7d', 604_800],
  ['2w', '14d', 1_209_600],
  ['24h', '1d', 86_400],
])('%s is %s', (text, time, seconds) => {
  expect(readTime(text)).toBe(time);
  expect(millisecondsOf(time)).toBe(1000 * seconds);
});

it.each(['', '0', '0m', 'soon', '-5m', '5x', '1.5h', 'm', '5m later', '99999999d', '1e3'])(
  '"%s" is no time',
  (text) => {
    expect(readTime(text)).toBeUndefined();
  },
);
