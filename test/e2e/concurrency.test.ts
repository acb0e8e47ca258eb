import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Connection, Relay } from './client.fixture.ts';
import { outcomeOf } from './curl.fixture.ts';
import { Daemon } from './daemon.fixture.ts';
import { Firewall, variants } from './firewall.fixture.ts';
import { judge } from './judge.fixture.ts';
import { LoadClient, Sequence } from './load.fixture.ts';
import { Network } from './network.fixture.ts';
import { Program } from './program.fixture.ts';
import { storedRules } from './store.fixture.ts';

const network = new Network();
const program = new Program();

afterAll(async () => {
  await network.close();
  program.remove();
});

/** The sources of the rules on input, top to bottom, IPv4 first. */
function sourcesOf(rules: readonly string[]): string[] {
  return rules.flatMap((line) => /^-A INPUT -s (\S+) -j DROP$/.exec(line)?.[1] ?? []);
}

describe.each(variants)('with %s', (variant) => {
  let daemon: Daemon;
  let firewall: Firewall;
  let relay: Relay;

  beforeEach(async () => {
    const namespace = await network.namespace('busy');
    daemon = new Daemon({ program, namespace, iptables: variant });
    firewall = new Firewall(namespace, variant);
    relay = await Relay.start(program, namespace);
    await daemon.start();
  });

  afterEach(async () => {
    relay.stop();
    await daemon.kill();
  });

  it('brings 2,000 concurrent PUTs and DELETEs from 50 connections to the state they ask for, order included', async () => {
    const sequence = new Sequence();
    const clients = Array.from({ length: 50 }, (_, number) => new LoadClient(number, sequence));
    await Promise.all(
      clients.map((client) => client.run(relay, () => client.acknowledged + client.refusals.length >= 40)),
    );
    expect(clients.reduce((sum, client) => sum + client.acknowledged, 0)).toBe(2000);
    const from = Date.now();
    const sources = sourcesOf(await firewall.rules());
    const to = Date.now();
    expect(judge(clients, { sources, from, to }, sequence)).toEqual([]);
    await sameEverywhere();
  });

  /** Kernel, listing and store must hold the same in the same order; but for rules that end right now. */
  async function sameEverywhere(): Promise<void> {
    const answer = await daemon.request('GET', '/list/input');
    const rows = JSON.parse(answer.body) as { source: string; num: string }[];
    const rules = await firewall.rules();
    const later = Date.now() + 1000;
    for (const family of [4, 6] as const) {
      const lasting = storedRules(daemon.stateDir, family).filter((row) => (row.expires_at ?? later + 1) > later);
      const stored = lasting.map((row) => row.source);
      const known = new Set(stored);
      expect(sourcesOf(rules).filter((source) => known.has(source))).toEqual(stored);
      const listed = rows.map((row) => `${row.source}${row.source.includes(':') ? '/128' : '/32'}`);
      expect(listed.filter((source) => known.has(source))).toEqual(stored);
    }
  }

  it('ends 1,000 rules that expire together within a second of their time', async () => {
    // A rule that stays, for what stands below it must not matter.
    await daemon.put('/drop/input/any/198.51.100.1');
    const answers = await Promise.all(
      Array.from({ length: 1000 }, async (_, number) => {
        const connection = new Connection(relay);
        const low = number >> 1;
        const target = number % 2 === 0 ? `198.18.${low >> 8}.${low & 255}` : `2001:db8::${low.toString(16)}`;
        const answer = await connection.request('PUT', `/drop/input/any/${target}?expire=5`);
        connection.close();
        return answer;
      }),
    );
    const ends = answers.map((answer) => Date.parse(outcomeOf(answer).rule.expiresAt ?? answer.body));
    const { lastSeen } = await watch((sources) => sources.length > 1, Math.max(...ends) + 10_000);
    expect(lastSeen - Math.max(...ends), 'milliseconds after the last one').toBeLessThan(1000);
    expect(sourcesOf(await firewall.rules())).toEqual(['198.51.100.1/32']);
    expect(storedRules(daemon.stateDir, 4)).toHaveLength(1);
  });

  it('ends a rule within 250 ms of its time, and not before', async () => {
    for (const address of ['198.18.0.7', '2001:db8::7', '198.18.0.8']) {
      const { rule } = await daemon.put(`/drop/input/any/${address}?expire=1`);
      const end = Date.parse(rule.expiresAt ?? '');
      const { lastSeen, firstMissed } = await watch((sources) => sources.length > 0, end + 10_000);
      expect(lastSeen - end, 'milliseconds too late').toBeLessThanOrEqual(250);
      expect(firstMissed - end, 'milliseconds too early').toBeGreaterThanOrEqual(0);
    }
  });

  /**
   * Reads the kernel again and again while rules stand. A read takes some time, and what it shows was so at some moment of
   * it: what it still shows had not ended when it began, and what it doesn't show had ended when it was done.
   * @returns when the last read began that found them, and when the first was done that didn't
   */
  async function watch(
    stand: (sources: readonly string[]) => boolean,
    deadline: number,
  ): Promise<{ lastSeen: number; firstMissed: number }> {
    let lastSeen = 0;
    for (;;) {
      const begin = Date.now();
      const sources = sourcesOf(await firewall.rules());
      if (!stand(sources)) return { lastSeen, firstMissed: Date.now() };
      lastSeen = begin;
      if (begin > deadline) throw new Error(`${sources.length} rules still stand`);
    }
  }
});
