import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NftablesBackend, NftablesOptions } from '../../src/backends/nftables/nftables.ts';
import { change, desired, guard } from '../../src/backends/rule.fixture.ts';
import { execute } from './iptables.fixture.ts';
import { nft, ruleset } from './netlink.fixture.ts';
import { begun, clearTables, closeAll, heldRules } from './nftables.fixture.ts';

// What the kernel refuses by its limits and rfw never comes to: sets have no size, so they are never full (ENFILE), and rfw
// numbers its sets, so that no name is too long.

let backend: NftablesBackend;

async function begin(options: Partial<NftablesOptions> = {}): Promise<void> {
  backend = await begun(options);
}

beforeEach(() => begin());

afterEach(() => {
  closeAll();
  clearTables();
});

const host = (index: number): string =>
  `drop input any any 10.${index >> 16}.${(index >> 8) & 255}.${index & 255}/32 any`;
const hosts = (count: number, from = 0): string[] => Array.from({ length: count }, (_, index) => host(from + index));
const names = (): string[] =>
  execute('nft', ['list', 'sets'])
    .split('\n')
    .filter((line) => line.includes('set '));

/** What rejects with words of the kernel in it. */
const refusal = (words: string) => ({
  name: 'RfwError',
  code: 'kernel-refused',
  message: expect.stringContaining(words),
});

describe('what the kernel refuses', () => {
  const own = 'drop input any any 10.0.0.0/16 any';

  it('comes back in its words, and the table holds what it held', async () => {
    await begin({ without: { owner: true } });
    await backend.replace(desired({ rules: [own, host(1)], guard: guard(7393, '192.0.2.0/24') }));
    const set = String(names().find((line) => line.includes('nets')))
      .trim()
      .split(' ')[1];
    // Somebody has put an element in the way, and nobody has heard of it yet.
    nft(`add element inet rfw ${set} { 10.2.0.0/15 }`);
    const before = ruleset();
    const step = change({
      add: ['accept input any any 10.9.9.9/32 any', 'drop input any any 10.3.0.0/16 any'],
      remove: [host(1)],
    });
    await expect(backend.apply(step)).rejects.toMatchObject(refusal(`add element inet rfw ${set}: `));
    expect(ruleset()).toEqual(before);
    nft(`delete element inet rfw ${set} { 10.2.0.0/15 }`);
    await backend.apply(step);
    expect(heldRules().keys.toSorted()).toEqual(
      [own, 'accept input any any 10.9.9.9/32 any', 'drop input any any 10.3.0.0/16 any'].toSorted(),
    );
  });

  it('of a guard whose addresses overlap leaves the guard as it was', async () => {
    const given = guard(7393, '192.0.2.0/24');
    await backend.replace(desired({ rules: [own], guard: given }));
    const before = ruleset();
    const overlapping = desired({ rules: [own, host(1)], guard: guard(7394, '10.0.0.0/8', '10.1.0.0/16') });
    await expect(backend.replace(overlapping)).rejects.toMatchObject(refusal('add element inet rfw guard_ip4'));
    expect(ruleset()).toEqual(before);
    await backend.replace(desired({ rules: [own, host(1)], guard: given }));
    expect(heldRules()).toEqual({ keys: expect.arrayContaining([own, host(1)]), guard: given });
  });
});

it.each([0, 9_999, 10_000, 19_999])(
  'a rule that can not be among 20,000 others, at %i, leaves what stood',
  async (place) => {
    await backend.replace(desired({ rules: [host(1), host(2)] }));
    backend.close();
    await backend.probe();
    const before = [heldRules(), names()];
    const rules = hosts(20_000, 65_536);
    rules.splice(place + 1, 0, rules[place] ?? '');
    const attempt = backend.replace(desired({ rules }));
    await expect(attempt).rejects.toMatchObject(refusal('Rule exists'));
    expect([heldRules(), names()]).toEqual(before);
    await backend.replace(desired({ rules: [host(2)] }));
    expect(heldRules().keys).toEqual([host(2)]);
    expect(names()).toHaveLength(1);
  },
);

it('interface names of the full length and with every character that there may be are matched as they are', async () => {
  const rules = ['a.b:c@d-e', 'abcdefghijklmno', 'abcdefghijklmn+', '_+', '0', '@:.'].map(
    (name) => `drop input ${name} any 10.0.0.1/32 any`,
  );
  await backend.apply(change({ add: rules }));
  expect(heldRules().keys.toSorted()).toEqual(rules.toSorted());
  await backend.apply(change({ remove: rules }));
  expect(heldRules().keys).toEqual([]);
});

describe.each<[string, Partial<NftablesOptions>]>([
  ['counting', {}],
  ['without counters', { counters: false }],
  ['as before Linux 6.3', { without: { owner: true, destroys: true } }],
])('%s,', (_, options) => {
  it('10,000 rules come and go by one change each, in less than two seconds', async () => {
    await begin(options);
    await backend.apply(change({ add: [host(0)] }));
    const many = change({ add: hosts(10_000, 1), remove: hosts(10_000, 1) });
    const start = performance.now();
    await backend.apply({ ...many, remove: [] });
    const added = performance.now();
    await backend.apply({ ...many, add: [] });
    const removed = performance.now();
    expect(Math.max(added - start, removed - added)).toBeLessThan(2000);
    expect(heldRules().keys).toEqual([host(0)]);
  });
});
