import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NftablesBackend, NftablesOptions } from '../../src/backends/nftables/nftables.ts';
import { change, readAll, rule } from '../../src/backends/rule.fixture.ts';
import type { Rule } from '../../src/domain/rule.ts';
import { datagrams } from './loopback.fixture.ts';
import { begun, clearTables, closeAll, heldRules, listedTable } from './nftables.fixture.ts';

let backend: NftablesBackend;

async function begin(options: Partial<NftablesOptions> = {}): Promise<void> {
  backend = await begun(options);
}

beforeEach(() => begin());

afterEach(() => {
  closeAll();
  clearTables();
});

const expiring = (text: string, expiresAt: number | null): Rule => ({ ...rule(text), expiresAt });
const add = (...rules: readonly Rule[]): Promise<void> => backend.apply({ ...change({}), add: rules });
const renew = (...rules: readonly Rule[]): Promise<void> => backend.apply({ ...change({}), renew: rules });

/** The one element of the table as nft prints it. */
function onlyElement(): { readonly timeout: number | undefined; readonly expires: number | undefined } {
  const elements = [...listedTable().sets.values()].flatMap((set) => (set['elem'] ?? []) as unknown[]);
  expect(elements).toHaveLength(1);
  const [element] = elements;
  const { timeout, expires } = (element as { elem?: { timeout?: number; expires?: number } }).elem ?? {};
  return { timeout, expires };
}

/** One that packets over the loopback interface meet, by what kind of element it is. */
const kinds = {
  'an IPv4 host': ['drop input any any 127.0.0.2/32 any', '127.0.0.2', '127.0.0.1'],
  'an IPv4 network': ['drop input any any 127.0.0.0/30 any', '127.0.0.2', '127.0.0.1'],
  'an IPv6 host': ['drop input any any ::1/128 any', '::1', '::1'],
  'an IPv6 network': ['drop input any any ::/64 any', '::1', '::1'],
  'any IPv4 address': ['drop input any any 0.0.0.0/0 any', '127.0.0.2', '127.0.0.1'],
  'any IPv6 address': ['drop output any any any ::/0', '::1', '::1'],
  'the upper half of IPv6': ['drop input any any 8000::/1 any', '', ''],
  'the last address of IPv4': ['drop input any any 255.255.255.255/32 any', '', ''],
  'the last network of IPv4': ['drop input any any 255.255.255.254/31 any', '', ''],
} as const;

describe.each(Object.entries(kinds))('%s', (_, [text, source, destination]) => {
  const now = Math.floor(Date.now() / 1000) * 1000;

  it('stays five seconds longer in the kernel than its rule, or for good, and keeps its counts when that changes', async () => {
    await begin({ now: () => now });
    await add(expiring(text, now + 3_600_000));
    expect(onlyElement().timeout).toBe(3605);
    let counted = [0n, 0n];
    if (source !== '') {
      expect(await datagrams(source, destination, 3)).toBe('silence');
      const [state] = await readAll(backend, [text]);
      counted = [state?.packets ?? 0n, state?.bytes ?? 0n];
      expect(counted[0]).toBe(3n);
    }
    for (const [expiresAt, timeout] of [
      [now + 7_200_000, 7205],
      [null, undefined],
      [now + 1500, 6.5],
      [now, 5],
      [now - 60_000, 5],
      [Date.UTC(9999, 11, 31), undefined],
    ] as const) {
      await renew(expiring(text, expiresAt));
      const element = onlyElement();
      // nft prints whole seconds.
      expect(element.timeout).toBe(timeout && Math.floor(timeout));
      expect(element.expires === undefined).toBe(timeout === undefined);
      expect(element.expires ?? 0).toBeLessThanOrEqual(timeout ?? 0);
      const [state] = await readAll(backend, [text]);
      expect([state?.packets, state?.bytes]).toEqual(counted);
    }
    expect(heldRules().keys).toEqual([text]);
    await backend.apply(change({ remove: [text] }));
    expect(heldRules().keys).toEqual([]);
  });
});

it.each<[string, Partial<NftablesOptions>]>([
  ['counting', {}],
  ['as before Linux 6.3', { without: { owner: true, destroys: true } }],
])('rules that the kernel has let go can be taken out, put again and given more time, %s', async (_, options) => {
  await begin(options);
  const gone = Object.values(kinds).map(([text]) => text);
  const neighbours = [
    'drop input any any 127.0.0.4/30',
    'drop input any any 2001:db8::1/128',
    'accept input any any 127.0.0.2/32',
  ].map((text) => `${text} any`);
  await add(...neighbours.map(rule), ...gone.map((text) => expiring(text, 0)));
  await sleep(5200);
  expect(heldRules().keys.toSorted()).toEqual(neighbours.toSorted());
  const third = (index: number): string[] => gone.filter((_, position) => position % 3 === index);
  await backend.apply({
    remove: [...third(0), ...third(1)].map(rule),
    add: third(1).map(rule),
    refresh: [],
    renew: third(2).map((text) => expiring(text, Date.now() + 60_000)),
  });
  expect(heldRules().keys.toSorted()).toEqual([...neighbours, ...third(1), ...third(2)].toSorted());
  await backend.apply(change({ remove: [...neighbours, ...third(1), ...third(2)] }));
  expect(heldRules().keys).toEqual([]);
});

describe('elements that touch, nest, and reach the ends of the address space', () => {
  const ends = [
    '0.0.0.0/0',
    '0.0.0.0/1',
    '128.0.0.0/1',
    '0.0.0.0/32',
    '255.255.255.255/32',
    '255.255.255.254/31',
    '255.255.255.252/31',
  ];
  const near = [
    '10.0.0.0/30',
    '10.0.0.4/30',
    '10.0.0.0/29',
    '10.0.0.8/29',
    '10.0.0.4/31',
    '10.0.0.5/32',
    '10.0.0.0/31',
    '10.0.0.6/31',
  ];
  const six = [
    '::/0',
    '8000::/1',
    '::/1',
    'ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127',
    'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128',
    'ffff::/16',
    '::/127',
    '::2/127',
  ];
  const universe = [...ends, ...near, ...six].flatMap((prefix) => [
    `drop input any any ${prefix} any`,
    `accept input any any ${prefix} any`,
    `drop output any eth0 any ${prefix}`,
  ]);

  it.each<[string, Partial<NftablesOptions>]>([
    ['as the kernel can', {}],
    ['as before Linux 6.3', { without: { owner: true, destroys: true } }],
  ])('can be put and taken out in every order, %s', async (_, options) => {
    await begin(options);
    const step = fc.record({
      put: fc.shuffledSubarray(universe, { maxLength: 12 }),
      taken: fc.shuffledSubarray(universe),
      all: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
        const standing = new Set<string>();
        for (const { put, taken, all } of steps) {
          const remove = taken.filter((key) => standing.has(key)).slice(0, all ? undefined : 6);
          for (const key of remove) standing.delete(key);
          const added = put.filter((key) => !standing.has(key));
          await backend.apply(change({ remove, add: added }));
          for (const key of added) standing.add(key);
          expect(heldRules().keys.toSorted()).toEqual([...standing].toSorted());
        }
        await backend.apply(change({ remove: [...standing].toSorted() }));
        expect(heldRules().keys).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });
});
