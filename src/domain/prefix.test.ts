import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Family,
  formatAddress,
  formatPrefix,
  hostPrefix,
  isHost,
  parseAddress,
  parseLength,
  parsePrefix,
  prefixOf,
  widthOf,
} from './address.ts';
import type { ErrorCode } from './errors.ts';

const refusal = (code: ErrorCode, message: unknown = expect.any(String)) =>
  expect.objectContaining({ name: 'RfwError', code, message });

/** An address and a length; IPv4-mapped addresses are left out, because they are read as IPv4. */
const network = fc.constantFrom<Family>(4, 6).chain((family) =>
  fc.record({
    family: fc.constant(family),
    value: fc
      .bigInt({ min: 0n, max: (1n << BigInt(widthOf(family))) - 1n })
      .filter((value) => family === 4 || value >> 32n !== 0xffffn),
    length: fc.nat(widthOf(family)),
  }),
);

describe('parsePrefix and formatPrefix', () => {
  it.each([
    ['1.2.3.4', '1.2.3.4/32'],
    ['1.2.3.4/32', '1.2.3.4/32'],
    ['1.2.3.4/31', '1.2.3.4/31'],
    ['1.2.3.5/31', '1.2.3.4/31'],
    ['1.2.3.4/24', '1.2.3.0/24'],
    ['255.255.255.255/1', '128.0.0.0/1'],
    ['255.255.255.255/0', '0.0.0.0/0'],
    ['2001:DB8::1', '2001:db8::1/128'],
    ['2001:db8:ffff::/33', '2001:db8:8000::/33'],
    ['fe80::1/64', 'fe80::/64'],
    ['ffff::/0', '::/0'],
    ['::/80', '::/80'],
  ])('read %s as %s', (text, canonical) => {
    expect(formatPrefix(parsePrefix(text))).toBe(canonical);
  });

  it.each([
    ['::ffff:1.2.3.4', '1.2.3.4/32'],
    ['::ffff:102:304', '1.2.3.4/32'],
    ['::ffff:1.2.3.4/128', '1.2.3.4/32'],
    ['::ffff:1.2.3.4/120', '1.2.3.0/24'],
    ['::ffff:102:304/120', '1.2.3.0/24'],
    ['::ffff:1.2.3.4/97', '0.0.0.0/1'],
    ['::ffff:0:0/96', '0.0.0.0/0'],
  ])('read the IPv4-mapped %s as %s', (text, canonical) => {
    expect(formatPrefix(parsePrefix(text))).toBe(canonical);
  });

  it.each([
    ['1.2.3.4/24', '1.2.3.0/24'],
    ['1.2.3.4', '1.2.3.4/32'],
    ['2001:db8::ff/120', '2001:db8::/120'],
    ['2001:db8::1', '2001:db8:0:0::1/128'],
    ['::ffff:1.2.3.4/120', '1.2.3.4/24'],
  ])('take %s and %s for the same prefix', (one, other) => {
    expect(parsePrefix(one)).toEqual(parsePrefix(other));
  });

  it.each([
    ['1.2.3.4/', '""', 32],
    ['1.2.3.4/33', '"33"', 32],
    ['1.2.3.4/024', '"024"', 32],
    ['1.2.3.4/00', '"00"', 32],
    ['1.2.3.4/-1', '"-1"', 32],
    ['1.2.3.4/+24', '"+24"', 32],
    ['1.2.3.4/ 24', '" 24"', 32],
    ['1.2.3.4/24 ', '"24 "', 32],
    ['1.2.3.4/24\n', String.raw`"24\n"`, 32],
    ['1.2.3.4/2e1', '"2e1"', 32],
    ['1.2.3.4/0x18', '"0x18"', 32],
    ['1.2.3.4/24.0', '"24.0"', 32],
    ['1.2.3.4/255.255.255.0', '"255.255.255.0"', 32],
    ['1.2.3.4/24/24', '"24/24"', 32],
    ['1.2.3.4/::', '"::"', 32],
    ['::1/', '""', 128],
    ['::1/129', '"129"', 128],
    ['::1/064', '"064"', 128],
    ['::ffff:1.2.3.4/129', '"129"', 128],
  ])('refuse the mask of %j', (text, mask, most) => {
    expect(() => parsePrefix(text)).toThrow(
      refusal('mask-invalid', `Incorrect netmask ${mask}: it must be a number from 0 to ${most}`),
    );
  });

  it.each(['::ffff:1.2.3.4/95', '::ffff:1.2.3.4/32', '::ffff:0:0/0'])(
    'refuse %s: an IPv4-mapped address in a network that is more than IPv4',
    (text) => {
      expect(() => parsePrefix(text)).toThrow(
        refusal('mask-invalid', `The IPv4-mapped network "${text}" needs a mask of 96 to 128`),
      );
    },
  );

  it.each(['', '/', '/24', '1.2.3/24', '01.2.3.4/24', '1.2.3.4 /24', 'fe80::1%eth0/64'])('refuse %j', (text) => {
    expect(() => parsePrefix(text)).toThrow(refusal('address-invalid'));
  });

  it('bring every prefix back from its text', () => {
    fc.assert(
      fc.property(network, (given) => {
        const one = prefixOf(given, given.length);
        expect(parsePrefix(formatPrefix(one))).toEqual(one);
      }),
      { numRuns: 1000 },
    );
  });

  it('zero the host bits and keep the network bits', () => {
    fc.assert(
      fc.property(network, ({ family, value, length }) => {
        const bits = value.toString(2).padStart(widthOf(family), '0');
        const zeroed = BigInt(`0b${bits.slice(0, length).padEnd(widthOf(family), '0')}`);
        expect(parsePrefix(`${formatAddress({ family, value })}/${length}`)).toEqual({ family, value: zeroed, length });
      }),
      { numRuns: 1000 },
    );
  });
});

describe('parseLength', () => {
  it.each([
    ['9', 9],
    ['10', 10],
    ['30', 30],
  ])('takes %s between 9 and 30', (text, length) => {
    expect(parseLength(text, 9, 30)).toBe(length);
  });

  it.each(['8', '31', '', '09', '-10', '+10', '1000', 'ten', '9.5', 'NaN'])(
    'refuses %j and says the limits',
    (text) => {
      expect(() => parseLength(text, 9, 30)).toThrow(
        refusal('mask-invalid', `Incorrect netmask "${text}": it must be a number from 9 to 30`),
      );
    },
  );
});

describe('hostPrefix and isHost', () => {
  it.each([
    ['1.2.3.4', '1.2.3.4/32'],
    ['2001:db8::1', '2001:db8::1/128'],
  ])('make %s the host %s', (text, host) => {
    expect(formatPrefix(hostPrefix(parseAddress(text)))).toBe(host);
    expect(isHost(parsePrefix(host))).toBe(true);
  });

  it.each(['1.2.3.4/31', '0.0.0.0/0', '2001:db8::/127', '2001:db8::/32', '::/0'])(
    'find no single host in %s',
    (text) => {
      expect(isHost(parsePrefix(text))).toBe(false);
    },
  );
});
