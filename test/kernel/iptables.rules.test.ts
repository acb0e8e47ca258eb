import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { hasRepaired } from '../../src/backends/backend.ts';
import type { IptablesBackend } from '../../src/backends/iptables/iptables.ts';
import { change, desired, guard, readAll } from '../../src/backends/rule.fixture.ts';
import { ruleKey } from '../../src/domain/rule.ts';
import { clear, execute, iptables, probed, show, variants } from './iptables.fixture.ts';

const rules = {
  a: 'drop input any any 10.0.0.1/32 any',
  b: 'accept input any any 10.0.0.2/32 any',
  six: 'drop input any any 2001:db8::1/128 any',
};
const lines = { a: '-A INPUT -s 10.0.0.1/32 -j DROP', b: '-A INPUT -s 10.0.0.2/32 -j ACCEPT' };
const port = guard(7393, '192.0.2.0/24');
const guardLines = [
  '-A INPUT -s 192.0.2.0/24 -p tcp -m tcp --dport 7393 -j ACCEPT',
  '-A INPUT -p tcp -m tcp --dport 7393 -j DROP',
];

/** As many rules for one host each, oldest first. */
function many(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `drop input any any 10.1.${index >> 8}.${index & 255} any`);
}

describe.each(variants)('iptables-%s', (variant) => {
  let backend: IptablesBackend;

  beforeEach(async () => {
    clear();
    backend = await probed(variant);
  });

  it.each([
    ['drop input eth0 any 11.22.33.44 any', 'INPUT', '-s 11.22.33.44/32 -i eth0 -j DROP', 4],
    ['accept output any any any 192.168.0.0/24', 'OUTPUT', '-d 192.168.0.0/24 -j ACCEPT', 4],
    [
      'accept forward ppp+ eth0 1.2.3.0/24 5.5.5.5',
      'FORWARD',
      '-s 1.2.3.0/24 -d 5.5.5.5/32 -i ppp+ -o eth0 -j ACCEPT',
      4,
    ],
    ['drop input any any 11.22.33.44 any', 'INPUT', '-s 11.22.33.44/32 -j DROP', 4],
    ['reject input any any 1.2.3.4 any', 'INPUT', '-s 1.2.3.4/32 -j REJECT --reject-with icmp-port-unreachable', 4],
    ['drop input any any 2001:db8::/64 any', 'INPUT', '-s 2001:db8::/64 -j DROP', 6],
    [
      'reject output any eth0 any ::1',
      'OUTPUT',
      '-d ::1/128 -o eth0 -j REJECT --reject-with icmp6-port-unreachable',
      6,
    ],
    ['drop input any any ::1.2.3.4 any', 'INPUT', '-s ::1.2.3.4/128 -j DROP', 6],
  ] as const)('shows %s in %s as -A ... %s', async (text, chain, args, family) => {
    await backend.apply(change({ add: [text] }));
    expect(show(variant, chain, family)).toEqual([`-A ${chain} ${args}`]);
    expect((await readAll(backend)).map(({ spec }) => ruleKey(spec))).toEqual(change({ add: [text] }).add.map(ruleKey));
    expect(hasRepaired(await backend.replace(desired({ rules: [text] })))).toBe(false);
    await backend.apply(change({ remove: [text] }));
    expect(show(variant, chain, family)).toEqual([]);
  });

  it('holds a rule for every address of a family once', async () => {
    const everything = ['drop input any any 0.0.0.0/0 any', 'drop output any any any ::/0'];
    await backend.apply(change({ add: everything }));
    expect(hasRepaired(await backend.replace(desired({ rules: everything })))).toBe(false);
    expect(show(variant, 'INPUT')).toEqual(['-A INPUT -j DROP']);
  });

  it('gives the position among all lines of the chain', async () => {
    await backend.replace(desired({ rules: [rules.a, rules.six], guard: port }));
    iptables(variant, '-I INPUT -s 10.0.0.9 -j LOG');
    const states = (await readAll(backend)).map(({ spec, position }) => `${position} ${ruleKey(spec)}`);
    expect(states).toEqual([`4 ${rules.a}`, `2 ${rules.six}`]);
  });

  it('has the guard on top again and the new rule right below it after somebody put a rule above', async () => {
    await backend.replace(desired({ rules: [rules.a], guard: port }));
    iptables(variant, '-I INPUT -s 10.0.0.9 -j DROP');
    await backend.apply(change({ add: [rules.b] }));
    expect(show(variant, 'INPUT')).toEqual([...guardLines, lines.b, '-A INPUT -s 10.0.0.9/32 -j DROP', lines.a]);
  });

  it('lifts the guard above a rule of ours that somebody moved up', async () => {
    await backend.replace(desired({ rules: [rules.a, rules.b], guard: port }));
    iptables(variant, '-D INPUT -s 10.0.0.1/32 -j DROP');
    iptables(variant, '-I INPUT -s 10.0.0.1/32 -j DROP');
    const repair = await backend.replace(desired({ rules: [rules.a, rules.b], guard: port }));
    expect(repair).toEqual({ missing: [], moved: 1, removed: 0, guard: 0, lists: 0, rebuilt: false });
    expect(show(variant, 'INPUT')).toEqual([...guardLines, lines.b, lines.a]);
  });

  it('puts everything back after somebody flushed', async () => {
    const wanted = desired({ rules: [rules.a, rules.b, rules.six], guard: port });
    await backend.replace(wanted);
    iptables(variant, '-F');
    await expect(backend.apply(change({ add: ['drop input any any 9.9.9.9 any'] }))).rejects.toMatchObject({
      code: 'kernel-refused',
    });
    const repair = await backend.replace(wanted);
    expect(repair.missing.map(ruleKey).toSorted()).toEqual([rules.b, rules.a]);
    expect(repair).toMatchObject({ moved: 0, removed: 0, guard: 4 });
    expect(show(variant, 'INPUT')).toEqual([...guardLines, lines.b, lines.a]);
  });

  it('refuses to take out or to refresh a rule that somebody deleted, and puts it back', async () => {
    await backend.apply(change({ add: [rules.a, rules.b] }));
    iptables(variant, '-D INPUT -s 10.0.0.1/32 -j DROP');
    await expect(backend.apply(change({ remove: [rules.a] }))).rejects.toMatchObject({ code: 'kernel-refused' });
    await expect(backend.apply(change({ refresh: [rules.a] }))).rejects.toMatchObject({ code: 'kernel-refused' });
    const repair = await backend.replace(desired({ rules: [rules.a, rules.b] }));
    expect(repair.missing.map(ruleKey)).toEqual([rules.a]);
    expect(show(variant, 'INPUT')).toEqual([lines.b, lines.a]);
  });

  it('takes over what an earlier run left, without a second copy', async () => {
    await backend.replace(desired({ rules: [rules.a, rules.six], guard: port }));
    const next = await probed(variant);
    expect(
      hasRepaired(await next.replace(desired({ rules: [rules.a, rules.six], guard: port, staleGuards: [port] }))),
    ).toBe(false);
    await next.apply(change({ add: [rules.b] }));
    expect(show(variant, 'INPUT')).toEqual([...guardLines, lines.b, lines.a]);
  });

  it('takes the oldest 1,000 of 2,000 rules out and leaves the others', async () => {
    const rules = many(2000);
    await backend.apply(change({ add: rules }));
    await backend.apply(change({ remove: rules.slice(0, 1000) }));
    const left = (await readAll(backend)).map(({ spec }) => ruleKey(spec));
    expect(left).toEqual(
      change({ add: rules.slice(1000) })
        .add.toReversed()
        .map(ruleKey),
    );
  });

  it('counts real packets', async () => {
    const local = ['accept input lo any 127.0.0.9 any', 'accept input lo any ::1 any'];
    await backend.apply(change({ add: local }));
    execute('ping', ['-c', '3', '-i', '0.02', '-I', '127.0.0.9', '127.0.0.9']);
    execute('ping', ['-6', '-c', '2', '-i', '0.02', '::1']);
    const [four, six] = await readAll(backend);
    // A request and an answer each: 20 or 40 bytes of IP header, 8 of ICMP, 56 of data.
    expect([four?.packets, four?.bytes]).toEqual([6n, 6n * 84n]);
    expect([six?.packets, six?.bytes]).toEqual([4n, 4n * 104n]);
    // Another change keeps the counts of the rules that stand.
    await backend.apply(change({ add: [rules.b, rules.six] }));
    await backend.replace(desired({ rules: [...local, rules.b], staleRules: [rules.six] }));
    expect((await readAll(backend)).map(({ packets }) => packets)).toEqual([0n, 6n, 4n]);
  });

  it('blocks, and no more after the rule is taken out', async () => {
    const server = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const at = typeof address === 'object' && address !== null ? address.port : 0;
    const connects = async (): Promise<boolean> => {
      const socket = connect(at, '127.0.0.1');
      // The rule rejects its own answer, too: nobody is told.
      socket.setTimeout(1000, () => socket.destroy(new Error('no answer')));
      try {
        await once(socket, 'connect');
        return true;
      } catch {
        return false;
      } finally {
        socket.destroy();
      }
    };
    const block = 'reject input lo any 127.0.0.1 any';
    expect(await connects()).toBe(true);
    await backend.apply(change({ add: [block] }));
    expect(await connects()).toBe(false);
    await backend.apply(change({ remove: [block] }));
    expect(await connects()).toBe(true);
    server.close();
  });
});
