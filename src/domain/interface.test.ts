import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyInterface, matchesInterface, maxInterfaceName, parseInterface } from './interface.ts';

const refusal = (message: string) => expect.objectContaining({ name: 'RfwError', code: 'interface-invalid', message });

describe('parseInterface', () => {
  it.each([
    'eth0',
    'lo',
    'e',
    'ppp+',
    'e+',
    'eth0.100',
    'eth0:1',
    'veth0@if5',
    'br-lan',
    'wg_home',
    '_eth0',
    '0eth',
    'enp0s31f6',
    'a'.repeat(15),
    `${'a'.repeat(14)}+`,
  ])('takes %s as it is', (text) => {
    expect(parseInterface(text)).toBe(text);
  });

  it.each(['any', 'ANY', 'Any', 'aNy'])('reads %s as every interface', (text) => {
    expect(parseInterface(text)).toBe(anyInterface);
  });

  it.each(['any+', 'any0', 'anything'])('takes %s for a name and not for every interface', (text) => {
    expect(parseInterface(text)).toBe(text);
  });

  it('keeps the case of a name, because Linux does', () => {
    expect(parseInterface('Eth0')).toBe('Eth0');
  });

  it.each([
    ['16 characters', 'a'.repeat(16)],
    ['15 characters and a +', `${'a'.repeat(15)}+`],
  ])('refuses %s as too long', (_, text) => {
    expect(() => parseInterface(text)).toThrow(
      refusal(`Interface name too long: "${text}"; at most ${maxInterfaceName} characters`),
    );
  });

  it.each([
    ['nothing', ''],
    ['only a +', '+'],
    ['a + at the front', '+eth'],
    ['a + in the middle', 'e+h0'],
    ['two +', 'eth++'],
    ['a leading -', '-eth0'],
    ['only a -', '-'],
    ['what iptables reads as an option', '--jump'],
    ['what iptables reads as a negation', '!eth0'],
    ['a space inside', 'eth 0'],
    ['a space after', 'eth0 '],
    ['a line feed after', 'eth0\n'],
    ['a tab', 'eth\t0'],
    ['a NUL', 'eth0\0'],
    ['a slash', 'eth/0'],
    ['a backslash', 'eth\\0'],
    ['a quote', 'eth"0'],
    ['an asterisk', 'eth*'],
    ['a letter outside ASCII', 'ethé'],
  ])('refuses %s: %j', (_, text) => {
    expect(() => parseInterface(text)).toThrow(
      refusal(
        `Incorrect interface name ${JSON.stringify(text)}: letters, digits and _ . : @ - are allowed, and it must not begin with -`,
      ),
    );
  });

  it('lets nothing through that is not one plain word of at most 15 characters', () => {
    const text = fc.string({ unit: fc.oneof(fc.constantFrom(...'eth0.:@_-+'), fc.string({ maxLength: 1 })) });
    fc.assert(
      fc.property(text, (one) => {
        const name = one.endsWith('+') ? one.slice(0, -1) : one;
        const plain =
          name !== '' &&
          one.length <= 15 &&
          one !== '.' &&
          one !== '..' &&
          !name.startsWith('-') &&
          [...name].every((character) => 'abcdefghijklmnopqrstuvwxyz0123456789_.:@-'.includes(character.toLowerCase()));
        if (plain) expect(parseInterface(one).toLowerCase()).toBe(one.toLowerCase());
        else expect(() => parseInterface(one)).toThrow(expect.objectContaining({ code: 'interface-invalid' }));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('matchesInterface', () => {
  it.each([
    ['any', 'eth0', true],
    ['any', 'lo', true],
    ['eth0', 'eth0', true],
    ['eth0', 'eth01', false],
    ['eth0', 'eth', false],
    ['eth0', 'Eth0', false],
    ['ppp+', 'ppp0', true],
    ['ppp+', 'ppp15', true],
    ['ppp+', 'ppp', true],
    ['ppp+', 'pp0', false],
    ['ppp+', 'xppp0', false],
    ['eth0.+', 'eth0.100', true],
    ['eth0.+', 'eth0x100', false],
    ['any+', 'eth0', false],
    ['any+', 'anycast0', true],
  ])('says of the pattern %s and the interface %s: %s', (pattern, name, matches) => {
    expect(matchesInterface(parseInterface(pattern), name)).toBe(matches);
  });

  it('takes a pattern with + for every name that begins with the rest, and one without + for itself only', () => {
    const name = fc.string({ unit: fc.constantFrom('e', 't', '0'), minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(name, name, (one, other) => {
        expect(matchesInterface(parseInterface(one), other)).toBe(one === other);
        expect(matchesInterface(parseInterface(`${one}+`), other)).toBe(other.indexOf(one) === 0);
        expect(matchesInterface(parseInterface(`${one}+`), one + other)).toBe(true);
      }),
    );
  });
});
