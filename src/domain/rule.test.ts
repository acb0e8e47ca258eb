import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPrefix, type Prefix, parsePrefix, prefixOf } from './address.ts';
import type { ErrorCode } from './errors.ts';
import { anyInterface, parseInterface } from './interface.ts';
import {
  type Action,
  actions,
  type Chain,
  chains,
  familyOf,
  formatSide,
  parseRuleKey,
  type RuleSpec,
  ruleKey,
  ruleSpec,
} from './rule.ts';

const side = (text: string): Prefix | 'any' => (text === 'any' ? 'any' : parsePrefix(text));

/** `action chain in out source destination`, as `ruleKey` writes it, in any spelling. */
function spec(text: string): RuleSpec {
  const [action = '', chain = '', into = '', out = '', source = '', destination = ''] = text.split(' ');
  return {
    action: action as Action,
    chain: chain as Chain,
    in: parseInterface(into),
    out: parseInterface(out),
    source: side(source),
    destination: side(destination),
  };
}

describe('ruleSpec', () => {
  it.each([
    ['an input rule from a host', 'drop input any any 1.2.3.4 any'],
    ['an input rule on an interface', 'accept input eth0 any 1.2.3.0/24 any'],
    ['an input rule on interfaces of a kind', 'reject input ppp+ any 2001:db8::/32 any'],
    ['an input rule from every IPv4 address', 'drop input any any 0.0.0.0/0 any'],
    ['an output rule to a host', 'drop output any any any 1.2.3.4'],
    ['an output rule on an interface', 'reject output any eth0 any 2001:db8::1'],
    ['a forward rule by source', 'drop forward any any 1.2.3.4 any'],
    ['a forward rule by destination', 'drop forward any any any 1.2.3.4'],
    ['a forward rule by both sides', 'accept forward eth0 ppp+ 1.2.3.4 10.0.0.0/8'],
    ['a forward rule by both sides in IPv6', 'accept forward any eth1 2001:db8::1 2001:db8:1::/48'],
  ])('takes %s: %s', (_, text) => {
    const given = spec(text);
    expect(ruleSpec(given)).toEqual(given);
  });

  it.each([
    ['accept forward any any ::/0 2001:db8::1', 'accept forward any any any 2001:db8::1/128'],
    ['accept forward any any 10.0.0.0/8 0.0.0.0/0', 'accept forward any any 10.0.0.0/8 any'],
    ['drop forward eth0 any any ::/0', 'drop forward eth0 any ::/0 any'],
    ['drop forward any any 0.0.0.0/0 0.0.0.0/0', 'drop forward any any 0.0.0.0/0 any'],
    ['drop forward any any 0.0.0.0/0 any', 'drop forward any any 0.0.0.0/0 any'],
  ])('reads %s as %s, which is the same', (text, same) => {
    expect(ruleKey(ruleSpec(spec(text)))).toBe(same);
  });

  it.each<[string, ErrorCode, string]>([
    ['drop input any any any any', 'address-invalid', 'An input rule needs a source, and only that'],
    ['drop input any any any 1.2.3.4', 'address-invalid', 'An input rule needs a source, and only that'],
    ['drop input any any 1.2.3.4 5.6.7.8', 'address-invalid', 'An input rule needs a source, and only that'],
    ['drop input any eth0 1.2.3.4 any', 'interface-invalid', 'An input rule has no outgoing interface'],
    ['drop input eth0 eth1 1.2.3.4 any', 'interface-invalid', 'An input rule has no outgoing interface'],
    ['drop output any any any any', 'address-invalid', 'An output rule needs a destination, and only that'],
    ['drop output any any 1.2.3.4 any', 'address-invalid', 'An output rule needs a destination, and only that'],
    ['drop output any any 1.2.3.4 5.6.7.8', 'address-invalid', 'An output rule needs a destination, and only that'],
    ['drop output eth0 any any 1.2.3.4', 'interface-invalid', 'An output rule has no incoming interface'],
    ['drop output eth0 eth1 any 1.2.3.4', 'interface-invalid', 'An output rule has no incoming interface'],
    [
      'drop forward any any any any',
      'address-invalid',
      'A forward rule needs a source or a destination: only one side may be any address',
    ],
    [
      'drop forward any any 1.2.3.4 2001:db8::1',
      'family-mismatch',
      'Source and destination must both be IPv4 or both be IPv6',
    ],
    [
      'drop forward any any 2001:db8::/32 1.2.3.0/24',
      'family-mismatch',
      'Source and destination must both be IPv4 or both be IPv6',
    ],
  ])('refuses %s with %s: %s', (text, code, message) => {
    expect(() => ruleSpec(spec(text))).toThrow(expect.objectContaining({ name: 'RfwError', code, message }));
  });

  it('takes an IPv4-mapped side beside an IPv4 one, because it is IPv4', () => {
    const given = spec('drop forward any any ::ffff:1.2.3.4 10.0.0.0/8');
    expect(ruleSpec(given)).toEqual(given);
  });
});

describe('formatSide', () => {
  it.each([
    ['any', 'any'],
    ['1.2.3.4', '1.2.3.4/32'],
    ['2001:DB8::1/32', '2001:db8::/32'],
  ])('writes %s as %s', (text, canonical) => {
    expect(formatSide(side(text))).toBe(canonical);
  });
});

describe('familyOf', () => {
  it.each([
    ['drop input any any 1.2.3.4 any', 4],
    ['drop input any any 2001:db8::1 any', 6],
    ['drop output any any any 1.2.3.4', 4],
    ['drop output any any any 2001:db8::1', 6],
    ['drop forward any any 1.2.3.4 5.6.7.8', 4],
    ['drop input any any ::ffff:1.2.3.4 any', 4],
  ])('of %s is %i', (text, family) => {
    expect(familyOf(spec(text))).toBe(family);
  });

  it('of a rule without a side does not exist', () => {
    expect(() => familyOf(spec('drop forward any any any any'))).toThrow(
      expect.objectContaining({ code: 'address-invalid', message: 'A rule needs a source or a destination' }),
    );
  });
});

describe('ruleKey', () => {
  it.each([
    ['drop input eth0 any 11.22.33.44 any', 'drop input eth0 any 11.22.33.44/32 any'],
    ['accept output ANY ppp+ any 2001:DB8::1/32', 'accept output any ppp+ any 2001:db8::/32'],
    ['reject forward e+ any ::ffff:1.2.3.4/120 10.1.2.3/8', 'reject forward e+ any 1.2.3.0/24 10.0.0.0/8'],
  ])('of %s is %s', (text, key) => {
    expect(ruleKey(spec(text))).toBe(key);
  });

  it('looks only at the tuple, not at what a rule carries beside it', () => {
    const given = spec('drop input any any 1.2.3.4 any');
    const rule = { ...given, seq: 7, expiresAt: 1, createdAt: 0, origin: 'operator', comment: 'any' };
    expect(ruleKey(rule)).toBe(ruleKey(given));
  });

  const oneOf = fc.constantFrom;

  it('is equal for two specs exactly when their tuples are, however they are spelled', () => {
    // Each row holds spellings of one value; rows differ in value, if only by a little.
    const interfaces = [['any', 'ANY', 'Any'], ['any+'], ['e'], ['e+'], ['eth0'], ['Eth0'], ['eth0.1']];
    const sides = [
      ['any'],
      ['10.0.0.0/8', '10.1.2.3/8', '::ffff:10.0.0.0/104', '::ffff:a09:808/104'],
      ['10.0.0.0/9', '10.127.255.255/9'],
      ['10.0.0.0', '10.0.0.0/32', '::ffff:10.0.0.0', '0:0:0:0:0:ffff:a00:0/128'],
      ['::a00:0', '::10.0.0.0', '0::10.0.0.0/128', '::A00:0'],
      ['::/0', 'ffff::/0', '0:0:0:0:0:0:0:0/0'],
      ['0.0.0.0/0', '255.1.2.3/0', '::ffff:0:0/96'],
    ];
    const spelling = (rows: readonly (readonly string[])[]) =>
      fc.nat(rows.length - 1).chain((row) => oneOf(...(rows[row] ?? [])).map((text) => ({ row, text })));
    const tuple = fc
      .tuple(
        oneOf(...actions),
        oneOf(...chains),
        spelling(interfaces),
        spelling(interfaces),
        spelling(sides),
        spelling(sides),
      )
      .map(([action, chain, into, out, source, destination]) => ({
        value: [action, chain, into.row, out.row, source.row, destination.row],
        spec: spec([action, chain, into.text, out.text, source.text, destination.text].join(' ')),
      }));
    // Half of the pairs differ in at most one field, so that equal ones are common.
    const pair = fc.oneof(
      fc.tuple(tuple, tuple),
      fc.tuple(tuple, tuple, fc.nat(6)).map(([a, b, changed]) => {
        const names = ['action', 'chain', 'in', 'out', 'source', 'destination'] as const;
        const name = names[changed];
        const value = a.value.map((field, index) => (index === changed ? b.value[index] : field));
        return [a, { value, spec: name === undefined ? { ...a.spec } : { ...a.spec, [name]: b.spec[name] } }] as const;
      }),
    );
    fc.assert(
      fc.property(pair, ([a, b]) => {
        expect(ruleKey(a.spec) === ruleKey(b.spec)).toBe(String(a.value) === String(b.value));
      }),
      { numRuns: 2000 },
    );
  });

  it('holds the whole tuple: a spec can be read back from it', () => {
    const prefix = fc.oneof(
      fc
        .tuple(fc.bigInt({ min: 0n, max: 0xffff_ffffn }), fc.nat(32))
        .map(([value, length]) => prefixOf({ family: 4, value }, length)),
      // 2000::/3 keeps clear of the IPv4-mapped block.
      fc
        .tuple(fc.bigInt({ min: 0n, max: (1n << 125n) - 1n }), fc.integer({ min: 3, max: 128 }))
        .map(([value, length]) => prefixOf({ family: 6, value: (1n << 125n) | value }, length)),
    );
    const anySide = fc.oneof(fc.constant('any' as const), prefix);
    const name = fc
      .stringMatching(/^[A-Za-z0-9_.:@][A-Za-z0-9_.:@-]{0,13}\+?$/)
      .filter((text) => text !== '.' && text !== '..')
      .filter((text) => text.length <= 15)
      .map(parseInterface);
    const interfaces = fc.oneof(fc.constant(anyInterface), name);
    const anySpec: fc.Arbitrary<RuleSpec> = fc.record({
      action: oneOf(...actions),
      chain: oneOf(...chains),
      in: interfaces,
      out: interfaces,
      source: anySide,
      destination: anySide,
    });
    fc.assert(
      fc.property(anySpec, (given) => {
        expect(spec(ruleKey(given))).toEqual(given);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps a prefix and its first host apart', () => {
    const network = spec('drop input any any 10.0.0.0/8 any');
    const host = spec(`drop input any any ${formatPrefix(parsePrefix('10.0.0.0'))} any`);
    expect(ruleKey(network)).not.toBe(ruleKey(host));
  });
});

describe('parseRuleKey', () => {
  it.each([
    'drop input any any 10.0.0.1/32 any',
    'reject output any ppp+ any 2001:db8::/64',
    'accept forward eth0 wg-0.1:x@y 10.0.0.1/32 0.0.0.0/1',
  ])('reads back %s', (text) => {
    expect(ruleKey(parseRuleKey(text))).toBe(text);
  });

  it.each([
    ['', 'action-invalid', ' is none of drop, accept, reject'],
    ['log input any any 10.0.0.1/32 any', 'action-invalid', 'log is none of drop, accept, reject'],
    ['drop nat any any 10.0.0.1/32 any', 'chain-invalid', 'nat is none of input, output, forward'],
    ['drop input any any any any', 'address-invalid', 'An input rule needs a source, and only that'],
    ['drop input any any 10.0.0.256/32 any', 'address-invalid', 'Incorrect IP address: "10.0.0.256"'],
    ['drop input', 'interface-invalid', 'Incorrect interface name ""'],
  ])('refuses "%s"', (text, code, message) => {
    expect(() => parseRuleKey(text)).toThrow(
      expect.objectContaining({ name: 'RfwError', code, message: expect.stringContaining(message) }),
    );
  });
});
