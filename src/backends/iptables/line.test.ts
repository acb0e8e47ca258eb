import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Family, formatPrefix, type Prefix, prefixOf, widthOf } from '../../domain/address.ts';
import { anyInterface, parseInterface } from '../../domain/interface.ts';
import { actions, chains, type RuleSpec, ruleKey, ruleSpec } from '../../domain/rule.ts';
import { listing } from '../listing.fixture.ts';
import { guard, spec } from '../rule.fixture.ts';
import { guardLines, parseSave, ruleLine } from './line.ts';

const families = [4, 6] as const;
const hosts = { 4: '11.22.33.44/32', 6: '2001:db8::1/128' } as const;
const networks = { 4: '1.2.3.0/24', 6: '2001:db8:1::/48' } as const;

/** Every shape of a rule: action, chain, interfaces and sides of a family. */
function shapes(family: Family): string[] {
  const sides = [hosts[family], networks[family]];
  const ifaces = ['any', 'eth0', 'ppp+'];
  const pairs = [...sides, 'any'].flatMap((source) => [...sides, 'any'].map((destination) => [source, destination]));
  return actions.flatMap((action) => [
    ...ifaces.flatMap((into) => sides.map((side) => `${action} input ${into} any ${side} any`)),
    ...ifaces.flatMap((out) => sides.map((side) => `${action} output any ${out} any ${side}`)),
    ...ifaces.flatMap((into) =>
      ifaces.flatMap((out) =>
        pairs
          .filter((pair) => pair.some((side) => side !== 'any'))
          .map(([source, destination]) => `${action} forward ${into} ${out} ${source} ${destination}`),
      ),
    ),
  ]);
}

const save = (lines: readonly string[]): string =>
  `*filter\n:INPUT ACCEPT [0:0]\n${lines.map((line) => `[0:0] ${line}`).join('\n')}\nCOMMIT\n`;

describe('ruleLine', () => {
  it.each([
    ['drop input eth0 any 11.22.33.44 any', 'INPUT', '-s 11.22.33.44/32 -i eth0 -j DROP'],
    ['accept output any any any 192.168.0.0/24', 'OUTPUT', '-d 192.168.0.0/24 -j ACCEPT'],
    ['accept forward ppp+ eth0 1.2.3.0/24 5.5.5.5', 'FORWARD', '-s 1.2.3.0/24 -d 5.5.5.5/32 -i ppp+ -o eth0 -j ACCEPT'],
    ['drop input any any 11.22.33.44 any', 'INPUT', '-s 11.22.33.44/32 -j DROP'],
    ['reject input any any 1.2.3.4 any', 'INPUT', '-s 1.2.3.4/32 -j REJECT --reject-with icmp-port-unreachable'],
    ['reject input any any ::1 any', 'INPUT', '-s ::1/128 -j REJECT --reject-with icmp6-port-unreachable'],
    ['drop input any any 2001:db8::/64 any', 'INPUT', '-s 2001:db8::/64 -j DROP'],
  ])('writes %s in %s as %s', (text, chain, args) => {
    const given = spec(text);
    expect(ruleLine(given, text.includes(':') ? 6 : 4)).toEqual({ chain, key: ruleKey(given), args, spec: given });
  });

  it.each(families)('writes every shape of rule as iptables of IPv%d prints it', (family) => {
    for (const text of shapes(family)) {
      const { chain, args } = ruleLine(spec(text), family);
      expect([`${family === 6 ? '6 ' : ''}-A ${chain} ${args}`]).toEqual(listing([text]));
    }
  });

  it.each(families)('is read back as the same rule from a listing of IPv%d', (family) => {
    fc.assert(
      fc.property(fc.array(rules(family), { maxLength: 8 }), (specs) => {
        const lines = specs.map((one) => ruleLine(one, family));
        const read = parseSave(save(lines.map((line) => `-A ${line.chain} ${line.args}`)), family);
        expect(read.map((line) => line.spec)).toEqual(specs);
        expect(read.map((line) => line.key)).toEqual(lines.map((line) => line.key));
      }),
    );
  });

  it('is read back as the same rule for a prefix that holds every address, of which iptables prints nothing', () => {
    for (const text of ['drop input any any 0.0.0.0/0 any', 'drop input any any ::/0 any']) {
      const family = text.includes(':') ? 6 : 4;
      const [read] = parseSave(save(['-A INPUT -j DROP']), family);
      expect(read?.key).toBe(ruleLine(spec(text), family).key);
    }
  });
});

describe('guardLines', () => {
  it('lets the allowed pass and drops all others, in both directions', () => {
    const given = guard(7393, '10.0.0.0/8', '192.0.2.1', '2001:db8::/32');
    expect(guardLines(given, 4, 'INPUT').map((line) => line.args)).toEqual([
      '-s 10.0.0.0/8 -p tcp -m tcp --dport 7393 -j ACCEPT',
      '-s 192.0.2.1/32 -p tcp -m tcp --dport 7393 -j ACCEPT',
      '-p tcp -m tcp --dport 7393 -j DROP',
    ]);
    expect(guardLines(given, 6, 'OUTPUT').map((line) => line.args)).toEqual([
      '-d 2001:db8::/32 -p tcp -m tcp --sport 7393 -j ACCEPT',
      '-p tcp -m tcp --sport 7393 -j DROP',
    ]);
  });

  it('drops a whole family of which nobody is allowed', () => {
    expect(guardLines(guard(1, '10.0.0.0/8'), 6, 'INPUT').map((line) => line.args)).toEqual([
      '-p tcp -m tcp --dport 1 -j DROP',
    ]);
  });

  it('has no line without a guard', () => {
    expect(guardLines(null, 4, 'INPUT')).toEqual([]);
  });

  it('has no match where everybody is allowed, as iptables prints none', () => {
    expect(guardLines(guard(1, '0.0.0.0/0'), 4, 'INPUT')[0]?.args).toBe('-p tcp -m tcp --dport 1 -j ACCEPT');
  });

  it('is read back as the same lines, which are no rules', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 65_535 }),
        fc.array(fc.oneof(prefixes(4), prefixes(6)), { maxLength: 5 }),
        fc.constantFrom(...families),
        fc.constantFrom('INPUT' as const, 'OUTPUT' as const),
        (port, allowed, family, chain) => {
          const lines = guardLines({ port, allowed }, family, chain);
          const read = parseSave(save(lines.map((line) => `-A ${chain} ${line.args}`)), family);
          expect(read.map(({ chain, key, args, spec }) => ({ chain, key, args, spec }))).toEqual(
            lines.map((line) => ({ ...line, spec: undefined })),
          );
        },
      ),
    );
  });
});

function prefixes(family: Family, least = 0): fc.Arbitrary<Prefix> {
  const width = widthOf(family);
  return fc
    .tuple(fc.bigInt({ min: 0n, max: (1n << BigInt(width)) - 1n }), fc.integer({ min: least, max: width }))
    .map(([value, length]) => prefixOf({ family, value }, length))
    .filter((prefix) => !formatPrefix(prefix).startsWith('::ffff:'));
}

function rules(family: Family): fc.Arbitrary<RuleSpec> {
  const iface = fc
    .constantFrom('any', 'eth0', 'ppp+', 'lo', 'br-0.1@x', 'A_b:c.d-e+', 'fifteen_chars_0')
    .map(parseInterface);
  const some = prefixes(family, 1);
  const side = fc.oneof(some, fc.constant('any' as const));
  return fc
    .record({
      action: fc.constantFrom(...actions),
      chain: fc.constantFrom(...chains),
      in: iface,
      out: iface,
      source: side,
      destination: side,
      given: some,
    })
    .map(({ given, ...rule }) => {
      if (rule.chain === 'input') return { ...rule, out: anyInterface, source: given, destination: 'any' as const };
      if (rule.chain === 'output') return { ...rule, in: anyInterface, source: 'any' as const, destination: given };
      return rule.source === 'any' && rule.destination === 'any' ? { ...rule, source: given } : rule;
    })
    .map(ruleSpec);
}
