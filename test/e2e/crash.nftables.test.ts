import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Relay } from './client.fixture.ts';
import { Daemon } from './daemon.fixture.ts';
import { judge } from './judge.fixture.ts';
import { LoadClient, Sequence } from './load.fixture.ts';
import { Network } from './network.fixture.ts';
import { mustPing, PingStream, ping } from './probe.fixture.ts';
import { Program } from './program.fixture.ts';
import { storedRules } from './store.fixture.ts';
import { Table } from './table.fixture.ts';

const network = new Network();
const program = new Program();
/** Of the host and of the client. */
const links = [
  ['10.80.1.1', '10.80.1.2'],
  ['fd80::1', 'fd80::2'],
] as const;
let client = '';
let daemon: Daemon;
let table: Table;
let relay: Relay;
const streams: PingStream[] = [];

beforeAll(async () => {
  const host = await network.namespace('host');
  client = await network.namespace('client');
  await network.link(
    { namespace: client, device: 'eth0', addresses: ['10.80.1.2/24', 'fd80::2/64'] },
    { namespace: host, device: 'veth0', addresses: ['10.80.1.1/24', 'fd80::1/64'] },
  );
  daemon = new Daemon({ program, namespace: host, config: ['firewall.backend = nftables'] });
  table = new Table(host);
  relay = await Relay.start(program, host);
  await daemon.start();
});

afterAll(async () => {
  for (const stream of streams) await stream.stop();
  relay.stop();
  await daemon.kill();
  await network.close();
  program.remove();
});

describe.each([
  ['kill -9', 'kill', 8],
  ['SIGTERM', 'stop', 3],
] as const)('%s under load with nftables', (_, end, rounds) => {
  it('keeps every acknowledged rule in its order, ends every expired one, and lets no blocked packet through', async () => {
    for (const [address, blocked] of links) {
      await mustPing(client, address);
      await daemon.put(`/drop/input/any/${blocked}`);
      expect(await ping(client, address)).toBe('silence');
    }
    streams.push(...links.map(([address]) => PingStream.start(client, address)));
    const begin = performance.now();
    const sequence = new Sequence();
    const clients = Array.from({ length: 8 }, (_, number) => new LoadClient(number, sequence));
    for (let round = 1; round <= rounds; round++) {
      let stopped = false;
      const load = clients.map((one) => one.run(relay, () => stopped));
      await sleep(150 + Math.random() * 500);
      const before = await table.sets();
      await daemon[end]();
      stopped = true;
      await Promise.all(load);
      // What comes while it ends in order is told so, and not done.
      if (end === 'stop') for (const one of clients) expect(one.refusals.splice(0).filter(isOther)).toEqual([]);
      await daemon.start();
      expect((await table.sets()).join() === before.join(), 'the sets are the same').toBe(end === 'stop');
      await checkRound(clients, sequence, round);
    }
    const milliseconds = performance.now() - begin;
    for (const { sent, answered } of await Promise.all(streams.splice(0).map((stream) => stream.stop()))) {
      // One every 20 ms, or somewhat less often on a busy machine.
      expect(sent, 'the stream was worth its name').toBeGreaterThan(milliseconds / 60);
      expect(answered).toBe(0);
    }
    const acknowledged = clients.reduce((sum, one) => sum + one.acknowledged, 0);
    expect(acknowledged, 'the load was worth its name').toBeGreaterThan(rounds * 20);
    expect(daemon.log.split('\n').filter((line) => line.includes('Drift'))).toEqual([]);
    await daemon.flush();
    for (const [address] of links) await mustPing(client, address);
  });

  /** The order is what the listing says: addresses that don't overlap have none in the kernel. */
  async function checkRound(clients: readonly LoadClient[], sequence: Sequence, round: number): Promise<void> {
    const from = Date.now();
    const answer = await daemon.request('GET', '/list/input');
    const held = new Set(await table.sources());
    const to = Date.now();
    const rows = JSON.parse(answer.body) as { source: string }[];
    const blocked = new Set<string>(links.flatMap(([, address]) => address));
    const listed = rows.filter(({ source }) => !blocked.has(source)).map(({ source }) => withLength(source));
    expect(judge(clients, { sources: listed, from, to }, sequence), `round ${round}`).toEqual([]);
    const stored = [4, 6].flatMap((family) => storedRules(daemon.stateDir, family as 4 | 6));
    // Rules that end right now may be in one and not in the other.
    const lasting = stored.filter((row) => (row.expires_at ?? to + 1001) > to + 1000).map(({ source }) => source);
    expect(
      lasting.filter((source) => !held.has(source)),
      `round ${round}: missing in the kernel`,
    ).toEqual([]);
    const known = new Set([...stored.map(({ source }) => source), ...listed]);
    expect(
      [...held].filter((source) => !known.has(source)),
      `round ${round}: too much in the kernel`,
    ).toEqual([]);
  }
});

function withLength(source: string): string {
  return `${source}/${source.includes(':') ? 128 : 32}`;
}

/** Whether a refusal has another reason than that rfw is stopping. */
function isOther(refusal: string): boolean {
  return !/: 503 .*stopping/.test(refusal);
}
