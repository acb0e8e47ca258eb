import { once } from 'node:events';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { hasRepaired } from '../../src/backends/backend.ts';
import type { IptablesBackend } from '../../src/backends/iptables/iptables.ts';
import { listing } from '../../src/backends/listing.fixture.ts';
import { change, desired, guard } from '../../src/backends/rule.fixture.ts';
import { clear, execute, iptables, probed, program, show, start, variants } from './iptables.fixture.ts';

const drop = (host: string): string => `drop input any any ${host} any`;
const dropLine = (host: string): string => `-A INPUT -s ${host}/32 -j DROP`;

/** Lines of others that come near to rfw's, as iptables prints them. */
const foreign = [
  '-s 10.0.0.1/32 -m comment --comment "it is \\"ours\\" -j DROP" -j DROP',
  '-s 10.0.0.1/32 -m socket -j DROP',
  '-s 10.0.0.1/32 -i any -j DROP',
  '! -s 10.0.0.1/32 -p icmp -j ACCEPT',
  '-s 10.0.0.1/32 -p tcp -m tcp --dport 22 -j DROP',
  '-p tcp -m tcp --sport 1000 --dport 7393 -j DROP',
  '-p tcp -m tcp --dport 7393 -m mark --mark 0x1 -j ACCEPT',
  '-s 10.0.3.0/255.0.255.0 -j ACCEPT',
  '-s 10.0.0.1/32 -j LOG --log-prefix "-j DROP "',
  '-s 10.0.0.1/32',
];
const hosts = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5'];
const port = guard(7393, '192.0.2.0/24');

describe.each(variants)('rules that are not of rfw, in iptables-%s,', (variant) => {
  let backend: IptablesBackend;

  function fill(lines: readonly string[]): void {
    const rows = lines.map((line) => `-A INPUT ${line}`);
    execute(program(variant, 4, 'restore'), ['--noflush'], `*filter\n${rows.join('\n')}\nCOMMIT\n`);
  }

  beforeEach(async () => {
    clear();
    backend = await probed(variant);
  });

  it('stay where they are before, between and after, through every operation', async () => {
    const theirs = foreign.map((line) => `-A INPUT ${line}`);
    const others = (): string[] => show(variant).filter((line) => theirs.includes(line));
    fill(foreign.slice(0, 3));
    await backend.apply(change({ add: ['10.0.0.1', '10.0.0.2'].map(drop) }));
    fill(foreign.slice(3, 6));
    expect(show(variant)).toEqual([...['10.0.0.2', '10.0.0.1'].map(dropLine), ...theirs.slice(0, 6)]);

    execute(program(variant, 4), ['-I', 'INPUT', '2', '-s', '10.0.0.9/32', '-j', 'ACCEPT']);
    fill(foreign.slice(6));
    await backend.apply(change({ add: [drop('10.0.0.3')], remove: [drop('10.0.0.2')] }));
    await backend.replace(desired({ rules: hosts.map(drop), guard: port }));
    expect(others()).toEqual(theirs);
    await backend.replace(desired({ rules: hosts.toReversed().map(drop), staleGuards: [port] }));
    await backend.replace(desired({ staleRules: hosts.map(drop) }));
    expect(show(variant)).toEqual(['-A INPUT -s 10.0.0.9/32 -j ACCEPT', ...theirs]);
  });

  it('stay in user chains, in other tables, and so do the policies', async () => {
    const lines = ['*filter', ':INPUT ACCEPT [0:0]', ':FORWARD DROP [0:0]', ':mine - [0:0]', '-A INPUT -j mine'];
    const more = [
      '-A mine -s 10.0.0.1/32 -j DROP',
      'COMMIT',
      '*nat',
      '-A PREROUTING -s 10.0.0.1/32 -j ACCEPT',
      'COMMIT',
    ];
    execute(program(variant, 4, 'restore'), [], `${[...lines, ...more].join('\n')}\n`);
    await backend.replace(desired({ rules: [drop('10.0.0.1')], guard: port }));
    await backend.replace(desired({ staleRules: [drop('10.0.0.1')], staleGuards: [port] }));
    expect(iptables(variant, '-S').split('\n').slice(0, 6)).toEqual([
      '-P INPUT ACCEPT',
      '-P FORWARD DROP',
      '-P OUTPUT ACCEPT',
      '-N mine',
      '-A INPUT -j mine',
      '-A mine -s 10.0.0.1/32 -j DROP',
    ]);
    expect(iptables(variant, '-t nat -S PREROUTING')).toContain('-A PREROUTING -s 10.0.0.1/32 -j ACCEPT');
    execute(program(variant, 4, 'restore'), ['-T', 'nat'], '*nat\nCOMMIT\n');
    iptables(variant, '-F INPUT');
    iptables(variant, '-F mine');
    iptables(variant, '-X mine');
  });

  it('stay when one says the same as a rule of ours that is taken out', async () => {
    fill(['-s 10.0.0.1/32 -j DROP', '-s 10.0.0.8/32 -j DROP']);
    await backend.apply(change({ add: ['10.0.0.1', '10.0.0.2'].map(drop) }));
    await backend.apply(change({ remove: [drop('10.0.0.1')] }));
    expect(show(variant)).toEqual(['10.0.0.2', '10.0.0.1', '10.0.0.8'].map(dropLine));
  });

  it('keep their order and words however rfw repairs its own among them', async () => {
    const line = fc.oneof(
      { weight: 2, arbitrary: fc.constantFrom(...foreign) },
      { weight: 3, arbitrary: fc.constantFrom(...hosts).map((host) => `-s ${host}/32 -j DROP`) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 12 }), fc.shuffledSubarray(hosts), async (lines, wanted) => {
        // Each of ours once: what becomes of copies is for the tests of the plan.
        const given = lines.filter((one, index) => foreign.includes(one) || lines.indexOf(one) === index);
        iptables(variant, '-F');
        fill(given);
        const next = desired({ rules: wanted.map(drop), staleRules: hosts.map(drop) });
        await backend.replace(next);
        const held = show(variant).map((row) => row.slice('-A INPUT '.length));
        expect(held.filter((row) => foreign.includes(row))).toEqual(given.filter((row) => foreign.includes(row)));
        expect(held.filter((row) => !foreign.includes(row)).map((row) => `-A INPUT ${row}`)).toEqual(
          listing(wanted.map((host) => drop(`${host}/32`))),
        );
        expect(hasRepaired(await backend.replace(next))).toBe(false);
      }),
      { numRuns: 25 },
    );
  });

  it('stay when another program changes the chain all the while', async () => {
    const name = program(variant, 4);
    const loop = `for n in $(seq 0 39); do
      ${name} -w 5 -I INPUT -s 172.16.0.1/32 -j LOG && ${name} -w 5 -A INPUT -s 172.16.1.$n/32 -j LOG
      ${name} -w 5 -D INPUT -s 172.16.0.1/32 -j LOG
    done`;
    const others = start('sh', ['-c', loop]);
    const ended = once(others, 'exit');
    const rules: string[] = [];
    let number = 0;
    while (others.exitCode === null) {
      const rule = drop(`10.0.${number >> 8}.${number++ & 255}`);
      await backend.apply(change({ add: [rule] }));
      rules.push(rule);
    }
    await ended;
    expect(number).toBeGreaterThan(10);
    await backend.replace(desired({ rules }));
    const theirs = Array.from({ length: 40 }, (_, round) => `-A INPUT -s 172.16.1.${round}/32 -j LOG`);
    const canonical = rules.map((rule) => rule.replace(/ any$/, '/32 any'));
    expect(show(variant)).toEqual([...listing(canonical), ...theirs]);
  });
});
