import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Address, formatAddress, parseAddress, quote } from './address.ts';
import type { ErrorCode } from './errors.ts';

const refusal = (code: ErrorCode, message: unknown = expect.any(String)) =>
  expect.objectContaining({ name: 'RfwError', code, message });

const ipv4 = fc.bigInt({ min: 0n, max: 0xffff_ffffn });

/** Eight words with many zeros, so that runs of every length and place come up; some are IPv4-mapped. */
const word = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(15), fc.nat(0xffff));
const mappedWords = fc.tuple(word, word).map(([high, low]) => [0, 0, 0, 0, 0, 0xffff, high, low]);
const words = fc.oneof(
  { weight: 6, arbitrary: fc.array(word, { minLength: 8, maxLength: 8 }) },
  { weight: 1, arbitrary: mappedWords },
);

const numberOf = (eight: readonly number[]) =>
  BigInt(`0x${eight.map((one) => one.toString(16).padStart(4, '0')).join('')}`);

/** An address as the parser gives it: never an IPv4-mapped one of family 6. */
const address: fc.Arbitrary<Address> = fc.oneof(
  ipv4.map((value) => ({ family: 4 as const, value })),
  words.map(numberOf).map((value) =>
    // ::ffff:0:0/96
    value >> 32n === 0xffffn ? { family: 4 as const, value: value & 0xffff_ffffn } : { family: 6 as const, value },
  ),
);

/** One of the many ways to write eight words: any case, leading zeros, `::` for any run of zeros, a dotted tail. */
const spelled = fc
  .record({
    words,
    digits: fc.integer({ min: 1, max: 4 }),
    upper: fc.boolean(),
    dotted: fc.boolean(),
    runStart: fc.nat(7),
    runLength: fc.nat(8),
  })
  .map(({ words: eight, digits, upper, dotted, runStart, runLength }) => {
    const parts = eight.map((one) => one.toString(16).padStart(digits, '0'));
    if (dotted) {
      const octets = eight.slice(6).flatMap((one) => [one >> 8, one & 255]);
      parts.splice(6, 2, octets.join('.'));
    }
    const runEnd = runStart + runLength;
    const zeros =
      runLength > 0 && runEnd <= (dotted ? 6 : 8) && eight.slice(runStart, runEnd).every((one) => one === 0);
    const text = zeros ? `${parts.slice(0, runStart).join(':')}::${parts.slice(runEnd).join(':')}` : parts.join(':');
    return { text: upper ? text.toUpperCase() : text, value: numberOf(eight) };
  });

/** Text that is an address, nearly one, or nothing like one. */
const near = fc.string({ unit: fc.constantFrom(...'0127f::..'), maxLength: 20 });
const characters = fc.string({ unit: fc.constantFrom(...'0123456789afAFg::..%/-+ x\n'), maxLength: 2 });
const mutated = fc
  .record({
    text: fc.oneof(
      ipv4.map((value) => formatAddress({ family: 4, value })),
      spelled.map(({ text }) => text),
    ),
    at: fc.nat(45),
    deleted: fc.nat(2),
    inserted: characters,
  })
  .map(({ text, at, deleted, inserted }) => text.slice(0, at) + inserted + text.slice(at + deleted));

/**
 * The canonical text by the means of Node: `isIP` says what an address is, the URL parser writes IPv6 as RFC 5952 does.
 * A zone is the one thing that Node takes and rfw refuses; IPv4-mapped addresses are written as IPv4.
 */
function canonicalByNode(text: string): string | undefined {
  if (text.includes('%') || isIP(text) === 0) return undefined;
  if (isIP(text) === 4) return text;
  const canonical = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(canonical);
  if (!mapped) return canonical;
  const bits = Number.parseInt(mapped[1] ?? '', 16) * 0x1_0000 + Number.parseInt(mapped[2] ?? '', 16);
  return new URL(`http://${bits}/`).hostname;
}

function canonicalOrRefused(text: string): string | undefined {
  try {
    return formatAddress(parseAddress(text));
  } catch (error) {
    expect(error).toEqual(refusal('address-invalid'));
    return undefined;
  }
}

describe('parseAddress and formatAddress', () => {
  it.each([
    ['0.0.0.0', 0n],
    ['1.2.3.4', 0x0102_0304n],
    ['127.0.0.1', 0x7f00_0001n],
    ['255.255.255.255', 0xffff_ffffn],
  ])('read %s as IPv4 and write it back unchanged', (text, value) => {
    expect(parseAddress(text)).toEqual({ family: 4, value });
    expect(formatAddress({ family: 4, value })).toBe(text);
  });

  it.each([
    ['::', 0n],
    ['::1', 1n],
    ['1::', 1n << 112n],
    ['::1.2.3.4', 0x0102_0304n],
    ['64:ff9b::192.0.2.33', (0x64_ff9bn << 96n) | 0xc000_0221n],
    ['1:2:3:4:5:6:7:8', 0x0001_0002_0003_0004_0005_0006_0007_0008n],
    ['1:2:3:4:5:6:1.2.3.4', 0x0001_0002_0003_0004_0005_0006_0102_0304n],
    ['1:2:3:4:5::1.2.3.4', 0x0001_0002_0003_0004_0005_0000_0102_0304n],
    ['1:2:3:4:5:6:7::', 0x0001_0002_0003_0004_0005_0006_0007_0000n],
    ['::2:3:4:5:6:7:8', 0x0000_0002_0003_0004_0005_0006_0007_0008n],
    ['1:2:3::5:6:7:8', 0x0001_0002_0003_0000_0005_0006_0007_0008n],
    ['FFFF:ffff:FfFf:fFfF:ffff:ffff:ffff:ffff', (1n << 128n) - 1n],
  ])('read %s as IPv6', (text, value) => {
    expect(parseAddress(text)).toEqual({ family: 6, value });
  });

  it.each([
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1', '1'],
    ['2001:0db8:0:0:1:0:0:1', '2001:db8::1:0:0:1', '1'],
    ['2001:db8::1:0:0:1', '2001:db8::1:0:0:1', '1'],
    ['2001:db8::0:1:0:0:1', '2001:db8::1:0:0:1', '1'],
    ['2001:0db8::1:0:0:1', '2001:db8::1:0:0:1', '1'],
    ['2001:db8:0:0:1::1', '2001:db8::1:0:0:1', '1'],
    ['2001:db8:0000:0:1::1', '2001:db8::1:0:0:1', '1'],
    ['2001:DB8:0:0:1::1', '2001:db8::1:0:0:1', '1'],
    ['2001:db8:aaaa:bbbb:cccc:dddd:eeee:0001', '2001:db8:aaaa:bbbb:cccc:dddd:eeee:1', '2.1'],
    ['2001:db8:aaaa:bbbb:cccc:dddd::1', '2001:db8:aaaa:bbbb:cccc:dddd:0:1', '2.2'],
    ['2001:db8:0:0:0::1', '2001:db8::1', '2.2'],
    ['2001:db8:aaaa:bbbb:cccc:dddd:eeee:AAAA', '2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaaa', '2.3'],
    ['2001:0db8::0001', '2001:db8::1', '4.1'],
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1', '4.2.1'],
    ['2001:db8::0:1', '2001:db8::1', '4.2.1'],
    ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1', '4.2.2'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1', '4.2.3'],
    ['2001:DB8::ABCD', '2001:db8::abcd', '4.3'],
    ['0:0:0:0:0:0:0:0', '::', '4.2'],
    ['1:0:0:0:0:0:0:0', '1::', '4.2'],
  ])('write %s as %s (RFC 5952, section %s)', (text, canonical) => {
    expect(formatAddress(parseAddress(text))).toBe(canonical);
  });

  it.each(['::ffff:1.2.3.4', '::ffff:102:304', '::FFFF:0102:0304', '0:0:0:0:0:ffff:1.2.3.4', '0::ffff:1.2.3.4'])(
    'read the IPv4-mapped %s as the IPv4 address 1.2.3.4',
    (text) => {
      expect(parseAddress(text)).toEqual({ family: 4, value: 0x0102_0304n });
    },
  );

  it.each(['::1.2.3.4', '::fffe:1.2.3.4', '::ffff:0:1.2.3.4', '1::ffff:1.2.3.4', '::1:ffff:1.2.3.4', 'ffff::1.2.3.4'])(
    'leave %s IPv6, because it is outside ::ffff:0:0/96',
    (text) => {
      expect(parseAddress(text).family).toBe(6);
    },
  );

  it.each([
    ['nothing', ''],
    ['a word', 'localhost'],
    ['three octets', '1.2.3'],
    ['five octets', '1.2.3.4.5'],
    ['an octet above 255', '1.2.3.256'],
    ['an octet of four digits', '1.2.3.1000'],
    ['an empty octet', '1..3.4'],
    ['a final dot', '1.2.3.4.'],
    ['a leading zero in the first octet', '01.2.3.4'],
    ['a leading zero in the last octet', '1.2.3.04'],
    ['a double zero', '1.2.3.00'],
    ['a hexadecimal octet', '0x1.2.3.4'],
    ['a plain number', '16909060'],
    ['a signed octet', '+1.2.3.4'],
    ['an exponent', '1e1.2.3.4'],
    ['a digit outside ASCII', '1.2.3.\u0664'],
    ['a space before', ' 1.2.3.4'],
    ['a space after', '1.2.3.4 '],
    ['a line feed after', '1.2.3.4\n'],
    ['a NUL', '1.2.3.4\0'],
    ['a prefix length', '1.2.3.4/32'],
    ['a port', '1.2.3.4:80'],
    ['one colon', ':'],
    ['three colons', ':::'],
    ['four colons', '::::'],
    ['seven hextets', '1:2:3:4:5:6:7'],
    ['nine hextets', '1:2:3:4:5:6:7:8:9'],
    ['eight hextets beside `::`', '1:2:3:4::5:6:7:8'],
    ['eight hextets before `::`', '1:2:3:4:5:6:7:8::'],
    ['eight hextets after `::`', '::1:2:3:4:5:6:7:8'],
    ['two `::`', '1::2::3'],
    ['a leading single colon', ':1:2:3:4:5:6:7:8'],
    ['a leading single colon before `::`', ':1::2'],
    ['a trailing single colon', '1:2:3:4:5:6:7:'],
    ['a trailing single colon after `::`', '1::2:'],
    ['a hextet of five digits', '::12345'],
    ['a letter that is no hexadecimal digit', '::g'],
    ['a `0x` in a hextet', '::0x1'],
    ['a signed hextet', '::-1'],
    ['a zone', 'fe80::1%eth0'],
    ['a numeric zone', 'fe80::1%1'],
    ['a zone on ::', '::%lo'],
    ['brackets', '[::1]'],
    ['a space before IPv6', ' ::1'],
    ['a line feed after IPv6', '::1\n'],
    ['IPv4 before `::`', '1.2.3.4::'],
    ['IPv4 in the middle', '::1.2.3.4:5'],
    ['IPv4 at the front', '1.2.3.4:1:2:3:4:5:6'],
    ['IPv4 on both sides of `::`', '1.2.3.4::1.2.3.4'],
    ['an IPv4 tail after seven hextets', '1:2:3:4:5:6:7:1.2.3.4'],
    ['an IPv4 tail after five hextets', '1:2:3:4:5:1.2.3.4'],
    ['`::` of no words before an IPv4 tail', '1:2:3:4:5:6::1.2.3.4'],
    ['a short IPv4 tail', '::1.2.3'],
    ['a leading zero in an IPv4 tail', '::ffff:1.2.3.04'],
    ['an octet above 255 in an IPv4 tail', '::ffff:1.2.3.256'],
  ])('refuse %s: %j', (_, text) => {
    expect(() => parseAddress(text)).toThrow(
      refusal('address-invalid', `Incorrect IP address: ${JSON.stringify(text)}`),
    );
  });

  it('bring every address back from its text', () => {
    fc.assert(
      fc.property(address, (one) => {
        expect(parseAddress(formatAddress(one))).toEqual(one);
      }),
      { numRuns: 1000 },
    );
  });

  it('read every spelling of an IPv6 address as the same value', () => {
    fc.assert(
      fc.property(spelled, ({ text, value }) => {
        expect(parseAddress(text)).toEqual(
          value >> 32n === 0xffffn ? { family: 4, value: value & 0xffff_ffffn } : { family: 6, value },
        );
      }),
      { numRuns: 1000 },
    );
  });

  it('write IPv4 as the URL parser does', () => {
    fc.assert(
      fc.property(ipv4, (value) => {
        expect(formatAddress({ family: 4, value })).toBe(new URL(`http://${value}/`).hostname);
      }),
    );
  });

  it.each([
    ['random text', near],
    ['a damaged address', mutated],
    ['any spelling', spelled.map(({ text }) => text)],
  ])('accept, refuse and write %s as Node does', (_, text) => {
    fc.assert(
      fc.property(text, (one) => {
        expect(canonicalOrRefused(one)).toBe(canonicalByNode(one));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('quote', () => {
  it.each([
    ['plain', '"plain"'],
    ['a "quoted"\nline', String.raw`"a \"quoted\"\nline"`],
    ['x'.repeat(60), `"${'x'.repeat(60)}"`],
    ['x'.repeat(61), `"${'x'.repeat(60)}…"`],
  ])('puts %j into a message as %s', (text, quoted) => {
    expect(quote(text)).toBe(quoted);
  });
});
