import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatAddress } from '../domain/address.ts';
import { Occurrence } from './occurrence.ts';

/** Texts of few letters, which are in one another often. */
const letters = (maxLength: number, minLength = 0) =>
  fc.array(fc.constantFrom('1', '2', '.', '~'), { minLength, maxLength }).map((all) => all.join(''));

it('finds what is in a text, however that comes in pieces', () => {
  fc.assert(
    fc.property(letters(5, 1), fc.array(letters(6), { maxLength: 5 }), (wanted, pieces) => {
      const occurrence = new Occurrence(wanted);
      const state = pieces.reduce((before, piece) => occurrence.after(before, piece), 0);
      expect(state === occurrence.found).toBe(pieces.join('').includes(wanted));
    }),
    { numRuns: 1000 },
  );
});

it('reads an IPv4 address as its text', () => {
  const octet = fc.constantFrom(0, 1, 2, 11, 12, 21, 111, 121, 212, 255);
  fc.assert(
    fc.property(letters(7, 1), letters(4), fc.tuple(octet, octet, octet, octet), (wanted, before, [a, b, c, d]) => {
      const occurrence = new Occurrence(wanted);
      const address = (a << 24) | (b << 16) | (c << 8) | d;
      const text = formatAddress({ family: 4, value: BigInt(address >>> 0) });
      const start = occurrence.after(0, before);
      for (let again = 0; again < 2; again++) {
        expect(occurrence.afterIPv4(start, address)).toBe(occurrence.after(start, text));
      }
      expect(occurrence.afterIPv4(start, address) === occurrence.found).toBe(`${before}${text}`.includes(wanted));
    }),
    { numRuns: 1000 },
  );
});
