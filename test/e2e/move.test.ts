import { copyFileSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Daemon } from './daemon.fixture.ts';
import { moves } from './move.fixture.ts';
import { Network } from './network.fixture.ts';
import { iptables, type Place } from './place.fixture.ts';
import { Program } from './program.fixture.ts';

moves(
  (namespace) => iptables(namespace, 'iptables-nft'),
  (namespace) => iptables(namespace, 'iptables-legacy'),
);

describe('an iptables that is gone when the backend is changed', () => {
  const network = new Network();
  const program = new Program();
  const one = '-A INPUT -s 198.18.0.1/32 -j DROP';
  const two = '-A INPUT -s 198.18.0.2/32 -j DROP';
  let namespace = '';
  let nft: Place;
  let legacy: Place;
  let daemon: Daemon;
  /** The program that all of iptables-nft is. */
  let own = '';

  beforeAll(async () => {
    namespace = await network.namespace('gone');
    nft = iptables(namespace, 'iptables-nft');
    legacy = iptables(namespace, 'iptables-legacy');
  });

  beforeEach(async () => {
    const folder = program.fresh('iptables');
    mkdirSync(folder);
    own = join(folder, 'xtables-nft-multi');
    copyFileSync('/usr/sbin/xtables-nft-multi', own);
    symlinkSync(own, join(folder, 'iptables'));
    daemon = new Daemon({ program, namespace, config: [`iptables.path = ${join(folder, 'iptables')}`] });
    await daemon.start();
    await daemon.put('/drop/input/any/198.18.0.1');
    await daemon.put('/drop/input/any/198.18.0.2');
    expect(await nft.held()).toEqual([two, one]);
    await daemon.stop();
    renameSync(own, `${own}.away`);
    daemon.configure(legacy.config);
    await daemon.start();
  });

  afterEach(async () => {
    await daemon.kill();
    await daemon.flush();
    expect([await nft.held(), await legacy.held()]).toEqual([[], []]);
  });

  afterAll(async () => {
    await network.close();
    program.remove();
  });

  const restart = async (config: readonly string[]): Promise<void> => {
    await daemon.stop();
    daemon.configure(config);
    await daemon.start();
  };

  it('is told of at every start, and emptied of all that it held as soon as it is back', async () => {
    const complaint =
      /"level":"error".*What rfw has put into iptables \(nf_tables\) is still enforced there.*Could not find/g;
    expect(daemon.log.match(complaint)).toHaveLength(1);
    expect([await nft.held(), await legacy.held()]).toEqual([
      [two, one],
      [two, one],
    ]);
    await daemon.delete('/drop/input/any/198.18.0.1');
    await restart(legacy.config);
    expect(daemon.log.match(complaint)).toHaveLength(2);
    renameSync(`${own}.away`, own);
    await restart(legacy.config);
    expect([await nft.held(), await legacy.held()]).toEqual([[], [two]]);
    await restart(legacy.config);
    expect(daemon.log.match(complaint)).toHaveLength(2);
  });

  it('has lost what was deleted meanwhile when it is used again', async () => {
    await daemon.delete('/drop/input/any/198.18.0.1');
    renameSync(`${own}.away`, own);
    await restart(nft.config);
    expect([await nft.held(), await legacy.held()]).toEqual([[two], []]);
  });

  it('keeps a flush from being complete, also one of a daemon that runs, until it is back', async () => {
    const failed = /^rfw: What iptables holds could not be taken out: Could not find .+\n$/;
    const running = await daemon.flush();
    expect(running).toMatchObject({ status: 1, stderr: expect.stringMatching(failed) });
    expect(running.stdout).toMatch(/^Removed 2 rules from the filter table\nDeleted 2 stored rules/);
    await daemon.stop();
    expect(await daemon.flush()).toMatchObject({ status: 1, stdout: '', stderr: expect.stringMatching(failed) });
    expect(await nft.held()).toEqual([two, one]);
    renameSync(`${own}.away`, own);
    expect(await daemon.flush()).toMatchObject({ status: 0, stdout: 'Removed 2 rules from the filter table\n' });
  });
});

describe('a change of variant', () => {
  const network = new Network();
  const program = new Program();

  afterAll(async () => {
    await network.close();
    program.remove();
  });

  it('is none when another name leads to the same iptables', async () => {
    const namespace = await network.namespace('names');
    const nft = iptables(namespace, 'iptables-nft');
    const daemon = new Daemon({ program, namespace, config: nft.config });
    try {
      await daemon.start();
      await daemon.put('/drop/input/any/198.18.0.1');
      await daemon.stop();
      const links = program.fresh('links');
      mkdirSync(links);
      const wrapper = join(links, 'iptables');
      symlinkSync('/usr/sbin/xtables-nft-multi', wrapper);
      daemon.configure([`iptables.path = ${wrapper}`]);
      await daemon.start();
      expect(await nft.held()).toEqual(['-A INPUT -s 198.18.0.1/32 -j DROP']);
      expect(daemon.log).not.toContain('Moved ');
      expect(daemon.log).not.toContain('Drift');
    } finally {
      await daemon.kill();
    }
  });

  it('takes the state of an rfw that noted no backends for one of the iptables in use', async () => {
    const namespace = await network.namespace('former');
    const nft = iptables(namespace, 'iptables-nft');
    const daemon = new Daemon({ program, namespace, config: nft.config });
    try {
      await daemon.start();
      await daemon.put('/drop/input/any/198.18.0.1');
      await daemon.stop();
      const db = new DatabaseSync(join(daemon.stateDir, 'rfw.db'));
      db.exec("DELETE FROM meta WHERE key = 'holders'");
      db.close();
      expect(await daemon.flush()).toMatchObject({ stdout: expect.stringMatching(/^Removed 1 rule from/) });
      expect(await nft.held()).toEqual([]);
    } finally {
      await daemon.kill();
    }
  });
});
