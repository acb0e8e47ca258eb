import { deserialize, serialize } from 'node:v8';
import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { hasRepaired } from '../../src/backends/backend.ts';
import { list, listLines } from '../../src/backends/list.fixture.ts';
import type { NftablesBackend, NftablesOptions } from '../../src/backends/nftables/nftables.ts';
import { change, desired, guard } from '../../src/backends/rule.fixture.ts';
import { clearTables, closeAll, heldLists, heldRules, probed } from './nftables.fixture.ts';

const prefixes = [
  '10.0.0.0/24',
  '10.0.0.0/25',
  '10.0.0.1/32',
  '10.0.0.128/25',
  '0.0.0.0/0',
  '2001:db8::/64',
  '2001:db8::1/128',
];
const universe = [
  ...prefixes.flatMap((prefix) => [
    `drop input any any ${prefix} any`,
    `accept input eth0 any ${prefix} any`,
    `accept input any any ${prefix} any`,
    `drop forward any any ${prefix} any`,
  ]),
  ...['10.0.0.1/32', '10.0.0.0/24'].flatMap((source) =>
    ['drop', 'accept'].map((action) => `${action} forward any any ${source} 10.0.0.0/25`),
  ),
  'reject forward eth0 any 2001:db8::/64 2001:db8::1/128',
];
const guards = [null, guard(7393, '10.9.0.0/16'), guard(7394, '::/0')];

const listed = [
  list('a 1 drop input any any', '10.0.0.1', '10.0.1.0/24', '2001:db8::1'),
  list('a 2 accept input eth0 any', '10.0.0.0/24'),
  list('b 1 reject forward any any destination', '2001:db8::/64', '10.0.0.1-10.0.0.9'),
];
const someLists = [[], ...listed.map((one) => [one]), listed.slice(1), listed.slice(1).reverse()];

/** What is done next, to any state. */
const step = fc.record({
  kind: fc.constantFrom('apply', 'apply', 'apply', 'impossible', 'lists', 'replace', 'resume', 'crash'),
  some: fc.shuffledSubarray(universe, { maxLength: 10 }),
  others: fc.shuffledSubarray(universe),
  guard: fc.constantFrom(...guards),
  lists: fc.constantFrom(...someLists),
  again: fc.boolean(),
});

/** Pairs of rules, the older one first, that a packet may match both of and that differ in action. */
function inOrder(rules: readonly string[]): [older: string, newer: string][] {
  return rules.flatMap((newer, index) =>
    rules
      .slice(0, index)
      .filter(
        (older) =>
          older.split(' ')[0] !== newer.split(' ')[0] &&
          older.split(' ').slice(1).join() === newer.split(' ').slice(1).join(),
      )
      .map((older): [string, string] => [older, newer]),
  );
}

afterEach(() => {
  closeAll();
  clearTables();
});

it.each<[string, Partial<NftablesOptions>]>([
  ['counting', {}],
  ['without an owner', { without: { owner: true, destroys: true } }],
])(
  'the kernel holds what a list holds, whatever is done and however often it is begun anew, %s',
  async (_, options) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
        closeAll();
        clearTables();
        let rules: string[] = [];
        let port = guards[0] ?? null;
        let lists = someLists[0] ?? [];
        let backend: NftablesBackend = await probed(options);
        await backend.replace(desired({}));
        for (const { kind, some, others, guard: wanted, lists: otherLists, again } of steps) {
          const remove = others.filter((key) => rules.includes(key)).slice(0, 8);
          const kept = rules.filter((key) => !remove.includes(key));
          const add = some.filter((key) => !kept.includes(key));
          if (kind === 'apply') {
            await backend.apply(change({ remove, add, refresh: kept, renew: again ? kept : [] }));
            rules = [...kept, ...add];
          } else if (kind === 'lists') {
            await backend.setLists(otherLists);
            lists = otherLists;
          } else if (kind === 'impossible') {
            // It fails at its last rule, when all others have been placed.
            const last = rules.at(-1) ?? add.at(-1);
            if (last === undefined) continue;
            const step = change({
              remove: remove.filter((key) => key !== last),
              add: [...add.filter((key) => key !== last), last, last],
            });
            await expect(backend.apply(step)).rejects.toMatchObject({ code: 'kernel-refused' });
          } else {
            if (kind !== 'replace') {
              const memory: unknown = deserialize(serialize(backend.memory()));
              backend.close();
              backend = await probed(options);
              if (kind === 'resume' && memory !== undefined) {
                port = wanted;
                lists = otherLists;
                expect(await backend.resume(memory, desired({ rules, guard: port, lists }))).toBe(true);
              }
            }
            if (kind !== 'resume' || again) {
              rules = again ? [...kept, ...add] : some;
              port = wanted;
              lists = otherLists;
            }
            const next = desired({ rules, guard: port, lists });
            await backend.replace(next);
            expect(hasRepaired(await backend.replace(next))).toBe(false);
          }
          const held = heldRules();
          expect(held.keys.toSorted()).toEqual(rules.toSorted());
          expect(held.guard).toEqual(port);
          expect(listLines(heldLists())).toEqual(listLines(lists));
          for (const [older, newer] of inOrder(rules)) {
            expect(held.keys.indexOf(newer), `${newer} is met before ${older}`).toBeLessThan(held.keys.indexOf(older));
          }
          expect(await backend.intact(desired({ rules, guard: port, lists }))).toBe(true);
        }
      }),
      { numRuns: 50 },
    );
  },
);
