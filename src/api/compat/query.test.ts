import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ErrorCode, RfwError } from '../../domain/errors.ts';
import { parseQuery } from './query.ts';

describe('parseQuery', () => {
  it.each([
    ['', {}],
    ['expire=600', { expire: 600 }],
    ['expire=600s', { expire: 600 }],
    ['expire=10m', { expire: 600 }],
    ['expire=2h', { expire: 7200 }],
    ['expire=1d', { expire: 86_400 }],
    ['expire=0', { expire: 0 }],
    ['expire=0d', { expire: 0 }],
    ['expire=007', { expire: 7 }],
    ['expire=999999999', { expire: 999_999_999 }],
    ['expire=', {}],
    ['expire', {}],
    ['expire=%36%30', { expire: 60 }],
    ['expire=1&expire=2', { expire: 1 }],
    ['wait=true', {}],
    ['wait=TRUE', {}],
    ['wait=', {}],
    ['modify=insert', { modify: 'insert' }],
    ['modify=delete', { modify: 'delete' }],
    ['modify=DELETE', { modify: 'delete' }],
    ['modify=', {}],
    ['expire=1h&wait=true&modify=insert', { expire: 3600, modify: 'insert' }],
    ['unknown=1&expire=5', { expire: 5 }],
    ['Expire=bad', {}],
    ['__proto__=x&constructor=y', {}],
    ['&&=&', {}],
    ['%zz=%zz', {}],
  ])('reads "%s"', (text, query) => {
    expect(parseQuery(text)).toEqual(query);
  });

  it.each<[string, ErrorCode, string]>([
    ['expire=-1', 'expire-invalid', 'Incorrect duration "-1": at most 9 digits, then s, m, h, d or nothing'],
    ['expire=+1', 'expire-invalid', 'Incorrect duration " 1"'],
    ['expire=1.5', 'expire-invalid', 'Incorrect duration "1.5"'],
    ['expire=1e3', 'expire-invalid', 'Incorrect duration "1e3"'],
    ['expire=0x10', 'expire-invalid', 'Incorrect duration "0x10"'],
    ['expire=1000000000', 'expire-invalid', 'Incorrect duration "1000000000"'],
    ['expire=10M', 'expire-invalid', 'Incorrect duration "10M"'],
    ['expire=10w', 'expire-invalid', 'Incorrect duration "10w"'],
    ['expire=h', 'expire-invalid', 'Incorrect duration "h"'],
    ['expire=%20', 'expire-invalid', 'Incorrect duration " "'],
    ['expire=6%zz', 'expire-invalid', 'Incorrect duration "6%zz"'],
    ['expire=%D9%A1', 'expire-invalid', 'Incorrect duration "١"'],
    ['wait=false', 'query-invalid', 'Incorrect wait parameter value "false": only true is allowed'],
    ['wait=1', 'query-invalid', 'Incorrect wait parameter value "1": only true is allowed'],
    ['modify=update', 'query-invalid', 'Incorrect modify parameter value "update": insert or delete'],
    ['modify=insert%20', 'query-invalid', 'Incorrect modify parameter value "insert ": insert or delete'],
  ])('refuses "%s" with %s', (text, code, message) => {
    expect(() => parseQuery(text)).toThrow(
      expect.objectContaining({ name: 'RfwError', code, message: expect.stringContaining(message) }),
    );
  });

  it('answers garbage with a query or a refusal and nothing else', () => {
    const pair = fc.tuple(fc.constantFrom('expire', 'wait', 'modify', 'x', ''), fc.string({ unit: 'binary' }));
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pair).map((pairs) => pairs.map(([key, value]) => `${key}=${value}`).join('&')),
    );
    fc.assert(
      fc.property(text, (query) => {
        try {
          const { expire = 0 } = parseQuery(query);
          expect(Number.isSafeInteger(expire) && expire >= 0).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(RfwError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
