import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPrefix } from './address.ts';
import type { AddressSet } from './address-set.ts';
import { type ListLimits, type ListReading, listLimits } from './list-entries.ts';
import { cutOut, type ListForm, ListReader, readListItems } from './list-text.ts';
import { parseWhitelist } from './whitelist.ts';

function read(
  text: string | readonly (string | Uint8Array)[],
  form?: ListForm,
  limits?: Partial<ListLimits>,
): ListReading {
  const reader = new ListReader(form, { ...listLimits, ...limits });
  for (const piece of typeof text === 'string' ? [text] : text) reader.add(piece);
  return reader.finish();
}

const prefixes = (set: AddressSet): string[] => Array.from(set.prefixes(), formatPrefix);
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

const example = `\uFEFF# A list
10.0.0.0/24 ; trailing
10.0.1.0/24# close
\t 192.0.2.7 \r

; another comment
2001:db8::/32
198.51.100.4-198.51.100.7\r
::ffff:203.0.113.9`;

const held = ['10.0.0.0/23', '192.0.2.7/32', '198.51.100.4/30', '203.0.113.9/32', '2001:db8::/32'];

describe('a list as text', () => {
  it('is a prefix, an address or a range in each line, with comments, blanks and ends of lines of all kinds', () => {
    const { addresses, report, refusal } = read(example);
    expect(prefixes(addresses)).toEqual(held);
    expect(report).toEqual({ lines: 9, entries: 6, merged: 1, bad: 0, badLines: [] });
    expect(refusal).toBeUndefined();
  });

  it('is the same in whatever pieces it comes', () => {
    const whole = bytesOf(example);
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length), { maxLength: 20 }), (cuts) => {
        const borders = [0, ...cuts.toSorted((a, b) => a - b), whole.length];
        const pieces = borders.slice(1).map((to, index) => whole.subarray(borders[index], to));
        const { addresses, report } = read(pieces);
        expect(prefixes(addresses)).toEqual(held);
        expect(report.lines).toBe(9);
      }),
    );
    expect(prefixes(read(example.split(/(?=1)/)).addresses)).toEqual(held);
  });

  it('says what is wrong with which line, and takes the others', () => {
    const good = Array.from({ length: 97 }, (_, index) => `10.0.${index}.0/25`).join('\n');
    const { addresses, report, refusal } = read(`${good}\nexample.org\n10.0.0.0/33 # mask\n1.2.3.4-1.2.3.3\n`);
    expect(addresses.rangeCount()).toBe(97);
    expect(report).toMatchObject({ lines: 100, entries: 97, bad: 3 });
    expect(report.badLines).toEqual([
      { line: 98, text: '"example.org"', reason: 'Incorrect IP address: "example.org"' },
      { line: 99, text: '"10.0.0.0/33"', reason: expect.stringContaining('0 to 32') },
      { line: 100, text: '"1.2.3.4-1.2.3.3"', reason: expect.stringContaining('ends before it begins') },
    ]);
    expect(refusal).toBeUndefined();
  });

  it('is refused when more than a share of its entries is bad', () => {
    const text = `${'10.0.0.1\n'.repeat(94)}${'<html>\n'.repeat(6)}`;
    const { report, refusal } = read(text);
    expect(report).toMatchObject({ entries: 94, bad: 6 });
    expect(refusal).toMatchObject({ name: 'RfwError', code: 'list-refused' });
    expect(refusal?.message).toMatch(/6 of 100 entries can't be read.*5 %.*line 95.*<html>/);
    expect(read(text, 'text', { badShare: 0.06 }).refusal).toBeUndefined();
  });

  it('keeps the first hundred bad lines, and counts all', () => {
    const { report } = read('1.1.1.1.1\n'.repeat(500_000));
    expect(report).toMatchObject({ lines: 500_000, bad: 500_000 });
    expect(report.badLines.map(({ line }) => line)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
  });

  it('keeps no more of a line than it needs', () => {
    const long = 'x'.repeat(1 << 20);
    const { report, addresses } = read([`10.0.0.1 #${long}`, `${long}\n${long}`, long, `\n10.0.0.2`, '']);
    expect(prefixes(addresses)).toEqual(['10.0.0.1/32', '10.0.0.2/32']);
    expect(report).toMatchObject({ lines: 3, bad: 1 });
    expect(report.badLines).toEqual([
      { line: 2, text: expect.stringMatching(/^"x{60}…"$/), reason: 'It is longer than 4096 bytes' },
    ]);
  });

  it('shows bad bytes as they can be shown', () => {
    const { report } = read([Uint8Array.of(0xff, 0xfe, 0, 10, 0x1b, 0x5b)]);
    expect(report.badLines.map(({ text }) => text)).toEqual(['"\uFFFD\uFFFD\\u0000"', '"\\u001b["']);
  });

  it.each([
    ['', 0],
    ['\n', 1],
    ['# nothing\n; at all', 2],
  ])('that is empty is refused unless that is allowed: %j', (text, lines) => {
    const { report, refusal } = read(text);
    expect(report).toEqual({ lines, entries: 0, merged: 0, bad: 0, badLines: [] });
    expect(refusal).toMatchObject({ code: 'list-refused' });
    expect(read(text, 'text', { allowEmpty: true }).refusal).toBeUndefined();
  });

  it.each(['10.0.0.0/7', '10.0.0.0-11.0.0.0', '2001::/15', '::-1::', '0.0.0.0/0'])(
    'takes no entry as wide as %s',
    (text) => {
      const { addresses, report } = read(text);
      expect(addresses.isEmpty).toBe(true);
      expect(report.badLines).toEqual([
        { line: 1, text: `"${text}"`, reason: expect.stringContaining('the shortest that is allowed') },
      ]);
      expect(read(text, 'text', { shortestPrefix: { 4: 0, 6: 0 } }).report.bad).toBe(0);
    },
  );

  it('takes entries of just the allowed width', () => {
    expect(read('10.0.0.0/8\n11.0.0.1-12.0.0.0\n2001::/16').report).toMatchObject({ entries: 3, bad: 0 });
  });

  it('is refused when it holds too large a share of all addresses', () => {
    const text = Array.from({ length: 129 }, (_, index) => `${index}.0.0.0/8`).join('\n');
    expect(read(text).refusal?.message).toMatch(/50.39 % of all IPv4 addresses.*50 %/);
    expect(read(text, 'text', { largestShare: 0.6 }).refusal).toBeUndefined();
    expect(read('8000::/1', 'text', { shortestPrefix: { 4: 8, 6: 1 }, largestShare: 0.1 }).refusal).toMatchObject({
      message: expect.stringContaining('IPv6'),
    });
  });

  it('takes any bytes without an error', () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (pieces) => void read(pieces)));
  });
});

describe('a list as JSON', () => {
  it('is a string or an object in each line', () => {
    const text = `"10.0.0.0/24"\n{"cidr":"10.0.1.0/24","sblid":"SBL1"}\r\n\n{"address":" 192.0.2.7 "}\n{"type":"metadata","timestamp":1}`;
    const { addresses, report } = read(text, 'ndjson');
    expect(prefixes(addresses)).toEqual(['10.0.0.0/23', '192.0.2.7/32']);
    expect(report).toEqual({ lines: 5, entries: 3, merged: 1, bad: 0, badLines: [] });
  });

  it('says which lines are none', () => {
    const { report } = read('"10.0.0.1"\n{"ip":1}\nnull\n[\n"x"\n{"address":4}\n', 'ndjson');
    expect(report.badLines.map(({ line, reason }) => [line, reason])).toEqual([
      [2, 'It is neither a string nor an object with "address" or "cidr"'],
      [3, 'It is neither a string nor an object with "address" or "cidr"'],
      [4, 'It is no JSON'],
      [5, 'Incorrect IP address: "x"'],
      [6, 'It is neither a string nor an object with "address" or "cidr"'],
    ]);
  });

  it('may be an array that was parsed', () => {
    const { addresses, report } = readListItems([
      '10.0.0.1',
      { cidr: '::1/128' },
      { address: '10.0.0.2' },
      7,
      undefined,
    ]);
    expect(prefixes(addresses)).toEqual(['10.0.0.1/32', '10.0.0.2/32', '::1/128']);
    expect(report).toMatchObject({ lines: 5, entries: 3, bad: 2 });
    expect(report.badLines.map(({ line }) => line)).toEqual([4, 5]);
  });
});

describe('what no rule may touch', () => {
  const whitelist = parseWhitelist('10.0.0.5\n192.0.2.0-192.0.2.9\n2001:db8::/48', 'white.list');

  it('is cut out of a list', () => {
    const { addresses } = read('10.0.0.4/31\n192.0.2.8/30\n2001:db8::/47\nfe80::1\nff02::/16');
    const { kept, cut } = cutOut(addresses, whitelist);
    expect(prefixes(kept)).toEqual(['10.0.0.4/32', '192.0.2.10/31', '2001:db8:1::/48']);
    expect(prefixes(cut)).toEqual(['10.0.0.5/32', '192.0.2.8/31', '2001:db8::/48', 'fe80::1/128', 'ff02::/16']);
  });

  it('leaves a list as it is where it has nothing of that', () => {
    const { addresses } = read('10.0.0.6');
    const { kept, cut } = cutOut(addresses, whitelist);
    expect(kept).toBe(addresses);
    expect(cut.isEmpty).toBe(true);
  });
});

it('reads two hundred thousand lines that come in pieces', () => {
  const count = 200_000;
  const lines = Array.from({ length: count }, (_, index) => {
    const value = Math.imul(index, 0x9e37_79b1) >>> 0;
    return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
  });
  const bytes = bytesOf(lines.join('\n'));
  const reader = new ListReader();
  for (let from = 0; from < bytes.length; from += 65_536) reader.add(bytes.subarray(from, from + 65_536));
  const { addresses, report } = reader.finish();
  expect(addresses.addresses[4]).toBe(BigInt(count));
  expect(report).toMatchObject({ lines: count, entries: count, bad: 0 });
});
