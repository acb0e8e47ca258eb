import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { findCommands, isOwnProgram, ownerVariable, run } from './commands.ts';

const folder = mkdtempSync(join(tmpdir(), 'rfw-commands-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  vi.useRealTimers();
});

/** A program that is the shell script. */
function script(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
  return file;
}

describe('a program that is run', () => {
  it('reads the input and gives its output', async () => {
    expect(await run(['tr', 'a-z', 'A-Z'], 'rfw\n', 'test')).toBe('RFW\n');
  });

  it('gets its arguments as they are, past any shell', async () => {
    expect(await run(['printf', '%s|', '$(id)', '; id', 'a b'], '', 'test')).toBe('$(id)|; id|a b|');
  });

  it('gets an environment of its own, with the mark of its owner and no other variable', async () => {
    const names = (await run(['env'], '', '/var/lib/rfw'))
      .trim()
      .split('\n')
      .map((line) => line.slice(0, line.indexOf('=')));
    expect(names.toSorted()).toEqual(['LC_ALL', 'PATH', ownerVariable]);
    expect(await run(['printenv', ownerVariable], '', '/var/lib/rfw')).toBe('/var/lib/rfw\n');
  });

  it('is known by its process id while it runs and for a moment after, in which news of it may come', async () => {
    const pid = Number(await run(['sh', '-c', 'echo $$'], '', 'test'));
    expect(isOwnProgram(pid)).toBe(true);
    await vi.waitFor(() => expect(isOwnProgram(pid)).toBe(false), 1000);
  });

  it.each([
    [1, 'kernel-refused', 'first; second'],
    [2, 'kernel-refused', 'first; second'],
    [4, 'kernel-unavailable', 'first; second'],
  ])('that ends with status %d is an error %s with its reasons', async (status, code, reason) => {
    const file = script('fails', `echo first >&2; echo; echo ' second ' >&2; exit ${status}`);
    await expect(run([file], '', 'test')).rejects.toMatchObject({
      name: 'RfwError',
      code,
      message: `fails: ${reason}`,
    });
  });

  it('that says nothing is an error with its status', async () => {
    await expect(run(['false'], '', 'test')).rejects.toMatchObject({ message: 'false: exit status 1' });
  });

  it('that does not read its input is an error with its own reason, not that of a broken pipe', async () => {
    const file = script('deaf', 'echo no >&2; exit 1');
    await expect(run([file], 'x'.repeat(1 << 20), 'test')).rejects.toMatchObject({ message: 'deaf: no' });
  });

  it('that is killed is an error', async () => {
    await expect(run([script('dies', 'kill -9 $$')], '', 'test')).rejects.toMatchObject({
      code: 'kernel-unavailable',
      message: 'dies: ended by SIGKILL',
    });
  });

  it('that is not there is an error', async () => {
    await expect(run([join(folder, 'absent')], '', 'test')).rejects.toMatchObject({ code: 'kernel-unavailable' });
  });

  it('that hangs is killed', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const hanging = run([script('hangs', 'exec sleep 30')], '', 'test');
    vi.advanceTimersByTime(60_000);
    await expect(hanging).rejects.toMatchObject({
      code: 'kernel-unavailable',
      message: 'hangs: no answer within 60 s',
    });
  });

  it('that hangs in a program of its own, which keeps its output open, is given up too', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const hanging = run([script('wrapper', 'sleep 4; exit 1')], '', 'test');
    // Time for the shell to start its program.
    await run(['sleep', '0.2'], '', 'test');
    vi.advanceTimersByTime(60_000);
    vi.useRealTimers();
    const late = new Promise((resolve) => setTimeout(resolve, 1500, 'still waiting'));
    expect(await Promise.race([hanging.catch(() => 'given up'), late])).toBe('given up');
  });
});

describe('findCommands', () => {
  it('takes the programs beside iptables, of the same variant', () => {
    for (const name of ['iptables-legacy', 'iptables-legacy-save', 'iptables-legacy-restore']) script(name, 'exit 0');
    expect(findCommands(join(folder, 'iptables-legacy'))).toEqual({
      path: join(folder, 'iptables-legacy'),
      version: [join(folder, 'iptables-legacy'), '--version'],
      save: { 4: [join(folder, 'iptables-legacy-save')], 6: [join(folder, 'ip6tables-legacy-save')] },
      restore: { 4: [join(folder, 'iptables-legacy-restore')], 6: [join(folder, 'ip6tables-legacy-restore')] },
    });
  });

  it('follows links to the program that is all of iptables, so that it stays the same when they lead elsewhere', () => {
    const multi = script('xtables-nft-multi', 'exit 0');
    symlinkSync(multi, join(folder, 'fw'));
    const commands = findCommands(join(folder, 'fw'));
    expect(commands.path).toBe(multi);
    expect(findCommands(multi)).toEqual(commands);
  });

  it('says which program is missing beside it', () => {
    script('iptables', 'exit 0');
    expect(() => findCommands(join(folder, 'iptables'))).toThrow(/Could not find \S*\/iptables-save: install iptables/);
  });

  it('asks for a name that tells where the other programs are', () => {
    expect(() => findCommands(script('firewall', 'exit 0'))).toThrow(
      /iptables\.path = \S*firewall: it must be called iptables, iptables-nft or iptables-legacy, or lead to xtables/,
    );
  });
});
