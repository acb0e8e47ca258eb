import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Daemon } from './daemon.fixture.ts';
import { Firewall, variants } from './firewall.fixture.ts';
import { Network } from './network.fixture.ts';
import { foreign, type Place } from './place.fixture.ts';
import { PingStream, ping } from './probe.fixture.ts';
import { Program } from './program.fixture.ts';

const hostAddress = '10.79.1.1';
const clientAddress = '10.79.1.2';

/** What a change of the backend must do, from one packet filter to the other and back. */
export function moves(makeFrom: (namespace: string) => Place, makeTo: (namespace: string) => Place): void {
  describe(`moving from ${makeFrom('').name} to ${makeTo('').name}`, () => {
    const network = new Network();
    const program = new Program();
    let host = '';
    let client = '';
    let from: Place;
    let to: Place;
    let daemon: Daemon;

    beforeAll(async () => {
      host = await network.namespace('host');
      client = await network.namespace('client');
      await network.link(
        { namespace: client, device: 'eth0', addresses: [`${clientAddress}/24`] },
        { namespace: host, device: 'veth0', addresses: [`${hostAddress}/24`] },
      );
      from = makeFrom(host);
      to = makeTo(host);
      for (const variant of variants) await new Firewall(host, variant).change(4, foreign);
    });

    beforeEach(async () => {
      daemon = new Daemon({ program, namespace: host, config: from.config });
      await daemon.start();
      expect(await ping(client, hostAddress)).toBe('pass');
      await daemon.put(`/drop/input/any/${clientAddress}`);
      await daemon.put('/drop/input/any/2001:db8:18::1');
      await daemon.put('/accept/forward/eth0/198.18.0.3?expire=1h');
      expect(await ping(client, hostAddress)).toBe('silence');
    });

    afterEach(async () => {
      await daemon.kill();
      await daemon.flush();
      for (const variant of variants) expect(await new Firewall(host, variant).rules()).toEqual([foreign]);
    });

    afterAll(async () => {
      await network.close();
      program.remove();
    });

    it('moves every rule, says so, and lets no packet through meanwhile, there and back', async () => {
      const before = await from.held();
      const stream = PingStream.start(client, hostAddress);
      const began = performance.now();
      for (let round = 0; round < 4; round++) {
        const [target, other] = round % 2 === 0 ? [to, from] : [from, to];
        await daemon.stop();
        daemon.configure(target.config);
        await daemon.start();
        expect(await other.held()).toEqual([]);
        expect(await target.held()).not.toEqual([]);
        expect(daemon.log).toContain(`Moved 3 rules from ${shortName(other, target)} to ${shortName(target, other)}`);
        expect(daemon.stdout).toContain('  rules     3, ');
        expect((await daemon.put(`/drop/input/any/${clientAddress}`)).status).toBe('exists');
      }
      expect(daemon.log).not.toContain('Drift');
      const milliseconds = performance.now() - began;
      const { sent, answered } = await stream.stop();
      // One every 20 ms, or somewhat less often on a busy machine.
      expect(sent, 'the stream was worth its name').toBeGreaterThan(milliseconds / 60);
      expect(answered).toBe(0);
      expect([await from.held(), await to.held()]).toEqual([before, []]);
    });

    it('comes to its end whenever it is cut off', async () => {
      const stream = PingStream.start(client, hostAddress);
      for (let round = 0; round < 8; round++) {
        const [target, other] = round % 2 === 0 ? [to, from] : [from, to];
        await daemon.kill();
        daemon.configure(target.config);
        daemon.launch();
        await sleep(300 + 150 * round);
        await daemon.kill();
        await daemon.start();
        expect(await other.held(), `round ${round}`).toEqual([]);
        expect(await target.held(), `round ${round}`).not.toEqual([]);
      }
      expect((await stream.stop()).answered).toBe(0);
    });
  });
}

/** Two variants of iptables are told apart; iptables and nftables need no more than their names. */
function shortName(place: Place, other: Place): string {
  const [name = '', otherName = ''] = [place.name, other.name].map((full) => full.replace(/ .*/, ''));
  return name === otherName ? place.name : name;
}
