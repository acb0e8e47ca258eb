import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { hasRepaired } from '../../src/backends/backend.ts';
import type { IptablesBackend } from '../../src/backends/iptables/iptables.ts';
import { change, desired, guard, spec } from '../../src/backends/rule.fixture.ts';
import { clear, execute, iptables, multi, plainPrograms, probed, program, show, variants } from './iptables.fixture.ts';

const drop = (prefix: string): string => `drop input any any ${prefix} any`;
const dropLine = (prefix: string): string => `-s ${prefix} -j DROP`;

/** IPv6 prefixes that begin with the same address, but for the last. */
const prefixes = ['2001:db8::/63', '2001:db8::/64', '2001:db8::/65', '2001:db8::/66', '2001:db8:0:0:8000::/66'];
const [shortest = '', short = '', long = '', longest = ''] = prefixes;

/** Lines of others that begin with the same address as some of ours, and that ours compare equal with or nearly. */
const foreign = [
  ...['2001:db8::/67', '2001:db8::/2001:fff8::', '2001:db8::/128'].map(dropLine),
  `-s ${long} -m comment --comment "it is \\"ours\\"" -j DROP`,
  '-s 2001:db8::/67 -p tcp -m tcp --dport 7393 -j ACCEPT',
  '! -s 2001:db8::/67 -j DROP',
];
const [alike = '', masked = ''] = foreign;

describe.each(variants)('among IPv6 lines that begin alike, iptables-%s', (variant) => {
  let backend: IptablesBackend;

  /** Puts lines to the end of INPUT, as somebody else does. */
  function fill(lines: readonly string[]): void {
    const rows = lines.map((line) => `-A INPUT ${line}`);
    execute(program(variant, 6, 'restore'), ['--noflush'], `*filter\n${rows.join('\n')}\nCOMMIT\n`);
  }

  function held(): string[] {
    return show(variant, 'INPUT', 6).map((line) => line.slice('-A INPUT '.length));
  }

  beforeEach(async () => {
    clear();
    backend = await probed(variant);
  });

  it('takes out the network that was asked for and not a newer one', async () => {
    await backend.apply(change({ add: [drop(short), drop(long)] }));
    await backend.apply(change({ remove: [drop(short)] }));
    expect(held()).toEqual([dropLine(long)]);
  });

  it('takes out several at once, and puts one back in the same change', async () => {
    await backend.apply(change({ add: prefixes.map(drop) }));
    await backend.apply(change({ remove: [drop(short), drop(shortest)], add: [drop(short)] }));
    expect(held()).toEqual([short, ...prefixes.slice(2).toReversed()].map(dropLine));
  });

  it('leaves the lines of others where they are', async () => {
    fill([alike, '-j LOG', masked, dropLine(short), foreign[2] ?? '']);
    await backend.apply(change({ remove: [drop(short)] }));
    expect(held()).toEqual([alike, '-j LOG', masked, foreign[2]]);
  });

  it('refuses to take out what is not there rather than something else', async () => {
    fill([alike]);
    await expect(backend.apply(change({ remove: [drop(short)] }))).rejects.toMatchObject({ code: 'kernel-refused' });
    expect(held()).toEqual([alike]);
  });

  it('lays the guard on top of a new rule and leaves the port to whom others opened it', async () => {
    const port = guard(7393, short, long, '::1/128');
    const lines = [...[short, long, '::1/128'].map((prefix) => `-s ${prefix} `), ''].map(
      (match) => `${match}-p tcp -m tcp --dport 7393 -j ${match === '' ? 'DROP' : 'ACCEPT'}`,
    );
    const theirs = `-s ${shortest} -p tcp -m tcp --dport 7393 -j ACCEPT`;
    await backend.replace(desired({ guard: port, rules: [drop(short)] }));
    iptables(variant, `-I INPUT ${theirs}`, 6);
    await backend.apply(change({ add: [drop(long)] }));
    expect(held()).toEqual([...lines, dropLine(long), theirs, dropLine(short)]);
    await backend.replace(desired({ rules: [drop(short), drop(long)], staleGuards: [port] }));
    expect(held()).toEqual([dropLine(long), theirs, dropLine(short)]);
  });

  it('repairs the order, and takes out what is stale', async () => {
    fill([alike, ...[shortest, short, long].map(dropLine), masked, dropLine(longest)]);
    const wanted = desired({ rules: [drop(shortest), drop(short), drop(longest)], staleRules: [drop(long)] });
    await backend.replace(wanted);
    expect(held().filter((line) => [alike, masked].includes(line))).toEqual([alike, masked]);
    expect(held().filter((line) => ![alike, masked].includes(line))).toEqual([longest, short, shortest].map(dropLine));
    expect(await backend.intact(wanted)).toBe(true);
    await backend.teardown({ rules: prefixes.slice(0, 4).map((prefix) => spec(drop(prefix))), guards: [] });
    expect(held()).toEqual([alike, masked]);
  });

  it('does what the literal list does, whatever stands among ours', async () => {
    const step = fc.record({ add: fc.shuffledSubarray(prefixes), remove: fc.shuffledSubarray(prefixes) });
    const theirs = fc.array(fc.constantFrom(...foreign), { maxLength: 2 });
    const round = fc.record({ step, top: theirs, bottom: theirs });
    await fc.assert(
      fc.asyncProperty(fc.array(round, { minLength: 2, maxLength: 4 }), async (rounds) => {
        iptables(variant, '-F INPUT', 6);
        let list: string[] = [];
        for (const { step, top, bottom } of rounds) {
          fill(bottom);
          for (const line of top) {
            const input = `*filter\n-I INPUT ${line}\nCOMMIT\n`;
            execute(program(variant, 6, 'restore'), ['--noflush'], input);
          }
          list = [...top.toReversed(), ...list, ...bottom];
          const remove = step.remove.filter((prefix) => list.includes(dropLine(prefix)));
          const add = step.add.filter((prefix) => remove.includes(prefix) || !list.includes(dropLine(prefix)));
          await backend.apply(change({ remove: remove.map(drop), add: add.map(drop) }));
          list = list.filter((line) => !remove.some((prefix) => line === dropLine(prefix)));
          list = [...add.map(dropLine).toReversed(), ...list];
          expect(held()).toEqual(list);
        }
      }),
      { numRuns: 25 },
    );
  });
});

describe('while another program changes the chain in the same moment, iptables-nft', () => {
  it('refuses a change that counted on places, and repairs the order', async () => {
    clear();
    const folder = mkdtempSync(join(tmpdir(), 'rfw-alike-'));
    const flag = join(folder, 'flag');
    const other = `if [ -e ${flag} ]; then rm ${flag}; ${multi('nft')} ip6tables -I INPUT -j LOG; fi`;
    const path = plainPrograms(folder, 'nft', {
      'ip6tables-restore': `${other}\nexec ${multi('nft')} ip6tables-restore "$@"`,
    });
    try {
      const backend = await probed('nft', path);
      const rules = [short, long, '2001:db8:1::/64'].map(drop);
      await backend.apply(change({ add: rules }));
      writeFileSync(flag, '');
      await expect(backend.apply(change({ remove: [drop(short)] }))).rejects.toMatchObject({
        code: 'kernel-refused',
        message: 'Another program changed the filter table of IPv6 in the same moment',
      });
      expect(hasRepaired(await backend.replace(desired({ rules })))).toBe(true);
      expect(show('nft', 'INPUT', 6).filter((line) => !line.endsWith('LOG'))).toEqual(
        ['2001:db8:1::/64', long, short].map((prefix) => `-A INPUT ${dropLine(prefix)}`),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
