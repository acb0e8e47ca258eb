import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBasic, sameCredentials } from './credentials.ts';

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

describe('parseBasic', () => {
  it.each([
    [basic('alice:secret'), 'alice', 'secret'],
    [basic('alice:a:b:c'), 'alice', 'a:b:c'],
    [basic('alice:'), 'alice', ''],
    [basic(':'), '', ''],
    [basic('żółw:pässwörd✓'), 'żółw', 'pässwörd✓'],
    [basic('alice:secret').replace('Basic', 'BASIC'), 'alice', 'secret'],
    [basic('alice:secret').replace('Basic ', 'basic   '), 'alice', 'secret'],
    [`${basic('alice:secret')}  `, 'alice', 'secret'],
  ])('reads %s', (header, username, password) => {
    expect(parseBasic(header)).toEqual({ username, password });
  });

  it.each([
    undefined,
    '',
    'Basic',
    'Basic ',
    'Basic :',
    'Basic ===',
    'Bearer YWxpY2U6c2VjcmV0',
    basic('no colon'),
    `${basic('alice:secret')}!`,
    `x ${basic('alice:secret')}`,
    `${basic('alice:secret')}, ${basic('bob:secret')}`,
    'Basic alice:secret',
  ])('reads nothing from %s', (header) => {
    expect(parseBasic(header)).toBeUndefined();
  });

  it('reads back whatever can be written, and never throws', () => {
    const name = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes(':'));
    fc.assert(
      fc.property(name, fc.string({ unit: 'grapheme' }), fc.string(), (username, password, garbage) => {
        expect(parseBasic(basic(`${username}:${password}`))).toEqual({ username, password });
        parseBasic(garbage);
        parseBasic(`Basic ${garbage}`);
      }),
    );
  });
});

describe('sameCredentials', () => {
  const given = { username: 'alice', password: 'secret' };

  it.each([
    ['alice', 'secret', true],
    ['alice', 'secret ', false],
    ['alice', 'Secret', false],
    ['alice', '', false],
    ['Alice', 'secret', false],
    ['', 'secret', false],
    ['', '', false],
    ['alicesecret', '', false],
    ['secret', 'alice', false],
    ['alice', 'secret'.repeat(10_000), false],
  ])('compares with %s and its password', (username, password, same) => {
    expect(sameCredentials(given, { username, password })).toBe(same);
  });

  it('is equality of both texts', () => {
    const text = fc.constantFrom('', 'a', 'b', 'ab', 'é');
    fc.assert(
      fc.property(text, text, text, text, (u1, p1, u2, p2) => {
        expect(sameCredentials({ username: u1, password: p1 }, { username: u2, password: p2 })).toBe(
          u1 === u2 && p1 === p2,
        );
      }),
    );
  });
});
