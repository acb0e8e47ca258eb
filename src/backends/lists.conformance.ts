import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { EnforcedList } from '../domain/list.ts';
import type { Stage } from './backend.conformance.ts';
import { type Backend, hasRepaired } from './backend.ts';
import { list, listLines } from './list.fixture.ts';
import { listing } from './listing.fixture.ts';
import { change, desired, guard } from './rule.fixture.ts';

/** A backend that has lists, on a packet filter that holds nothing. */
export interface ListStage extends Stage {
  /** What the packet filter holds of lists, in the form of `listLines`. */
  lists(): Promise<string[]>;
}

export interface ListConformance {
  /** A fresh backend, not yet probed. */
  make(): Promise<ListStage>;
  /** How many random replacements to try. */
  readonly runs: number;
}

const entries = [
  '10.0.0.0/8',
  '10.0.0.1',
  '192.0.2.0-192.0.2.2',
  '192.0.2.7-192.0.2.19',
  '255.255.255.255',
  '0.0.0.0/7',
  '2001:db8::/32',
  '2001:db8::1-2001:db8::2',
  'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/120',
  '::',
];
const shapes = [
  'drop input any any',
  'accept input eth0 any',
  'reject input ppp+ any',
  'drop output any eth0',
  'reject forward any any',
  'accept forward eth0 ppp+ destination',
];
const hosts = list('hosts 1 drop input any any', '192.0.2.1', '198.51.100.9', '2001:db8::1');
const networks = list('networks 1 drop input any any', '10.0.0.0/8', '192.0.2.0/24', '2001:db8:1::/48');
const mixed = list('mixed 4 reject input eth0 any', ...entries);
const out = list('out.2 1 reject output any ppp+', '10.0.0.0/8', '192.0.2.1');
const from = list('from 1 accept forward eth0 any', '192.0.2.1');
const to = list('to 1 drop forward any eth0 destination', '192.0.2.0/24', '2001:db8::/32');
const all = [hosts, networks, mixed, out, from, to];
const rules = [
  'accept input any any 10.0.0.1/32 any',
  'drop output any any any 192.0.2.0/24',
  'drop input any any ::1/128 any',
];

/** What every backend that has lists must do with them. */
export function listConformance(name: string, { make, runs }: ListConformance): void {
  describe(`${name} with lists conforms:`, () => {
    let stage: ListStage;
    let backend: Backend;
    const holds = async (lists: readonly EnforcedList[], keys: readonly string[] = []): Promise<void> => {
      expect(await stage.lists()).toEqual(listLines(lists));
      const lines = await stage.listing();
      const wanted = listing(keys);
      expect(stage.ordered ? lines : lines.toSorted()).toEqual(stage.ordered ? wanted : wanted.toSorted());
      const names = (await backend.listCounts()).map((count) => count.name);
      expect(names).toEqual(lists.map((list) => list.name));
    };

    beforeEach(async () => {
      stage = await make();
      backend = stage.backend;
      await backend.probe();
    });

    it('holds none at first, and none when there are to be none', async () => {
      await holds([]);
      await backend.setLists([]);
      await holds([]);
    });

    it('brings lists of every shape, first met first', async () => {
      await backend.setLists(all);
      await holds(all);
      expect((await backend.listCounts()).every(({ packets, bytes }) => packets === 0n && bytes === 0n)).toBe(true);
    });

    it('replaces one, and leaves the others', async () => {
      await backend.setLists(all);
      const other = list('networks 2 drop input any any', '10.0.0.0/9', '203.0.113.7');
      await backend.setLists(all.map((one) => (one === networks ? other : one)));
      await holds(all.map((one) => (one === networks ? other : one)));
    });

    it('replaces what a list does, and where', async () => {
      await backend.setLists(all);
      const others = [
        list('hosts 2 accept output any any', '192.0.2.1'),
        { ...networks, version: 2, action: 'accept' as const },
      ];
      await backend.setLists(others);
      await holds(others);
    });

    it('takes out some and brings others at once', async () => {
      await backend.setLists([hosts, networks, to]);
      await backend.setLists([mixed, networks, out]);
      await holds([mixed, networks, out]);
      await backend.setLists([]);
      await holds([]);
    });

    it('changes their order', async () => {
      await backend.setLists([hosts, networks, mixed]);
      await backend.setLists([mixed, hosts, networks]);
      await holds([mixed, hosts, networks]);
    });

    it('does not look at a list whose version stands', async () => {
      await backend.setLists([hosts]);
      const addresses = new Proxy(hosts.addresses, {
        get: () => {
          throw new Error('looked at');
        },
      });
      await backend.setLists([{ ...hosts, addresses }, networks]);
      expect(await stage.lists()).toEqual(listLines([hosts, networks]));
    });

    it('holds a list without addresses as nothing', async () => {
      const empty = list('empty 1 drop input any any');
      await backend.setLists([empty, hosts]);
      await holds([empty, hosts]);
      const filled = list('empty 2 drop input any any', '10.0.0.1');
      await backend.setLists([filled, hosts]);
      await holds([filled, hosts]);
    });

    it('holds every address there is', async () => {
      const everything = list('everything 1 drop input any any', '0.0.0.0/0', '::/0');
      await backend.setLists([everything]);
      await holds([everything]);
    });

    it('holds one that ends as any other until then', async () => {
      const ending = [hosts, networks].map((one) => ({ ...one, expiresAt: Date.now() + 600_000 }));
      await backend.setLists(ending);
      await holds(ending);
      const other = ending.map((one) => ({ ...one, version: 2, expiresAt: null }));
      await backend.setLists(other);
      await holds(other);
    });

    it('puts rules above lists, and takes them out', async () => {
      await backend.apply(change({ add: rules.slice(0, 1) }));
      await backend.setLists(all);
      await backend.apply(change({ add: rules.slice(1) }));
      await holds(all, rules);
      await backend.apply(change({ remove: rules.slice(0, 2) }));
      await holds(all, rules.slice(2));
      await expect(backend.apply(change({ remove: rules }))).rejects.toMatchObject({ code: 'kernel-refused' });
      await holds(all, rules.slice(2));
    });

    it('replaces rules, guard and lists, says what was changed, and finds nothing to do after that', async () => {
      await backend.setLists([hosts, networks, to]);
      const other = list('to 2 drop forward any eth0 destination', '192.0.2.0/25');
      const wanted = desired({ rules, guard: guard(7393, '10.9.0.0/16'), lists: [mixed, hosts, other] });
      expect(await backend.intact(wanted)).toBe(false);
      // Two are new or another, and one is too many.
      expect(await backend.replace(wanted)).toMatchObject({ lists: 3 });
      expect(await stage.lists()).toEqual(listLines([mixed, hosts, other]));
      expect(await backend.intact(wanted)).toBe(true);
      expect(hasRepaired(await backend.replace(wanted))).toBe(false);
      expect(await backend.intact({ ...wanted, lists: [mixed, hosts] })).toBe(false);
      expect(await backend.intact({ ...wanted, lists: [hosts, mixed, other] })).toBe(false);
    });

    it('tears them down', async () => {
      await backend.replace(desired({ lists: all }));
      expect(await backend.teardown({ rules: [], guards: [] })).not.toEqual([]);
      expect(await stage.lists()).toEqual([]);
    });

    it('brings any lists to any others', async () => {
      const some = fc.uniqueArray(
        fc.record({
          name: fc.constantFrom('a', 'b', 'c'),
          shape: fc.constantFrom(...shapes),
          held: fc.subarray(entries),
        }),
        { selector: ({ name }) => name },
      );
      const step = fc.record({ some, keys: fc.subarray(rules), way: fc.constantFrom('setLists', 'replace', 'apply') });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
          let lists: readonly EnforcedList[] = [];
          let keys: readonly string[] = [];
          await backend.replace(desired({ staleRules: rules }));
          for (const { some, keys: next, way } of steps) {
            const made = some.map(({ name, shape, held }) => {
              version.set(`${name} ${shape} ${held}`, version.get(`${name} ${shape} ${held}`) ?? version.size);
              return list(`${name} ${version.get(`${name} ${shape} ${held}`)} ${shape}`, ...held);
            });
            if (way !== 'apply') lists = made;
            if (way === 'setLists') await backend.setLists(lists);
            const add = next.filter((key) => !keys.includes(key));
            if (way === 'apply')
              await backend.apply(change({ add, remove: keys.filter((key) => !next.includes(key)) }));
            if (way === 'replace') await backend.replace(desired({ rules: next, lists, staleRules: rules }));
            if (way === 'apply') keys = [...keys.filter((key) => next.includes(key)), ...add];
            if (way === 'replace') keys = next;
            await holds(lists, keys);
          }
        }),
        { numRuns: runs },
      );
    });
  });
}

/** A version for each content that a list of a name ever had. */
const version = new Map<string, number>();
