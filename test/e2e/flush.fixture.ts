import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Daemon } from './daemon.fixture.ts';
import { Firewall, variants } from './firewall.fixture.ts';
import { Network, runIn } from './network.fixture.ts';
import { outwardServer } from './outward.fixture.ts';
import { foreign, type Place } from './place.fixture.ts';
import { Program } from './program.fixture.ts';

const guardBack = 'The guard comes back with the next rule, with SIGHUP or a restart';
const paths = [
  '/drop/input/any/198.18.0.1',
  '/reject/output/any/198.18.0.2',
  '/accept/forward/eth0/198.18.0.3',
  '/drop/input/any/2001:db8:18::1?expire=1h',
];

/** What `rfw --flush` must do, wherever the rules are. @param hide runs a command line so that the kernel can't be asked */
export function flushes(name: string, place: (namespace: string) => Place, hide: readonly string[]): void {
  describe(`rfw --flush with ${name}`, () => {
    const network = new Network();
    const program = new Program();
    const daemons: Daemon[] = [];
    let namespace = '';
    let filter: Place;
    let outward: readonly string[] = [];

    beforeAll(async () => {
      namespace = await network.namespace('flush');
      filter = place(namespace);
      outward = await outwardServer(program);
      for (const variant of variants) await new Firewall(namespace, variant).change(4, foreign);
    });

    afterEach(async () => {
      for (const daemon of daemons.splice(0)) {
        await daemon.kill();
        await daemon.flush();
      }
      expect(await others()).toEqual([foreign, foreign]);
    });

    afterAll(async () => {
      await network.close();
      program.remove();
    });

    /** What stands in the filter tables besides what rfw has put there. */
    async function others(): Promise<string[]> {
      return (await Promise.all(variants.map((variant) => new Firewall(namespace, variant).rules()))).flat();
    }

    /** A daemon with four rules and the guard of its outward port. */
    async function filled(stateDir?: string): Promise<Daemon> {
      const config = [...filter.config, ...outward];
      const daemon = new Daemon({ program, namespace, config, ...(stateDir === undefined ? {} : { stateDir }) });
      daemons.push(daemon);
      await daemon.start();
      for (const path of paths) await daemon.put(path);
      expect(await filter.held()).not.toEqual([]);
      return daemon;
    }

    it('empties a daemon that runs, which brings the guard back with the next rule', async () => {
      const daemon = await filled();
      const deleted = 'Deleted 4 stored rules: no start brings them back';
      expect(await daemon.flush()).toMatchObject({
        status: 0,
        stdout: [...filter.removed(4), deleted, guardBack, ''].join('\n'),
        stderr: '',
      });
      expect(await filter.held()).toEqual([]);
      expect(await daemon.request('GET', '/list')).toMatchObject({ code: 200 });
      expect((await daemon.delete(paths[0] ?? '')).status).toBe('absent');
      expect(await filter.held()).toEqual([]);
      expect((await daemon.put(paths[0] ?? '')).status).toBe('created');
      expect(await daemon.flush()).toMatchObject({ stdout: expect.stringContaining('Deleted 1 stored rule: ') });
      expect(await filter.held()).toEqual([]);
    });

    it('leaves a daemon that runs able to bring the guard back on SIGHUP, and at its restart', async () => {
      const daemon = await filled();
      await daemon.flush();
      expect(await daemon.reload()).toContain('"Reloaded');
      expect(await filter.held()).not.toEqual([]);
      await daemon.flush();
      await daemon.stop();
      expect(await filter.held()).toEqual([]);
      await daemon.start();
      expect(await filter.held()).not.toEqual([]);
      expect(daemon.stdout).toContain('  rules     0, ');
    });

    it('reaches a daemon whose state folder has a path longer than a socket address', async () => {
      const daemon = await filled(join(program.fresh('state'), 'x'.repeat(150)));
      expect(await daemon.flush()).toMatchObject({ status: 0, stderr: '' });
      expect(await filter.held()).toEqual([]);
    });

    it.each(['stop', 'kill'] as const)('empties the kernel and the store after a daemon has ended: %s', async (end) => {
      const daemon = await filled();
      await daemon[end]();
      expect(await filter.held()).not.toEqual([]);
      const lines = [...filter.removed(4), 'Deleted 4 stored rules: no start brings them back', ''];
      expect(await daemon.flush()).toMatchObject({ status: 0, stdout: lines.join('\n'), stderr: '' });
      expect(await filter.held()).toEqual([]);
      expect(await daemon.flush()).toMatchObject({ status: 0, stdout: 'Nothing of rfw was in the kernel\n' });
      await daemon.start();
      expect(daemon.stdout).toContain('  rules     0, ');
    });

    it('keeps the rules when the kernel can not be asked, and says so', async () => {
      const daemon = await filled();
      await daemon.stop();
      const { status, stdout, stderr } = await daemon.flush(hide);
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expect(stderr).toMatch(/^rfw: What (iptables|nftables) holds could not be taken out: .+\n$/);
      await daemon.start();
      expect(daemon.stdout).toContain('  rules     4, ');
    });

    it('is for those only who may change the firewall', async () => {
      const daemon = await filled();
      const before = await filter.held();
      const { status, stdout, stderr } = await daemon.flush(['setpriv', '--bounding-set=-net_admin']);
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expect(stderr).toMatch(/^rfw: .*CAP_NET_ADMIN.*\n$/);
      expect(await filter.held()).toEqual(before);
    });

    it('finds nothing where rfw has never run, and leaves nothing behind', async () => {
      const daemon = new Daemon({ program, namespace, config: filter.config });
      expect(await daemon.flush()).toMatchObject({ status: 0, stdout: 'Nothing of rfw was in the kernel\n' });
      const { status } = await runIn(namespace, 'test', '-e', daemon.stateDir);
      expect(status).toBe(1);
    });
  });
}
