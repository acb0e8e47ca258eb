import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Daemon } from './daemon.fixture.ts';
import { fill, smallDisk } from './disk.fixture.ts';
import { Firewall } from './firewall.fixture.ts';
import { Network } from './network.fixture.ts';
import { run, until } from './process.fixture.ts';
import { Program } from './program.fixture.ts';

const network = new Network();
const program = new Program();
let namespace = '';
let firewall: Firewall;

beforeAll(async () => {
  namespace = await network.namespace('disk');
  firewall = new Firewall(namespace);
});

afterAll(async () => {
  await network.close();
  program.remove();
});

describe('with the state on a full disk', () => {
  let disk = '';
  let daemon: Daemon;

  beforeEach(async () => {
    disk = await smallDisk(program);
    daemon = new Daemon({ program, namespace, stateDir: join(disk, 'state') });
    await daemon.start();
  });

  afterEach(async () => {
    rmSync(join(disk, 'ballast'), { force: true });
    await daemon.kill();
    await run('umount', ['-l', disk]);
    await firewall.change(4, '-F');
  });

  /** Takes all space, and asks for rules until one is refused: some still fit into pages that SQLite has already. */
  async function exhaust(): Promise<void> {
    let host = 0;
    fill(join(disk, 'ballast'));
    await until('a request is refused', async () => {
      const { code } = await daemon.request('PUT', `/drop/input/any/198.19.0.${++host}`);
      return code !== 200;
    });
  }

  it('answers 503 with the reason, changes nothing in the kernel, and recovers when there is space', async () => {
    await daemon.put('/drop/input/any/198.18.0.1');
    await exhaust();
    const before = await firewall.rules();
    const refused = await daemon.request('PUT', '/drop/input/any/198.18.0.2');
    expect(refused.code).toBe(503);
    expect(refused.body).toMatch(/^ERROR: .*(disk|space|full)/i);
    expect((await daemon.request('PUT', '/drop/input/any/2001:db8::2')).code).toBe(503);
    expect((await daemon.request('DELETE', '/drop/input/any/198.18.0.1')).code).toBe(503);
    expect(await firewall.rules()).toEqual(before);
    rmSync(join(disk, 'ballast'));
    expect((await daemon.put('/drop/input/any/198.18.0.2')).status).toBe('created');
    expect((await daemon.delete('/drop/input/any/198.18.0.1')).status).toBe('deleted');
    await daemon.kill();
    const after = await firewall.rules();
    await daemon.start();
    expect(await firewall.rules()).toEqual(after);
    expect(after).toContain('-A INPUT -s 198.18.0.2/32 -j DROP');
    expect(after).not.toContain('-A INPUT -s 198.18.0.1/32 -j DROP');
  });

  it('ends a rule whose time is up, and keeps it ended', async () => {
    await daemon.put('/drop/input/any/198.18.0.3?expire=3');
    const end = Date.now() + 3000;
    await exhaust();
    await sleep(Math.max(0, end + 1000 - Date.now()));
    const seen = new Set<boolean>();
    while (Date.now() < end + 3500) seen.add((await firewall.rulesOf(4)).join().includes('198.18.0.3'));
    expect([...seen]).toEqual([false]);
  });
});

describe('when the log can not be written', () => {
  it('answers for what it has done, follows SIGHUP, and stops in order on a full disk', async () => {
    const disk = await smallDisk(program);
    const daemon = new Daemon({ program, namespace, logfile: join(disk, 'rfw.log') });
    await daemon.start();
    try {
      await daemon.put('/drop/input/any/198.18.0.4?expire=2');
      fill(join(disk, 'ballast'));
      const codes = new Set<number>();
      // Enough lines to use up the last page of the file, which is larger than what it holds.
      for (let host = 10; host < 50; host++) {
        codes.add((await daemon.request('PUT', `/drop/input/any/198.18.0.${host}`)).code);
      }
      expect([...codes]).toEqual([200]);
      await until('the expired rule is gone', async () => !(await firewall.rulesOf(4)).join().includes('198.18.0.4/'));
      daemon.signal('SIGHUP');
      await daemon.put('/drop/input/any/198.18.0.50');
      expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    } finally {
      await daemon.kill();
      await run('umount', ['-l', disk]);
      await firewall.change(4, '-F');
    }
  });

  it('survives that its console goes away', async () => {
    const daemon = new Daemon({ program, namespace });
    await daemon.start();
    try {
      daemon.hangUpConsole();
      // Errors go to the console too.
      daemon.allow(['nonsense']);
      expect(await daemon.reload()).toContain('Reload failed');
      expect(await daemon.request('GET', '/list')).toMatchObject({ code: 200 });
    } finally {
      await daemon.kill();
    }
  });
});
