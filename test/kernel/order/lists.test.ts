import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { addressSet, list } from '../../../src/backends/list.fixture.ts';
import { MemoryBackend, type Packet } from '../../../src/backends/memory.ts';
import { change, desired, guard } from '../../../src/backends/rule.fixture.ts';
import { type Address, families, widthOf } from '../../../src/domain/address.ts';
import { chains } from '../../../src/domain/rule.ts';
import { execute } from '../iptables.fixture.ts';
import { clearTables, closeAll, probed } from '../nftables.fixture.ts';
import { NftRuleset } from './nft-ruleset.fixture.ts';

// Lists under rules, a guard and a whitelist: what the kernel holds does to every packet what the memory backend says.

const entries = [
  '10.0.0.1',
  '10.0.0.0/30',
  '10.0.0.4-10.0.0.8',
  '10.0.0.0/24',
  '10.0.1.0/31',
  '2001:db8::/126',
  '2001:db8::5',
];
const shapes = [
  'drop input any any',
  'accept input eth0 any',
  'reject input eth+ any',
  'drop output any eth1',
  'reject forward any any',
  'accept forward eth0 eth1 destination',
];
const rules = [
  'accept input any any 10.0.0.4/30 any',
  'drop input any any 10.0.0.6/32 any',
  'accept output any any any 10.0.0.0/30',
  'drop forward any any any 2001:db8::/127',
  'accept forward any any 10.0.0.0/31 10.0.0.0/24',
];

/** The addresses next to the borders of all entries. */
const addresses: readonly Address[] = families.flatMap((family) => {
  const borders = entries.flatMap((entry) => [...addressSet(entry).ranges(family)]);
  const values = new Set(borders.flatMap(({ first, last }) => [first - 1n, first, last, last + 1n]));
  return [...values]
    .filter((value) => value >= 0n && value >> BigInt(widthOf(family)) === 0n)
    .map((value) => ({ family, value }));
});

function* packets(): Generator<Packet> {
  for (const source of addresses) {
    for (const destination of addresses) {
      if (source.family !== destination.family) continue;
      for (const chain of chains) {
        for (const name of ['eth0', 'eth1', 'lo']) {
          const [into, out] = [
            chain === 'output' ? '' : name,
            chain === 'input' ? '' : name === 'eth0' ? 'eth1' : 'eth0',
          ];
          yield { chain, in: into, out, source, destination };
        }
      }
    }
  }
}

const lists = fc.uniqueArray(
  fc.record({ name: fc.constantFrom('a', 'b', 'c'), shape: fc.constantFrom(...shapes), held: fc.subarray(entries) }),
  { selector: ({ name }) => name },
);

afterEach(() => {
  closeAll();
  clearTables();
});

it('every packet meets in the kernel what the lists say, whatever order all came in', async () => {
  const state = fc.record({
    before: lists,
    lists,
    first: fc.subarray(rules),
    second: fc.shuffledSubarray(rules),
    guard: fc.constantFrom(null, guard(7393, '10.0.0.0/25')),
    whitelist: fc.subarray(['10.0.0.1', '10.0.0.6-10.0.0.7', '2001:db8::1', '10.0.1.1']),
  });
  const nftables = await probed();
  let version = 0;
  await fc.assert(
    fc.asyncProperty(state, async ({ before, first, second, whitelist, ...rest }) => {
      const made = (some: typeof before) =>
        some.map(({ name, shape, held }) => list(`${name} ${++version} ${shape}`, ...held));
      const [former, next] = [made(before), made(rest.lists)];
      const prefixes = { guard: rest.guard, whitelist: [...addressSet(...whitelist).prefixes()] };
      const memory = new MemoryBackend();
      for (const backend of [memory, nftables]) {
        await backend.replace({ ...desired({ rules: first, lists: former }), ...prefixes });
        await backend.setLists(next);
        await backend.apply(change({ add: second.filter((rule) => !first.includes(rule)) }));
      }
      const kernel = new NftRuleset(execute('nft', ['-j', 'list', 'ruleset']));
      for (const packet of packets()) {
        const [found, wanted] = [kernel.verdict(packet), memory.verdict(packet)];
        if (found !== wanted) expect({ packet, found }).toEqual({ packet, found: wanted });
      }
    }),
    { numRuns: 40 },
  );
});
