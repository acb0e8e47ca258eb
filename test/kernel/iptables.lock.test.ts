import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { IptablesBackend } from '../../src/backends/iptables/iptables.ts';
import { change, readAll } from '../../src/backends/rule.fixture.ts';
import { clear, execute, multi, newOwner, plainPrograms, probed, show, start } from './iptables.fixture.ts';

const lock = '/run/xtables.lock';

/** Another program that holds the xtables lock for some seconds. */
async function holdLock(seconds: number) {
  const holder = start('flock', ['--no-fork', lock, 'sleep', String(seconds)]);
  await sleep(150);
  return holder;
}

describe('while another program holds the xtables lock, iptables-legacy', () => {
  beforeAll(() => {
    // The lock of this mount namespace alone: programs of the host must not wait for these tests.
    const own = join(mkdtempSync(join(tmpdir(), 'rfw-lock-')), 'xtables.lock');
    writeFileSync(own, '');
    writeFileSync(lock, '', { flag: 'a' });
    execute('mount', ['--bind', own, lock]);
  });
  afterAll(() => {
    execute('umount', [lock]);
  });
  beforeEach(clear);

  it('waits for it, then does the change', async () => {
    const backend = await probed('legacy');
    const holder = await holdLock(1);
    const held = once(holder, 'exit');
    const applied = backend.apply(change({ add: ['drop input any any 10.0.0.1 any'] }));
    await sleep(200);
    expect(holder.exitCode).toBe(null);
    await applied;
    await held;
    expect(show('legacy')).toEqual(['-A INPUT -s 10.0.0.1/32 -j DROP']);
  });

  it('gives up after a while, says why and changes nothing', async () => {
    // The wait of ten seconds, made one.
    const shorter = `exec ${multi('legacy')} iptables-restore $(echo "$*" | sed 's/-w 10$/-w 1/')`;
    const folder = mkdtempSync(join(tmpdir(), 'rfw-lock-'));
    const backend = await probed('legacy', plainPrograms(folder, 'legacy', { 'iptables-restore': shorter }));
    const holder = await holdLock(5);
    const ended = once(holder, 'exit');
    await expect(backend.apply(change({ add: ['drop input any any 10.0.0.1 any'] }))).rejects.toMatchObject({
      code: 'kernel-unavailable',
      message: expect.stringContaining('xtables lock'),
    });
    expect(holder.exitCode).toBe(null);
    holder.kill();
    await ended;
    expect(await readAll(backend)).toEqual([]);
  });

  it('is not taken for broken by the probe', async () => {
    const holder = await holdLock(1);
    const held = once(holder, 'exit');
    const backend = new IptablesBackend({ path: 'iptables-legacy', owner: newOwner() });
    expect(await backend.probe()).toMatchObject({ ipv6: true });
    await held;
  });
});
