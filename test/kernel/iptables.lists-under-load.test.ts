import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { IptablesBackend } from '../../src/backends/iptables/iptables.ts';
import { listFrom } from '../../src/backends/iptables/list.fixture.ts';
import { setName } from '../../src/backends/iptables/list-line.ts';
import { desired } from '../../src/backends/rule.fixture.ts';
import { AddressSet } from '../../src/domain/address-set.ts';
import type { EnforcedList } from '../../src/domain/list.ts';
import { nothingPasses } from './datagram-stream.fixture.ts';
import { destroySets, ipset, saved, setNames } from './ipset.fixture.ts';
import { clear, iptables, plainPrograms, probed, program, show, variants } from './iptables.fixture.ts';
import { until } from './netlink.fixture.ts';

const banned = '127.0.0.2';

/** A list of the banned address and so many hosts, no two of them neighbours. */
function large(count: number, shape = 'drop input any any'): EnforcedList {
  const hosts = Array.from({ length: count }, (_, index) => {
    const value = BigInt(0x0a00_0000 + 2 * index);
    return { family: 4, first: value, last: value } as const;
  });
  const list = listFrom(`spam ${shape}`, [banned]);
  return { ...list, addresses: list.addresses.union(AddressSet.of(hosts)) };
}

beforeAll(() => execFileSync('ip', ['link', 'set', 'lo', 'up']));

describe.each(variants)('lists of iptables-%s', (variant) => {
  let backend: IptablesBackend;

  beforeEach(async () => {
    clear();
    destroySets();
    backend = await probed(variant);
  });

  afterEach(() => {
    backend.close();
    clear();
    destroySets();
  });

  it('let nothing pass that both versions stop, whatever changes, also in another process', async () => {
    await backend.replace(desired({ lists: [large(1000)] }));
    await nothingPasses(banned, async () => {
      for (const count of [5000, 1, 3000]) await backend.setLists([large(count)]);
      await backend.setLists([large(100, 'reject input any any')]);
      await backend.setLists([listFrom('first drop input any any', ['10.0.0.0/8']), large(100)]);
      backend.close();
      backend = await probed(variant);
      await backend.replace(desired({ lists: [large(2000)] }));
    });
    expect(setNames()).toEqual([setName(large(1), 4)]);
  });

  it('take 100,000 hosts while the event loop goes on', async () => {
    let turns = 0;
    const clock = setInterval(() => turns++, 1);
    const list = large(100_000);
    await backend.setLists([list]);
    clearInterval(clock);
    expect(turns).toBeGreaterThan(20);
    expect(saved()).toHaveLength(100_002);
    const began = performance.now();
    expect(await backend.intact(desired({ lists: [list] }))).toBe(true);
    await backend.setLists([{ ...list, version: list.version + 1000 }]);
    // The same addresses in another version: nothing is filled.
    expect(performance.now() - began).toBeLessThan(500);
  });

  it('that can not be filled leave nothing behind', async () => {
    const before = large(10);
    await backend.setLists([before]);
    const stood = [show(variant), saved()];
    const filling = backend.setLists([large(100_000)]);
    const beside = (): string | undefined => setNames().find((name) => name.startsWith('rfw-~'));
    while (beside() === undefined) await new Promise((resolve) => setImmediate(resolve));
    ipset(`destroy ${beside()}`);
    await expect(filling).rejects.toMatchObject({
      code: 'kernel-refused',
      message: expect.stringMatching(/^ipset: add rfw-~\d+-4: there is no such set/),
    });
    expect([show(variant), saved()]).toEqual(stood);
  });

  it('are watched: the sets too', async () => {
    const list = large(1000);
    await backend.replace(desired({ lists: [list] }));
    let calls = 0;
    const end = backend.watch(() => calls++);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const before = calls;
    // Changes of rfw's own are none.
    await backend.setLists([large(2000)]);
    await backend.setLists([list]);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (variant === 'nft') expect(calls).toBe(before);
    const known = calls;
    ipset(`flush ${setName(list, 4)}`);
    await until(() => calls > known, 1500);
    end();
  });
});

describe.each(variants)('an iptables-%s that knows no sets', (variant) => {
  let folder = '';

  beforeEach(() => {
    clear();
    destroySets();
    folder = mkdtempSync(join(tmpdir(), 'rfw-no-sets-'));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it('has no lists, and says so, and has all rules', async () => {
    const restore = `/usr/sbin/${program(variant, 4, 'restore')}`;
    const path = plainPrograms(folder, variant, {
      'iptables-restore': `
        input=$(cat)
        case "$input" in *--match-set*) echo "Couldn't load match \\\`set'" >&2; exit 2;; esac
        printf '%s\\n' "$input" | ${restore} "$@"`,
    });
    const backend = await probed(variant, path);
    const { shortcomings } = await backend.probe();
    expect(shortcomings).toEqual([expect.stringMatching(/^Lists are kept but not enforced: .*Couldn't load match/)]);
    const list = large(1);
    await expect(backend.setLists([list])).rejects.toMatchObject({
      code: 'lists-unsupported',
      message: expect.stringMatching(/^This host can not have lists with iptables: /),
    });
    await backend.setLists([]);
    const wanted = desired({ rules: ['drop input any any 10.0.0.1 any'], lists: [list] });
    expect(await backend.replace(wanted)).toMatchObject({ lists: 0 });
    expect(show(variant)).toEqual(['-A INPUT -s 10.0.0.1/32 -j DROP']);
    expect(await backend.intact(wanted)).toBe(true);
    expect(await backend.listCounts()).toEqual([]);
    expect(setNames()).toEqual([]);
    iptables(variant, '-F');
    backend.close();
  });
});

describe.each(variants)('an iptables-%s without ip6tables', (variant) => {
  let folder = '';

  beforeEach(() => {
    clear();
    destroySets();
    folder = mkdtempSync(join(tmpdir(), 'rfw-no-ip6-'));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it('refuses IPv6 addresses, and brings back what it can have of those that are stored', async () => {
    const path = plainPrograms(folder, variant, { 'ip6tables-save': 'exit 1', 'ip6tables-restore': 'exit 1' });
    const backend = await probed(variant, path);
    const four = listFrom('spam drop input any any', ['10.0.0.0/8']);
    const both = listFrom('spam drop input any any', ['10.0.0.0/8', '2001:db8::/32']);
    await backend.setLists([four]);
    await expect(backend.setLists([both])).rejects.toMatchObject({
      code: 'unsupported',
      message: 'This host has no ip6tables that works: take the IPv6 addresses out of the list spam',
    });
    expect(setNames()).toEqual([setName(four, 4)]);
    await backend.replace(desired({ lists: [both] }));
    expect(show(variant)).toHaveLength(1);
    expect(setNames()).toEqual([setName(both, 4)]);
    expect(await backend.intact(desired({ lists: [both] }))).toBe(true);
    iptables(variant, '-F');
    destroySets();
    backend.close();
  });
});
