import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IptablesBackend } from '../../src/backends/iptables/iptables.ts';
import { change, desired, guard, readAll } from '../../src/backends/rule.fixture.ts';
import {
  clear,
  execute,
  iptables,
  multi,
  newOwner,
  plainPrograms,
  probed,
  program,
  show,
  start,
  variants,
} from './iptables.fixture.ts';

let folder = '';

beforeEach(() => {
  clear();
  folder = mkdtempSync(join(tmpdir(), 'rfw-programs-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function link(name: string, target: string): string {
  symlinkSync(target, join(folder, name));
  return join(folder, name);
}

const rule = 'drop input any any 10.0.0.1/32 any';
const six = 'drop input any any 2001:db8::1/128 any';
const line = '-A INPUT -s 10.0.0.1/32 -j DROP';

describe.each(variants)('iptables.path with iptables-%s', (variant) => {
  it.each<[string, () => string]>([
    ['a name on the PATH', () => program(variant, 4)],
    ['an absolute path', () => `/usr/sbin/${program(variant, 4)}`],
    ['a folder of links under the usual names', () => plainPrograms(folder, variant)],
    ['a link under another name to the program of all applets', () => link('firewall', multi(variant))],
    ['a link under another name to iptables', () => link('firewall', `/usr/sbin/${program(variant, 4)}`)],
    ['a link called iptables, alone in its folder', () => link('iptables', `/usr/sbin/${program(variant, 4)}`)],
    ['the program of all applets itself', () => multi(variant)],
  ])('may be %s', async (_, path) => {
    const backend = new IptablesBackend({ path: path(), owner: newOwner() });
    const kind = variant === 'nft' ? 'nf_tables' : 'legacy';
    expect(await backend.probe()).toEqual({
      summary: expect.stringContaining(`(${kind})`),
      shortcomings: [],
      ipv6: true,
      lists: true,
    });
    await backend.apply(change({ add: [rule, six] }));
    expect(show(variant)).toEqual([line]);
    expect(show(variant, 'INPUT', 6)).toEqual(['-A INPUT -s 2001:db8::1/128 -j DROP']);
    expect(show(variant === 'nft' ? 'legacy' : 'nft')).toEqual([]);
  });

  it.each<[string, () => string, RegExp]>([
    [
      'does not exist',
      () => 'no-such-iptables',
      /Could not find no-such-iptables: install iptables .* or correct iptables.path/,
    ],
    ['does not exist in its folder', () => join(folder, 'iptables'), /Could not find \S*iptables: install iptables/],
    ['is another program', () => '/bin/true', /iptables\.path = \/bin\/true: it must be called iptables/],
    [
      'leads to another program',
      () => link('firewall', '/bin/true'),
      /iptables\.path = \S*firewall: it must be called/,
    ],
    ['is not a program', () => '/etc/passwd', /Could not find \/etc\/passwd/],
  ])('that %s gives a clear error', async (_, path, message) => {
    const backend = new IptablesBackend({ path: path(), owner: newOwner() });
    await expect(backend.probe()).rejects.toMatchObject({
      code: 'kernel-unavailable',
      message: expect.stringMatching(message),
    });
    await expect(backend.apply(change({ add: [rule] }))).rejects.toMatchObject({ code: 'kernel-unavailable' });
  });
});

describe.each(variants)('without an ip6tables that works, iptables-%s', (variant) => {
  const broken = { 'ip6tables-save': 'echo "no IPv6 here" >&2; exit 3', 'ip6tables-restore': 'exit 3' };

  it('says so, refuses IPv6 rules as unsupported, and leaves those that are kept out of what it enforces', async () => {
    const backend = new IptablesBackend({ path: plainPrograms(folder, variant, broken), owner: newOwner() });
    expect(await backend.probe()).toEqual({
      summary: expect.stringContaining('no IPv6 here'),
      shortcomings: [expect.stringContaining('no IPv6 here')],
      ipv6: false,
      lists: true,
    });
    const refused = { code: 'unsupported' };
    await expect(backend.apply(change({ add: [rule, six] }))).rejects.toMatchObject(refused);
    await backend.apply(change({ remove: [six] }));
    expect(show(variant)).toEqual([]);
    await backend.replace(desired({ rules: [rule, six] }));
    expect(show(variant)).toHaveLength(1);
  });

  it('refuses to say that an IPv6 rule still stands', async () => {
    const backend = await probed(variant, plainPrograms(folder, variant, broken));
    await expect(backend.apply(change({ refresh: [six] }))).rejects.toMatchObject({ name: 'RfwError' });
  });

  it('enforces IPv4 rules and a guard that names IPv6 addresses', async () => {
    const backend = await probed(variant, plainPrograms(folder, variant, broken));
    await backend.apply(change({ add: [rule] }));
    await backend.replace(desired({ rules: [rule], guard: guard(7393, '::1'), staleRules: [six] }));
    expect(show(variant, 'INPUT')).toEqual(['-A INPUT -p tcp -m tcp --dport 7393 -j DROP', line]);
    expect((await readAll(backend)).map(({ position }) => position)).toEqual([2]);
  });
});

describe.each(variants)('when something goes wrong on the way, iptables-%s', (variant) => {
  it('undoes the IPv4 part of a change whose IPv6 part dies', async () => {
    const path = plainPrograms(folder, variant, {
      'ip6tables-restore': 'case "$*" in *--test*) exit 0;; esac; kill -9 $$',
    });
    const backend = await probed(variant, path);
    iptables(variant, '-A INPUT -s 10.0.0.7 -j LOG');
    iptables(variant, '-A INPUT -s 10.0.0.1 -j DROP');
    const before = show(variant);
    const refused = change({ add: ['drop input any any 10.0.0.2 any', six], remove: [rule] });
    await expect(backend.apply(refused)).rejects.toMatchObject({
      code: 'kernel-unavailable',
      message: 'ip6tables-restore: ended by SIGKILL',
    });
    expect(show(variant)).toEqual(before);
  });

  it('does not bring back a foreign rule that its owner deletes while a change is undone', async () => {
    const own = `/usr/sbin/${program(variant, 4)} -w 5 -D INPUT -s 10.0.0.7/32 -j LOG`;
    const path = plainPrograms(folder, variant, {
      'ip6tables-restore': `case "$*" in *--test*) exit 0;; esac; ${own}; exit 1`,
    });
    const backend = await probed(variant, path);
    iptables(variant, '-A INPUT -s 10.0.0.7 -j LOG');
    iptables(variant, '-A INPUT -s 10.0.0.1 -j DROP');
    await expect(backend.apply(change({ add: [six], remove: [rule] }))).rejects.toMatchObject({
      code: 'kernel-refused',
    });
    expect(show(variant)).toEqual([line]);
  });

  it('does not call it a refusal, which changes nothing, when what was done could not be undone', async () => {
    const done = join(folder, 'done');
    const path = plainPrograms(folder, variant, {
      'iptables-restore': `case "$*" in *--test*) exit 0;; esac
        [ ! -e ${done} ] || { echo worn out >&2; exit 1; }
        touch ${done}; exec ${multi(variant)} iptables-restore "$@"`,
      'ip6tables-restore': 'case "$*" in *--test*) exit 0;; esac; echo "no such line" >&2; exit 1',
    });
    const backend = await probed(variant, path);
    const error: unknown = await backend.apply(change({ add: [rule, six] })).catch((reason: unknown) => reason);
    expect(show(variant)).toEqual([line]);
    expect(error).toMatchObject({ code: 'kernel-unavailable' });
  });

  it('leaves everything as it was when its iptables-restore dies half way through its input', async () => {
    const path = plainPrograms(folder, variant, {
      'iptables-restore': `case "$*" in *--test*) exit 0;; esac; head -n 3 | ${multi(variant)} iptables-restore "$@"`,
    });
    const backend = await probed(variant, path);
    const two = change({ add: [rule, 'drop input any any 10.0.0.2 any', 'drop input any any 10.0.0.3 any'] });
    await expect(backend.apply(two)).rejects.toMatchObject({ code: 'kernel-refused', message: /COMMIT expected/ });
    expect(show(variant)).toEqual([]);
  });

  it('puts a missing rule in its place also when somebody inserts a line meanwhile', async () => {
    const once = join(folder, 'inserted');
    const insert = `/usr/sbin/${program(variant, 4)} -w 5 -I INPUT -s 10.0.0.7/32 -j LOG`;
    const path = plainPrograms(folder, variant, {
      'iptables-restore': `case "$*" in *--test*) exit 0;; esac
        [ -e ${once} ] || { touch ${once}; ${insert}; }
        exec ${multi(variant)} iptables-restore "$@"`,
    });
    for (const host of ['10.0.0.1', '10.0.0.3']) iptables(variant, `-I INPUT -s ${host} -j DROP`);
    const backend = await probed(variant, path);
    await backend.replace(desired({ rules: [1, 2, 3].map((host) => `drop input any any 10.0.0.${host} any`) }));
    const hosts = show(variant).flatMap((row) => /-s (10\.0\.0\.[123])\/32 -j DROP/.exec(row)?.[1] ?? []);
    expect(hosts).toEqual(['10.0.0.3', '10.0.0.2', '10.0.0.1']);
  });

  it('waits at the probe until the programs of an earlier run have ended, and for nobody else', async () => {
    const owner = newOwner();
    const other = start('sleep', ['20'], { RFW_OWNER: `${owner}-other` });
    const orphan = start('sleep', ['0.6'], { RFW_OWNER: owner });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await new IptablesBackend({ path: program(variant, 4), owner }).probe();
    expect(orphan.exitCode).toBe(0);
    expect(other.exitCode).toBe(null);
    other.kill();
  });
});

describe('iptables-nft beside rules of nft that it can not show', () => {
  it('refuses to read or to replace, rather than to take the table for empty', async () => {
    const backend = await probed('nft');
    await backend.apply(change({ add: [rule] }));
    execute('nft', [
      'add',
      'rule',
      'ip',
      'filter',
      'INPUT',
      'ip',
      'saddr',
      '10.0.0.9',
      'quota',
      'over',
      '5',
      'bytes',
      'drop',
    ]);
    try {
      await expect(readAll(backend)).rejects.toMatchObject({ name: 'RfwError', message: /incompatible/ });
      await expect(backend.replace(desired({ rules: [rule] }))).rejects.toMatchObject({ message: /incompatible/ });
      expect(execute('nft', ['list', 'chain', 'ip', 'filter', 'INPUT']).match(/saddr 10\.0\.0\.1 /g)).toHaveLength(1);
    } finally {
      execute('nft', ['delete', 'table', 'ip', 'filter']);
    }
  });
});
