import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RfwError } from '../domain/errors.ts';
import { findRules } from './query.ts';
import { type RuleSort, ruleSorts } from './rule-order.ts';
import { rule } from './rules.fixture.ts';
import { RuleSet } from './ruleset.ts';

describe('a cursor', () => {
  const set = new RuleSet([rule(1, '10.0.0.1'), rule(2, '10.0.0.2'), rule(3, '10.0.0.3', 5000)]);
  const next = async (sort: RuleSort, cursor?: string): Promise<string> => {
    const page = await findRules(() => set, { filter: {}, sort, limit: 1, ...(cursor !== undefined && { cursor }) });
    return page.next ?? '';
  };
  const code = (asked: Promise<unknown>): Promise<unknown> =>
    asked.then(
      () => 'taken',
      (error: unknown) => (error instanceof RfwError ? error.code : error),
    );
  const cursorOf = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

  it.each(ruleSorts)('of %s is taken for that order, and for no other', async (sort) => {
    const cursor = await next(sort);
    expect(cursor).toMatch(/^[\w-]+$/);
    for (const other of ruleSorts)
      expect(await code(next(other, cursor))).toBe(other === sort ? 'taken' : 'cursor-invalid');
  });

  it.each([
    '',
    'x',
    'e30',
    'e30=',
    '!!!!',
    'bnVsbA',
    cursorOf([]),
    cursorOf({ version: 2, sort: 'newest', key: [-1] }),
    cursorOf({ version: 1, sort: 'newest', key: [] }),
    cursorOf({ version: 1, sort: 'newest', key: [-1, 2] }),
    cursorOf({ version: 1, sort: 'newest', key: ['1'] }),
    cursorOf({ version: 1, sort: 'newest', key: [1e300] }),
    cursorOf({ version: 1, sort: 'newest', key: { 0: 1, length: 1 } }),
    cursorOf({ version: 1, sort: 'newest' }),
  ])('that rfw never gave is refused: %s', async (cursor) => {
    expect(await code(next('newest', cursor))).toBe('cursor-invalid');
  });

  it('that was tampered with never does more harm than another page', async () => {
    const cursor = await next('address');
    await fc.assert(
      fc.asyncProperty(fc.nat(cursor.length - 1), fc.constantFrom(...'AZaz09-_'), async (at, letter) => {
        const tampered = cursor.slice(0, at) + letter + cursor.slice(at + 1);
        expect(['taken', 'cursor-invalid']).toContain(await code(next('address', tampered)));
      }),
    );
  });

  it('of a rule that went leads to those behind it', async () => {
    const rules = new RuleSet([rule(1, '10.0.0.1'), rule(2, '10.0.0.2'), rule(3, '10.0.0.3')]);
    const first = await findRules(() => rules, { filter: {}, limit: 1 });
    rules.commit([{ kind: 'delete', rule: rule(3, '10.0.0.3') }]);
    const second = await findRules(() => rules, { filter: {}, limit: 5, cursor: first.next ?? '' });
    expect(second.rules.map(({ seq }) => seq)).toEqual([2, 1]);
  });
});
