import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Relay } from './client.fixture.ts';
import { Daemon } from './daemon.fixture.ts';
import { Firewall, variants } from './firewall.fixture.ts';
import { judge } from './judge.fixture.ts';
import { LoadClient, Sequence } from './load.fixture.ts';
import { Network } from './network.fixture.ts';
import { until } from './process.fixture.ts';
import { Program } from './program.fixture.ts';
import { storedRules } from './store.fixture.ts';

const network = new Network();
const program = new Program();

/** Lines of somebody else: one has the very shape of rfw's. */
const foreign = [
  '-N operator',
  '-A INPUT -s 192.0.2.200/32 -p tcp -m tcp --dport 22 -j ACCEPT',
  '-A INPUT -s 192.0.2.201/32 -j DROP',
  '-A INPUT -j operator',
  '-A operator -j RETURN',
];

afterAll(async () => {
  await network.close();
  program.remove();
});

/** The sources of the rules that the tests ask for; undefined for any other line. */
function sourceOf(line: string): string | undefined {
  return /^-A INPUT -s ((?:198\.(?:18|19)\.|2001:db8:)\S+) -j DROP$/.exec(line)?.[1];
}

describe.each(variants)('kill -9 under load with %s', (variant) => {
  const rounds = variant === 'iptables-nft' ? 12 : 6;
  let daemon: Daemon;
  let firewall: Firewall;
  let relay: Relay;

  beforeAll(async () => {
    const namespace = await network.namespace('crash');
    daemon = new Daemon({ program, namespace, iptables: variant });
    firewall = new Firewall(namespace, variant);
    relay = await Relay.start(program, namespace);
    for (const line of foreign) await firewall.change(4, line);
  });

  afterAll(async () => {
    relay.stop();
    await daemon.kill();
  });

  it('keeps every acknowledged rule in its order, ends every expired one, and leaves nothing else', async () => {
    const sequence = new Sequence();
    const clients = Array.from({ length: 8 }, (_, number) => new LoadClient(number, sequence));
    await daemon.start();
    for (let round = 1; round <= rounds; round++) {
      let stopped = false;
      const load = clients.map((client) => client.run(relay, () => stopped));
      await sleep(150 + Math.random() * 500);
      await daemon.kill();
      stopped = true;
      await Promise.all(load);
      await daemon.start();
      await checkRound(clients, sequence, round);
    }
    const acknowledged = clients.reduce((sum, client) => sum + client.acknowledged, 0);
    expect(acknowledged, 'the load was worth its name').toBeGreaterThan(rounds * 20);
  });

  it('does not take what its own crashes left half done for the doing of somebody else', () => {
    expect(daemon.log.split('\n').filter((line) => line.includes('Drift'))).toEqual([]);
  });

  async function checkRound(clients: readonly LoadClient[], sequence: Sequence, round: number): Promise<void> {
    const from = Date.now();
    const rules = await firewall.rules();
    const to = Date.now();
    const sources = rules.flatMap((line) => sourceOf(line) ?? []);
    expect(judge(clients, { sources, from, to }, sequence), `round ${round}`).toEqual([]);
    expect(
      rules.filter((line) => sourceOf(line) === undefined),
      `round ${round}: the rules of others`,
    ).toEqual(foreign);
    for (const family of [4, 6] as const) {
      // Rules that end right now may be in one and not in the other.
      const lasting = storedRules(daemon.stateDir, family).filter((row) => (row.expires_at ?? to + 1001) > to + 1000);
      const stored = new Set(lasting.map((row) => row.source));
      expect(
        sources.filter((source) => stored.has(source)),
        `round ${round}: kernel and store, IPv${family}`,
      ).toEqual(lasting.map((row) => row.source));
    }
  }
});

describe('after an end in order or not', () => {
  let daemon: Daemon;
  let firewall: Firewall;

  beforeAll(async () => {
    const namespace = await network.namespace('end');
    daemon = new Daemon({ program, namespace });
    firewall = new Firewall(namespace);
  });

  afterEach(async () => {
    await daemon.kill();
  });

  it('puts back, in its place, a rule that an operator removed by hand while it did not run, and logs the drift', async () => {
    await daemon.start();
    for (const host of [1, 2, 3]) await daemon.put(`/drop/input/any/198.18.0.${host}`);
    const before = await firewall.rules();
    await daemon.kill();
    await firewall.change(4, '-D INPUT -s 198.18.0.2 -j DROP');
    expect(daemon.log).not.toContain('Drift');
    await daemon.start();
    expect(await firewall.rules()).toEqual(before);
    expect(daemon.log).toMatch(/"level":"warn".*"missing":1.*198\.18\.0\.2.*Drift/);
  });

  it('puts everything back that another program flushed while it did not run, on both families', async () => {
    await daemon.start();
    await daemon.put('/drop/input/any/198.18.0.9');
    await daemon.put('/drop/input/any/2001:db8::9');
    const before = await firewall.rules();
    await daemon.stop();
    await firewall.change(4, '-F');
    await firewall.change(6, '-F');
    await daemon.start();
    expect(await firewall.rules()).toEqual(before);
  });

  it('repairs what another program flushed as soon as a client touches it', async () => {
    await daemon.start();
    await daemon.put('/drop/input/any/198.18.0.9');
    const before = await firewall.rules();
    await firewall.change(4, '-F');
    expect((await daemon.put('/drop/input/any/198.18.0.9')).status).toBe('exists');
    expect(await firewall.rules()).toEqual(before);
    expect(daemon.log).toContain('Drift');
  });

  it('leaves its rules enforced on SIGTERM, with exit status 0, and stops nothing halfway', async () => {
    await daemon.start();
    const before = await firewall.rules();
    const relay = await Relay.start(program, daemon.namespace);
    const sequence = new Sequence();
    const clients = Array.from({ length: 8 }, (_, number) => new LoadClient(number + 20, sequence));
    const load = clients.map((client) => client.run(relay, () => !daemon.isRunning));
    await until('the load runs', () => clients.every((client) => client.acknowledged > 3));
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    await Promise.all(load);
    relay.stop();
    const now = Date.now();
    const rules = await firewall.rules();
    expect(rules).toEqual(expect.arrayContaining(before));
    const own = new Set(clients.flatMap((client) => [...client.known.keys()]));
    const sources = rules.flatMap((line) => sourceOf(line) ?? []).filter((source) => own.has(source));
    // Nothing expires while nobody is there to end it: what has expired meanwhile may stand.
    const sighting = { sources, from: 0, to: now + 10_000 };
    for (const client of clients) client.refusals.splice(0);
    expect(judge(clients, sighting, sequence)).toEqual([]);
    await daemon.start();
    expect(await daemon.request('GET', '/list')).toMatchObject({ code: 200 });
  });
});
