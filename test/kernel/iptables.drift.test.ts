import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { IptablesBackend } from '../../src/backends/iptables/iptables.ts';
import { change, desired, guard } from '../../src/backends/rule.fixture.ts';
import { processorTime } from '../cpu.fixture.ts';
import { clear, execute, iptables, probed, program, show, start, type Variant, variants } from './iptables.fixture.ts';
import { until } from './netlink.fixture.ts';

const rules = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((host) => `drop input any any ${host} any`);
const six = 'drop input any any 2001:db8::1 any';
const out = 'reject output any eth0 any 192.0.2.0/24';
const wanted = desired({ rules: [...rules, six, out], guard: guard(7393, '192.0.2.0/24') });

/** Milliseconds within which the watch speaks of what others do. */
const notice = 1000;

interface Disturbance {
  readonly what: string;
  readonly act: (variant: Variant) => void;
  /** The variants that it disturbs, where not both. */
  readonly only?: Variant;
}

/** What somebody else does. */
const disturbances: readonly Disturbance[] = [
  { what: 'iptables -F INPUT', act: (variant) => iptables(variant, '-F INPUT') },
  { what: 'iptables -F', act: (variant) => iptables(variant, '-F') },
  { what: 'ip6tables -F', act: (variant) => iptables(variant, '-F', 6) },
  { what: 'deleting one rule', act: (variant) => iptables(variant, '-D INPUT -s 10.0.0.2 -j DROP') },
  {
    what: 'moving one rule',
    act: (variant) => {
      const lines = '*filter\n-D INPUT -s 10.0.0.1 -j DROP\n-I INPUT -s 10.0.0.1 -j DROP\nCOMMIT\n';
      execute(program(variant, 4, 'restore'), ['--noflush'], lines);
    },
  },
  { what: 'replacing one rule', act: (variant) => iptables(variant, '-R INPUT 5 -s 10.9.9.9 -j ACCEPT') },
  {
    what: 'iptables-restore of another ruleset',
    act: (variant) => execute(program(variant, 4, 'restore'), [], '*filter\n-A INPUT -s 10.9.9.9 -j ACCEPT\nCOMMIT\n'),
  },
  { what: 'nft flush ruleset', act: () => execute('nft', ['flush', 'ruleset']), only: 'nft' },
  { what: 'nft delete table', act: () => execute('nft', ['delete', 'table', 'ip', 'filter']), only: 'nft' },
];

describe.each(variants)('the watch of iptables-%s', (variant) => {
  let backend: IptablesBackend;
  let calls = 0;

  beforeEach(async () => {
    clear();
    backend = await probed(variant);
    await backend.replace(wanted);
    calls = 0;
    backend.watch(() => calls++);
    await until(() => calls > 0);
    calls = 0;
  });

  afterEach(() => backend.close());

  const cases = disturbances.filter(({ only }) => only === undefined || only === variant);
  it.each(cases)('speaks within a second of $what, which is no longer intact and can be repaired', async ({ act }) => {
    const before = show(variant);
    act(variant);
    expect(await until(() => calls > 0, notice)).toBeLessThan(notice);
    expect(await backend.intact(wanted)).toBe(false);
    await backend.replace(wanted);
    expect(await backend.intact(wanted)).toBe(true);
    expect(show(variant).filter((line) => !line.includes('10.9.9.9'))).toEqual(before);
  });

  it('speaks of what others do in the midst of changes of rfw', async () => {
    const added: string[] = [];
    const more = async (count: number): Promise<void> => {
      for (let number = 0; number < count; number++) {
        const rule = `drop input any any 10.1.0.${added.length} any`;
        await backend.apply(change({ add: [rule] }));
        added.push(rule);
      }
    };
    await more(20);
    const others = start(program(variant, 4), ['-w', '5', '-D', 'INPUT', '-s', '10.0.0.2', '-j', 'DROP']);
    await more(20);
    expect(others.exitCode).toBe(0);
    await until(() => calls > 0, notice);
    const now = desired({ rules: [...rules, six, out, ...added], guard: wanted.guard });
    expect(await backend.intact(now)).toBe(false);
  });

  it('takes what others add for no damage', async () => {
    iptables(variant, '-I INPUT -s 10.8.8.8 -j ACCEPT');
    iptables(variant, '-I INPUT 4 -s 10.8.8.8 -j LOG');
    iptables(variant, '-A INPUT -s 10.0.0.2 -j DROP');
    await sleep(notice);
    expect(await backend.intact(wanted)).toBe(true);
    if (variant === 'nft') expect(calls).toBe(0);
  });

  it('says nothing once it has ended', async () => {
    let others = 0;
    const end = backend.watch(() => others++);
    await until(() => others > 0);
    end();
    others = 0;
    iptables(variant, '-F INPUT');
    await until(() => calls > 0, notice);
    await sleep(notice);
    expect(others).toBe(0);
  });
});

describe('the watch of iptables-nft', () => {
  it('says nothing of 200 changes of rfw itself', async () => {
    clear();
    const backend = await probed('nft');
    await backend.replace(wanted);
    let calls = 0;
    backend.watch(() => calls++);
    expect(calls).toBe(1);
    for (let number = 0; number < 100; number++) {
      await backend.apply(change({ add: [`drop input any any 10.1.0.${number} any`] }));
      await backend.apply(change({ remove: [`drop input any any 10.1.0.${number} any`] }));
    }
    await sleep(100);
    expect(calls).toBe(1);
    backend.close();
  });
});

describe('the watch of iptables-legacy', () => {
  it('speaks once of changes of rfw itself, which are intact, and then is silent', async () => {
    clear();
    const backend = await probed('legacy');
    await backend.replace(wanted);
    let calls = 0;
    backend.watch(() => calls++);
    await until(() => calls === 1);
    await backend.apply(change({ add: ['drop input any any 10.1.0.1 any'] }));
    await until(() => calls === 2, notice);
    await sleep(2 * notice);
    expect(calls).toBe(2);
    backend.close();
  });

  it('costs little', async () => {
    clear();
    const backend = await probed('legacy');
    const many = Array.from({ length: 1000 }, (_, index) => `drop input any any 10.1.${index >> 8}.${index & 255} any`);
    await backend.replace(desired({ rules: many }));
    let calls = 0;
    backend.watch(() => calls++);
    await until(() => calls === 1);
    const before = processorTime(process.pid);
    await sleep(3000);
    // Three percent of one processor at most, with what the test runner does beside.
    expect(processorTime(process.pid) - before).toBeLessThanOrEqual(90);
    expect(calls).toBe(1);
    backend.close();
  });
});
