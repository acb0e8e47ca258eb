import fc from 'fast-check';
import { type Family, formatAddress, type Prefix, prefixOf, widthOf } from '../../domain/address.ts';
import { anyInterface, type InterfacePattern, parseInterface } from '../../domain/interface.ts';
import { actions, chains, type RuleSpec } from '../../domain/rule.ts';

/** A prefix that the 2014 API can name: neither IPv4-mapped, nor too short, nor the unspecified address. */
function prefixes(family: Family): fc.Arbitrary<Prefix> {
  const width = widthOf(family);
  return fc
    .record({
      value: fc.bigInt({ min: 1n, max: (1n << BigInt(width)) - 1n }),
      length: fc.integer({ min: family === 4 ? 9 : 16, max: width }),
    })
    .map(({ value, length }) => prefixOf({ family, value }, length))
    .filter(({ value, length }) => (family === 4 || value >> 32n !== 0xffffn) && (value !== 0n || length < width));
}

const letters = [...'ABCabcxyz0123456789_.:@-'];

/**
 * Names and prefixes of names as the API can write them: no exact name that ends in another character than a digit, and
 * no name of digits alone, which after an address is a mask.
 */
const interfaces: fc.Arbitrary<InterfacePattern> = fc.oneof(
  fc.constant(anyInterface),
  fc
    .tuple(fc.constantFrom('a', 'E', '_', '@'), fc.array(fc.constantFrom(...letters), { maxLength: 13 }))
    .map(([first, rest]) => first + rest.join(''))
    .filter((name) => name.toLowerCase() !== 'any')
    .map((name) => parseInterface(/\d$/.test(name) ? name : `${name}+`)),
);

/** Every rule that has a path in the 2014 API. */
export const ruleSpecs: fc.Arbitrary<RuleSpec> = fc
  .record({
    action: fc.constantFrom(...actions),
    chain: fc.constantFrom(...chains),
    first: interfaces,
    second: interfaces,
    family: fc.constantFrom<Family>(4, 6),
    given: fc.constantFrom('source', 'destination', 'both'),
  })
  .chain(({ action, chain, first, second, family, given }) =>
    fc.tuple(prefixes(family), prefixes(family)).map(([a, b]): RuleSpec => {
      if (chain === 'input') return { action, chain, in: first, out: anyInterface, source: a, destination: 'any' };
      if (chain === 'output') return { action, chain, in: anyInterface, out: first, source: 'any', destination: b };
      const source = given === 'destination' ? 'any' : a;
      return { action, chain, in: first, out: second, source, destination: given === 'source' ? 'any' : b };
    }),
  );

/** Writes the path of a rule; `whole` spells out what may be left away. */
export function writePath(spec: RuleSpec, whole: boolean): string {
  const iface = (pattern: InterfacePattern): string => pattern.replace(/\+$/, '');
  const other = [spec.source, spec.destination].some((side) => side !== 'any' && side.family === 6) ? '::' : '0.0.0.0';
  const side = (prefix: Prefix | 'any'): string[] => {
    if (prefix === 'any') return [other];
    const host = prefix.length === widthOf(prefix.family);
    return [formatAddress(prefix), ...(host && !whole ? [] : [String(prefix.length)])];
  };
  const second =
    whole || spec.destination !== 'any' ? [iface(spec.out), ...side(spec.destination)] : outAlone(iface(spec.out));
  const rest = {
    input: [iface(spec.in), ...side(spec.source)],
    output: [iface(spec.out), ...side(spec.destination)],
    forward: [iface(spec.in), ...side(spec.source), ...second],
  };
  return `/${[spec.action, spec.chain, ...rest[spec.chain]].join('/')}`;
}

function outAlone(name: string): string[] {
  return name === 'any' ? [] : [name];
}
