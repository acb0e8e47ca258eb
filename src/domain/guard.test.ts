import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPrefix, parsePrefix, prefixOf } from './address.ts';
import { guardKey, type PortGuard } from './guard.ts';

const guard = (port: number, ...allowed: string[]): PortGuard => ({ port, allowed: allowed.map(parsePrefix) });

describe('guardKey', () => {
  it('of no guard is none', () => {
    expect(guardKey(null)).toBe('none');
  });

  it.each([
    ['7393 11.22.33.44/32', guard(7393, '11.22.33.44')],
    ['7393 10.0.0.0/8 2001:db8::/32', guard(7393, '10.1.2.3/8', '2001:DB8::1/32')],
    ['443 1.2.3.4/32', guard(443, '::ffff:1.2.3.4')],
    ['443 ', guard(443)],
  ])('names the port and the allowed prefixes in canonical text: %j', (key, given) => {
    expect(guardKey(given)).toBe(key);
  });

  it('is the same for two spellings of one guard', () => {
    expect(guardKey(guard(7393, '10.1.2.3/8', '::ffff:1.2.3.4'))).toBe(
      guardKey(guard(7393, '10.0.0.0/8', '1.2.3.4/32')),
    );
  });

  it.each([
    ['the port', guard(7394, '10.0.0.0/8')],
    ['the mask', guard(7393, '10.0.0.0/9')],
    ['one more prefix', guard(7393, '10.0.0.0/8', '11.0.0.0/8')],
    ['no prefix', guard(7393)],
    ['no guard', null],
  ])('tells apart what differs in: %s', (_, other) => {
    expect(guardKey(other)).not.toBe(guardKey(guard(7393, '10.0.0.0/8')));
  });

  it('holds the whole guard: it can be read back', () => {
    const prefix = fc
      .tuple(fc.bigInt({ min: 0n, max: 0xffff_ffffn }), fc.nat(32))
      .map(([value, length]) => prefixOf({ family: 4, value }, length));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 65_535 }), fc.array(prefix, { maxLength: 5 }), (port, allowed) => {
        const [readPort, ...readAllowed] = guardKey({ port, allowed }).split(' ').filter(Boolean);
        expect(Number(readPort)).toBe(port);
        expect(readAllowed).toEqual(allowed.map(formatPrefix));
      }),
    );
  });
});
