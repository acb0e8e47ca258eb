import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Family, formatAddress, type Range } from './address.ts';
import { valueAt } from './address-ranges.ts';
import { RangeText } from './range-text.ts';
import { parseWhitelistEntry } from './whitelist.ts';

const reader = new RangeText();

function read(text: string): Range | undefined {
  // What stands around the text is not looked at.
  const bytes = new TextEncoder().encode(`:${text}.`);
  const family = reader.read(bytes, 1, bytes.length - 1);
  if (family === undefined) return undefined;
  return { family, first: valueAt(family, reader.first, 0), last: valueAt(family, reader.last, 0) };
}

function parsed(text: string): Range | undefined {
  try {
    const { family, first, last } = parseWhitelistEntry(text);
    return { family, first, last };
  } catch {
    return undefined;
  }
}

const address = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.record({ family: fc.constantFrom<Family>(4, 6), value: fc.bigInt(0n, (1n << 32n) - 1n) }).map(formatAddress),
  fc.ipV4().map((text) => `::ffff:${text}`),
);
const length = fc.oneof(fc.nat(129).map(String), fc.constantFrom('', '00', '08', '+8', '8 ', '1e1', '1000'));
const entry = fc.oneof(
  address,
  fc.tuple(address, length).map(([text, bits]) => `${text}/${bits}`),
  fc.tuple(address, address, fc.constantFrom('-', ' - ', '\t-', '--')).map(([a, b, dash]) => `${a}${dash}${b}`),
);
const soup = fc
  .array(
    fc.constantFrom(...'0123456789abcdefABCDEF::::....//-- gG%'.split(''), '::', 'ffff', '255', '256', '1.2.3.4'),
    {
      maxLength: 24,
    },
  )
  .map((pieces) => pieces.join(''));
/** An entry with one character more, less or another. */
const damaged = fc
  .tuple(entry, fc.nat(), fc.nat(1), fc.constantFrom('', ':', '.', '/', '-', '0', 'f', ' '))
  .map(([text, place, gone, put]) => {
    const at = place % (text.length + 1);
    return text.slice(0, at) + put + text.slice(at + gone);
  });

describe('an entry out of bytes', () => {
  it('is what the parsers of single entries say, and nothing where they refuse', () => {
    fc.assert(
      fc.property(fc.oneof(entry, soup, damaged), (text) => {
        const trimmed = text.trim();
        expect(read(trimmed), trimmed).toEqual(parsed(trimmed));
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    '',
    ':',
    '::',
    ':::',
    '::1::',
    '1::2::3',
    '1:2:3:4:5:6:7:8',
    '1:2:3:4:5:6:7::',
    '::2:3:4:5:6:7:8',
    '1:2:3:4:5:6:7:8::',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:1.2.3.4',
    '1:2:3:4:5:6:7:1.2.3.4',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '12345::',
    '::ffff:1.2.3.4/96',
    '::ffff:1.2.3.4/95',
    '::ffff:0:0/96',
    '255.255.255.255/0',
    '1.2.3.4/32/',
    '1.2.3.4-1.2.3.3',
    '1.2.3.4-::1',
    '1.2.3.4-::ffff:1.2.3.5',
    '::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    '01.2.3.4',
    '1.2.3',
    '1..2.3',
    'fe80::1%eth0',
  ])('%s is no exception', (text) => {
    expect(read(text)).toEqual(parsed(text));
  });
});
