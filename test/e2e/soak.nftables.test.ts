import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Api } from './api.fixture.ts';
import { Relay } from './client.fixture.ts';
import { Follower } from './follower.fixture.ts';
import { residentOf } from './memory.fixture.ts';
import { outwardServer } from './outward.fixture.ts';
import { until } from './process.fixture.ts';
import { Program } from './program.fixture.ts';
import { Service } from './service.fixture.ts';
import { SoakClient } from './soak-client.fixture.ts';
import { storedExpiries } from './store.fixture.ts';

/** How long the clients ask. For minutes by hand: npm run soak, or SOAK_SECONDS=600 npm run soak */
const seconds = Number(process.env['SOAK_SECONDS'] ?? 10);

/** The longest time between two restarts, of which there are none in the last half: memory shows only in a process that goes on. */
const betweenRestarts = Math.min(seconds / 4, 20);

const program = new Program();
let service: Service;
const relays: Relay[] = [];
let follower: Follower;

beforeAll(async () => {
  service = await Service.start('soak', { program, config: await outwardServer(program) });
  for (const port of [7390, 7393]) relays.push(await Relay.start(program, service.namespace, port));
  follower = new Follower(service.api);
});

afterAll(async () => {
  follower.stop();
  for (const relay of relays) relay.stop();
  await service.close();
});

/** Every door. */
function doors(): Api[] {
  const [local = '', outward = ''] = relays.map(({ socketPath }) => socketPath);
  const authorization = `Basic ${Buffer.from('central:s3cret').toString('base64')}`;
  return [
    service.api,
    new Api(local, { headers: { host: 'localhost:7390' } }),
    new Api(outward, { headers: { host: 'localhost:7393', authorization }, secure: true }),
  ];
}

/** Restarts the daemon, in order or not, now and then. @returns how often */
async function restart(end: number): Promise<number> {
  for (let restarts = 0; ; restarts++) {
    await sleep(1000 * betweenRestarts * (0.5 + Math.random() / 2));
    if (performance.now() > end) return restarts;
    await service.daemon[restarts % 2 === 0 ? 'kill' : 'stop']();
    await service.daemon.start();
  }
}

/** Notes the memory of the daemon, in MB, once a second. */
async function watchMemory(samples: number[], isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await sleep(1000);
    try {
      const megabytes = residentOf(service.daemon.pid);
      if (megabytes > 0) samples.push(Math.round(megabytes));
    } catch {
      // Between two processes.
    }
  }
}

/** The median and the longest time of each operation, in milliseconds. */
function timesOf(clients: readonly SoakClient[]): string {
  const names = [...new Set(clients.flatMap(({ times }) => [...times.keys()]))];
  return names
    .map((name) => {
      const times = clients.flatMap((client) => client.times.get(name) ?? []).toSorted((a, b) => a - b);
      return `${name} ${times.length}: ${Math.round(times[times.length >> 1] ?? 0)}, ${Math.round(times.at(-1) ?? 0)} ms`;
    })
    .join('; ');
}

it(
  'holds in kernel, store and what the events tell the same, whatever it is asked for at once, over restarts',
  async () => {
    const end = performance.now() + 1000 * seconds;
    const isOver = (): boolean => performance.now() > end;
    const clients = [...doors(), ...doors()].map((api) => new SoakClient(api));
    const memory: number[] = [];
    const [restarts] = await Promise.all([
      restart(performance.now() + 500 * seconds),
      watchMemory(memory, isOver),
      ...clients.map((client) => client.run(isOver)),
    ]);
    const answered = clients.reduce((sum, client) => sum + client.answered, 0);
    // biome-ignore lint/suspicious/noConsole: whoever runs it for minutes wants to see how times and memory went.
    console.log(
      `Answered ${answered}, changes ${follower.last}, restarts ${restarts}\n${timesOf(clients)}\nMB each second: ${memory.join(' ')}`,
    );
    expect(clients.flatMap(({ faults }) => faults)).toEqual([]);
    expect(answered).toBeGreaterThan(seconds);
    await settle();
    expect(follower.faults).toEqual([]);
    const lasting = new Map(
      [...follower.rules].filter(([, expiresAt]) => expiresAt === null || expiresAt > Date.now() + 60_000),
    );
    expect(
      [...follower.rules.keys()].filter((key) => !lasting.has(key)),
      'over, and still there',
    ).toEqual([]);
    expect(storedExpiries(service.daemon.stateDir)).toEqual(lasting);
    expect((await service.table.held()).keys.toSorted()).toEqual([...lasting.keys()].toSorted());
    expect(await service.table.lists()).toEqual(await service.lists());
    expect(Math.max(...memory), 'MB').toBeLessThan(400);
  },
  1000 * (seconds + 90),
);

/** Waits until what was short has ended, and the follower knows of everything; the whitelist is then what its file says. */
async function settle(): Promise<void> {
  const { api } = service;
  const { items } = await api.must<{ items: { entry: string }[] }>('GET', '/v1/whitelist');
  for (const { entry } of items.filter(({ entry }) => entry.startsWith('198.18.')))
    await api.must('DELETE', `/v1/whitelist?entry=${entry}`);
  await sleep(3500);
  await until('nothing waits to be confirmed', async () => {
    const { items } = await service.api.must<{ items: unknown[] }>('GET', '/v1/confirmations');
    return items.length === 0;
  });
  await until('the follower has it all', async () => {
    const { last } = await service.api
      .must<{ last: number }>('GET', '/v1/changes?since=0&limit=1')
      .catch(() => ({ last: -1 }));
    return last === follower.last;
  });
}
