import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { formatPrefix, type Prefix, prefixOf, rangeOf, rangesOverlap } from '../domain/address.ts';
import { guardKey, type PortGuard } from '../domain/guard.ts';
import { ruleKey } from '../domain/rule.ts';
import { type Backend, hasRepaired } from './backend.ts';
import { listing } from './listing.fixture.ts';
import { change, desired, guard, readAll, spec } from './rule.fixture.ts';

/** A backend to try, on a packet filter that holds nothing. */
export interface Stage {
  readonly backend: Backend;
  /** What the packet filter holds, in the form of `listing`. */
  listing(): Promise<string[]>;
  /** Whether it keeps the order of all rules, and not just of those that overlap and differ in action. */
  readonly ordered: boolean;
}

export interface Conformance {
  /** A fresh backend, not yet probed. */
  make(): Promise<Stage>;
  /** How many random replacements to try. */
  readonly runs: number;
  /** How many shortcomings the probe tells of; none by default. */
  readonly shortcomings?: number;
  /** Cases that the backend can't pass, by name, and why. */
  readonly skips?: Readonly<Record<string, string>>;
}

const [a, b, c] = [
  'drop input any any 10.0.0.1/32 any',
  'accept input eth0 any 10.0.0.0/24 any',
  'reject input ppp+ any 10.0.0.0/24 any',
];
const out = 'drop output any eth0 any 192.0.2.0/24';
const through = 'accept forward ppp+ eth0 1.2.3.0/24 5.5.5.5/32';
const six = 'drop input any any 2001:db8::/64 any';
const sixOut = 'reject output any eth0 any 2001:db8::1/128';
const universe = [a, b, c, out, through, six, sixOut, 'accept forward any any any 2001:db8:1::/48'];
const guards = [
  guard(7393, '10.9.0.0/16', '192.0.2.7', '2001:db8:9::/48'),
  guard(7393, '10.9.0.0/16'),
  guard(7394, '::/0'),
];

/** Pairs of rules of one chain, the older one first, that some packet matches both of and that differ in action. */
function conflictsOf(rules: readonly string[]): [older: string, newer: string][] {
  const specs = rules.map((text) => ({ text, ...spec(text) }));
  return specs.flatMap((newer, index) =>
    specs
      .slice(0, index)
      .filter((older) => older.action !== newer.action && older.chain === newer.chain)
      .filter((older) => sidesOverlap(older.source, newer.source) && sidesOverlap(older.destination, newer.destination))
      .map((older): [string, string] => [older.text, newer.text]),
  );
}

function sidesOverlap(a: Prefix | 'any', b: Prefix | 'any'): boolean {
  return a === 'any' || b === 'any' || rangesOverlap(rangeOf(a), rangeOf(b));
}

/** What every backend must do. Each case begins with a probed backend and nothing in the packet filter. */
export function conformance(name: string, { make, runs, shortcomings = 0, skips = {} }: Conformance): void {
  describe(`${name} conforms:`, () => {
    let stage: Stage;
    let backend: Backend;
    const cases = new Set<string>();
    const test = (title: string, body: () => Promise<void>): void => {
      cases.add(title);
      const reason = skips[title];
      if (reason === undefined) it(title, body);
      else it.skip(`${title} (skipped: ${reason})`, body);
    };
    const put = (...rules: readonly string[]): Promise<void> => backend.apply(change({ add: rules }));
    const listed = async (): Promise<string[]> => {
      const lines = await stage.listing();
      return stage.ordered ? lines : lines.toSorted();
    };
    const holds = async (rules: readonly string[], port: PortGuard | null = null): Promise<void> => {
      const wanted = listing(rules, port);
      expect(await listed()).toEqual(stage.ordered ? wanted : wanted.toSorted());
      if (stage.ordered) return;
      const lines = await stage.listing();
      const places = (pair: readonly string[]): number[] => pair.map((rule) => lines.indexOf(listing([rule])[0] ?? ''));
      for (const [older, newer] of conflictsOf(rules)) {
        const [low = 0, high = 0] = places([older, newer]);
        expect(high, `${newer} is met before ${older}`).toBeLessThan(low);
      }
    };
    const refuses = async (given: Parameters<typeof change>[0]): Promise<void> => {
      const before = await listed();
      await expect(backend.apply(change(given))).rejects.toMatchObject({ name: 'RfwError', code: 'kernel-refused' });
      expect(await listed()).toEqual(before);
    };

    beforeEach(async () => {
      stage = await make();
      backend = stage.backend;
      await backend.probe();
    });

    test('the probe says what it found and changes nothing', async () => {
      expect(await backend.probe()).toEqual({
        summary: expect.stringContaining(backend.name),
        shortcomings: Array(shortcomings).fill(expect.any(String)),
        ipv6: true,
        lists: true,
      });
      await holds([]);
    });

    test('holds nothing at first', async () => {
      expect(await readAll(backend)).toEqual([]);
      await backend.apply(change({}));
      await holds([]);
    });

    test('puts the newest on top', async () => {
      await put(a);
      await put(b, c);
      await holds([a, b, c]);
    });

    test('puts every shape of rule into its chain', async () => {
      await put(...universe);
      await holds(universe);
    });

    test('takes out what it is told to and nothing else', async () => {
      await put(...universe);
      await backend.apply(change({ remove: [b, six, through] }));
      await holds([a, c, out, sixOut, 'accept forward any any any 2001:db8:1::/48']);
    });

    test('takes out and puts in by one change', async () => {
      await put(a, b, six);
      await backend.apply(change({ remove: [a, six], add: [c, sixOut], refresh: [b] }));
      await holds([b, c, sixOut]);
    });

    test('puts on top what was taken out by the same change', async () => {
      await put(a, b, c);
      await backend.apply(change({ remove: [a], add: [a] }));
      await holds([b, c, a]);
    });

    test('keeps apart rules that differ in the interface or the action alone', async () => {
      const alike = ['any', 'eth0', 'eth0+', 'eth1'].flatMap((iface) =>
        ['drop', 'accept', 'reject'].map((action) => `${action} input ${iface} any 10.0.0.1/32 any`),
      );
      await put(...alike);
      await backend.apply(change({ remove: ['drop input eth0 any 10.0.0.1/32 any'] }));
      await holds(alike.filter((rule) => rule !== 'drop input eth0 any 10.0.0.1/32 any'));
    });

    test('refuses to take out what is not there', () => refuses({ remove: [a] }));

    test('refuses a change as a whole', async () => {
      await put(a, b);
      await refuses({ add: [c, out, through], remove: [a, 'drop input any any 9.9.9.9 any'] });
    });

    test('refuses a change as a whole when only its IPv6 part fails', async () => {
      await put(a, b, c, six, out);
      await refuses({ add: ['drop input any any 9.9.9.9/32 any', through], remove: [b, sixOut, out] });
    });

    test('refuses a change as a whole when only its IPv4 part fails', async () => {
      await put(b, six);
      await refuses({ add: [sixOut], remove: [six, a] });
    });

    test('undoes the IPv4 part under a guard', async () => {
      await backend.replace(desired({ rules: [a, b], guard: guards[0] ?? null }));
      await refuses({ add: [c, out], remove: [a, six] });
    });

    test('refuses to refresh what is not there, and does nothing else either', async () => {
      await put(a, six);
      await backend.apply(change({ refresh: [a, six] }));
      await refuses({ refresh: [b], add: [c], remove: [a] });
      await refuses({ refresh: [sixOut], add: [c] });
    });

    test('reads positions from the head of the chain, and counters that begin at nothing', async () => {
      await put(a, out, b);
      const states = await readAll(backend, [a, out, b]);
      expect(states.map(({ spec, position }) => [ruleKey(spec), position])).toEqual([
        [b, 1],
        [a, 2],
        [out, 1],
      ]);
      expect(states.every(({ packets, bytes }) => packets === 0n && bytes === 0n)).toBe(true);
    });

    test('reads every shape of rule as it was put', async () => {
      await put(...universe);
      expect((await readAll(backend, universe)).map(({ spec }) => ruleKey(spec)).toSorted()).toEqual(
        universe.toSorted(),
      );
    });

    test('puts and takes out 1,000 rules by one change', async () => {
      const many = Array.from({ length: 1000 }, (_, index) => {
        const prefix = formatPrefix(prefixOf({ family: 4, value: 0x0a000000n + BigInt(index) }, 32));
        return `drop input any any ${prefix} any`;
      });
      await put(...many);
      await holds(many);
      await backend.apply(change({ remove: many.filter((_, index) => index % 2 === 0), add: [c] }));
      await holds([...many.filter((_, index) => index % 2 === 1), c]);
    });

    test('keeps the guard above every rule', async () => {
      const given = guards[0] ?? null;
      await backend.replace(desired({ guard: given }));
      await holds([], given);
      await put(a, out, six);
      await put(b, sixOut, through);
      await holds([a, out, six, b, sixOut, through], given);
      await backend.replace(desired({ rules: [b, a, out, sixOut, six], guard: given, staleRules: [through] }));
      await holds([b, a, out, sixOut, six], given);
    });

    test('takes rules out under the guard', async () => {
      const given = guards[0] ?? null;
      await backend.replace(desired({ rules: [a, b, six], guard: given }));
      await backend.apply(change({ remove: [a, six] }));
      await holds([b], given);
    });

    test('replaces one guard by another, and by none', async () => {
      await put(six, a);
      let former: PortGuard | null = null;
      for (const next of [...guards, null]) {
        const repair = await backend.replace(
          desired({ rules: [six, a], guard: next, staleGuards: former === null ? [] : [former] }),
        );
        expect(repair).toMatchObject({ missing: [], moved: 0, removed: 0 });
        expect(repair.guard).toBeGreaterThan(0);
        await holds([six, a], next);
        await backend.apply(change({ remove: [a], add: [a] }));
        await holds([six, a], next);
        former = next;
      }
    });

    test('says what a replacement had to repair', async () => {
      await put(a, b, six);
      const repair = await backend.replace(desired({ rules: [b, a, c, sixOut], staleRules: [six] }));
      expect(repair.missing.map(ruleKey).toSorted()).toEqual([c, sixOut].toSorted());
      expect(repair).toMatchObject({ removed: 1, guard: 0 });
      expect(repair.moved).toBeGreaterThan(0);
    });

    test('brings anything to anything, and finds nothing to do after that', async () => {
      const state = fc.record({
        rules: fc.shuffledSubarray(universe),
        guard: fc.constantFrom(null, ...guards),
        more: fc.shuffledSubarray(universe),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(state, { minLength: 1, maxLength: 3 }), async (states) => {
          for (const { rules, guard, more } of states) {
            // Everything else may be left over from before; what is wanted never counts as left over.
            const next = desired({ rules, guard, staleRules: universe, staleGuards: guards });
            await backend.replace(next);
            await holds(rules, guard);
            expect(hasRepaired(await backend.replace(next)), guardKey(guard)).toBe(false);
            const added = more.filter((rule) => !rules.includes(rule));
            await backend.apply(change({ add: added, refresh: rules }));
            await holds([...rules, ...added], guard);
          }
        }),
        { numRuns: runs },
      );
    });

    it('skips only cases that there are', () => {
      expect(Object.keys(skips).filter((title) => !cases.has(title))).toEqual([]);
    });
  });
}
