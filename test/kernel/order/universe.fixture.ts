import fc from 'fast-check';
import type { Packet } from '../../../src/backends/memory.ts';
import { spec } from '../../../src/backends/rule.fixture.ts';
import { type Address, type Family, formatPrefix, parsePrefix, rangeOf } from '../../../src/domain/address.ts';
import type { PortGuard } from '../../../src/domain/guard.ts';
import { actions, type Chain, chains, type RuleSpec } from '../../../src/domain/rule.ts';
import { parseWhitelistEntry, Whitelist } from '../../../src/domain/whitelist.ts';
import type { Protection } from '../../../src/engine/decide.ts';

/** The addresses that rules are about. */
export interface Universe {
  /** Those of input and output. */
  readonly prefixes: Readonly<Record<Family, readonly string[]>>;
  /** Those of both sides of forward: fewer, since they are tried in pairs. */
  readonly forwarded: Readonly<Record<Family, readonly string[]>>;
}

/** Prefixes that hold each other, begin with the same address, stand side by side, or end where another begins. */
export const nested: Universe = {
  prefixes: {
    4: [
      ...['10.0.0.127/32', '10.0.0.128/32', '10.0.0.0/24', '10.0.0.0/25', '10.0.0.128/25', '10.0.0.126/31'],
      ...['10.0.1.0/24', '10.0.0.0/8', '0.0.0.0/0', '255.255.255.255/32'],
    ],
    6: [
      ...['2001:db8::7fff:ffff:ffff:ffff/128', '2001:db8:0:0:8000::/128', '2001:db8::/64', '2001:db8::/65'],
      ...['2001:db8:0:0:8000::/65', '2001:db8:0:1::/64', '2001:db8::/32', '::/0'],
    ],
  },
  forwarded: {
    4: ['10.0.0.127/32', '10.0.0.0/25', '10.0.0.128/25', '10.0.0.0/24', '10.0.0.0/8', '0.0.0.0/0'],
    6: ['2001:db8::7fff:ffff:ffff:ffff/128', '2001:db8::/65', '2001:db8:0:0:8000::/65', '2001:db8::/32', '::/0'],
  },
};

/** Names of interfaces, and the patterns of rules that match some of them. */
const names = ['eth0', 'eth1', 'eth', 'eth00', 'lan0'];
const patterns = ['any', 'eth0', 'eth+', 'eth1', 'eth0+', 'lan0'];

export interface Place {
  readonly chain: Chain;
  readonly family: Family;
}

export const places: readonly Place[] = chains.flatMap((chain) => [
  { chain, family: 4 as const },
  { chain, family: 6 as const },
]);

/** A rule of one chain and family. */
export function ruleIn({ chain, family }: Place, { prefixes, forwarded }: Universe): fc.Arbitrary<RuleSpec> {
  const action = fc.constantFrom(...actions);
  const name = fc.oneof({ weight: 2, arbitrary: fc.constant('any') }, fc.constantFrom(...patterns));
  const prefix = fc.constantFrom(...prefixes[family]);
  if (chain === 'input') return fc.tuple(action, name, prefix).map(([a, i, s]) => spec(`${a} input ${i} any ${s} any`));
  if (chain === 'output') {
    return fc.tuple(action, name, prefix).map(([a, o, d]) => spec(`${a} output any ${o} any ${d}`));
  }
  const side = fc.constantFrom(...forwarded[family]);
  const sides = fc.oneof(
    side.map((source) => `${source} any`),
    side.map((destination) => `any ${destination}`),
    fc.tuple(side, side).map((both) => both.join(' ')),
  );
  return fc.tuple(action, name, name, sides).map(([a, i, o, s]) => spec(`${a} forward ${i} ${o} ${s}`));
}

function protection(whitelist: readonly string[], guard: PortGuard | null): Protection {
  return { whitelist: new Whitelist(whitelist.map(parseWhitelistEntry)), guard };
}

const allowed = ['10.0.0.0/25', '10.0.1.0/32', '2001:db8::/65'].map(parsePrefix);

export const withoutProtection = protection([], null);

/** What may protect the people who run the host, from nothing to a whitelist that ends where rules begin. */
export const protections: readonly Protection[] = [
  withoutProtection,
  protection(['192.0.2.1'], { port: 7393, allowed }),
  protection(['10.0.2.0-10.0.2.77', '10.0.0.129', '2001:db8:0:3::/64'], null),
  protection(['255.255.255.255', '2001:db8:0:0:8000::1'], { port: 7394, allowed: allowed.slice(1) }),
];

/** The addresses that begin something: a prefix, or what comes after it. */
function beginnings(given: readonly string[], family: Family): bigint[] {
  const ranges = given.map(parsePrefix).map(rangeOf);
  const own = ranges.filter((range) => range.family === family);
  const values = new Set([0n, ...own.flatMap(({ first, last }) => [first, last + 1n])]);
  return [...values].filter((value) => value < sizeOf(family)).sort((a, b) => (a < b ? -1 : 1));
}

/** The addresses right before them. */
function endings(given: readonly string[], family: Family): bigint[] {
  return [...beginnings(given, family).slice(1), sizeOf(family)].map((value) => value - 1n);
}

/** How many addresses there are. */
function sizeOf(family: Family): bigint {
  return 1n << (family === 4 ? 32n : 128n);
}

/** Ports of both ends: to and from the guarded ones, and none of them. */
const connections = [7393, 7394, 22].flatMap((port) => [
  { sourcePort: port, destinationPort: 40000 },
  { sourcePort: 40000, destinationPort: port },
]);

/** Packets of the family from and to the first and the last address of whatever can be told apart. */
function packetsOf({ prefixes, forwarded }: Universe, family: Family): Packet[] {
  const protectedPrefixes = protections.flatMap(({ whitelist, guard }) => [
    ...whitelist.prefixes(),
    ...(guard?.allowed ?? []),
  ]);
  const given = [...prefixes[family], ...protectedPrefixes.map(formatPrefix)];
  const of = (values: readonly bigint[]): Address[] => [...new Set(values)].map((value) => ({ family, value }));
  const other = { family, value: 1n };
  const single = of([...beginnings(given, family), ...endings(given, family)]).flatMap((address) => [
    ...names.map((name) => inputOf(address, other, name)),
    ...connections.map((tcp) => ({ ...inputOf(address, other, 'eth1'), tcp })),
  ]);
  const pairs = of(beginnings(forwarded[family], family)).flatMap((source) =>
    of(endings(forwarded[family], family)).map((destination) => ({ source, destination })),
  );
  const ways = names.flatMap((name, index) => [
    { in: name, out: name },
    { in: name, out: names[(index + 1) % names.length] ?? name },
  ]);
  return [
    ...single,
    ...single.map(mirrored),
    ...pairs.flatMap((pair) => ways.map((way): Packet => ({ chain: 'forward', ...way, ...pair }))),
  ];
}

function inputOf(source: Address, destination: Address, name: string): Packet {
  return { chain: 'input', in: name, out: '', source, destination };
}

/** The packet that goes out as this one comes in. */
function mirrored({ source, destination, ...packet }: Packet): Packet {
  return { ...packet, chain: 'output', in: '', out: packet.in, source: destination, destination: source };
}

/** Every packet that rules of the universe could tell from another. */
export function packetsIn(universe: Universe): Packet[] {
  return [...packetsOf(universe, 4), ...packetsOf(universe, 6)];
}
