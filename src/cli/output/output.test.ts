import { describe, expect, it } from 'vitest';
import { styleOf, wantsColors } from './style.ts';
import { harmless, table } from './table.ts';
import { formatAge, formatRest, formatSeconds } from './time.ts';

describe('a time', () => {
  it.each([
    [0, '0s'],
    [0.4, '0s'],
    [59.6, '1m'],
    [90, '1m 30s'],
    [3600, '1h'],
    [7325, '2h 2m'],
    [86_400 * 3 + 5, '3d'],
    [86_400 * 3 + 7200, '3d 2h'],
  ])('of %s seconds is %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });

  it('is never less than nothing', () => {
    expect(formatRest('2026-01-01T00:00:00Z', Date.parse('2026-01-01T00:00:05Z'))).toBe('0s');
    expect(formatRest(null, 0)).toBe('never');
    expect(formatAge('2026-01-01T00:00:05Z', Date.parse('2026-01-01T00:00:00Z'))).toBe('0s ago');
  });
});

describe('a table', () => {
  const columns = [
    { title: 'A', cell: (row: readonly string[]) => row[0] ?? '' },
    { title: 'B', cell: (row: readonly string[]) => row[1] ?? '', right: true },
  ];

  it('has columns as wide as they need to be, whatever colours them', () => {
    const { bad } = styleOf(true);
    expect(
      table(columns, [
        ['x', '1'],
        [bad('longer'), '22'],
      ]),
    ).toBe(`A        B\nx        1\n${bad('longer')}  22\n`);
  });

  it('is cut at the width of the terminal, without half a colour', () => {
    const { bad } = styleOf(true);
    expect(table(columns, [[bad('longer'), '22']], 6)).toBe('A    …\nlonge…\n');
  });
});

describe('text of others', () => {
  it('does nothing to a terminal', () => {
    expect(harmless('a\u001b[31mb\nc\u202ed\u009bé')).toBe('a\ufffd[31mb\ufffdc\ufffdd\ufffdé');
  });
});

describe('colours', () => {
  it.each([
    [{ isTTY: true }, {}, undefined, true],
    [{}, {}, undefined, false],
    [{ isTTY: true }, { NO_COLOR: '1' }, undefined, false],
    [{ isTTY: true }, { NO_COLOR: '' }, undefined, true],
    [{ isTTY: true }, { TERM: 'dumb' }, undefined, false],
    [{}, { FORCE_COLOR: '1' }, undefined, true],
    [{ isTTY: true }, {}, false, false],
    [{}, { NO_COLOR: '1' }, true, true],
  ])('of %o with %o and %s are %s', (stream, env, asked, wanted) => {
    expect(wantsColors(stream, env, asked)).toBe(wanted);
  });
});
