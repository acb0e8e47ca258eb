import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Relay } from './client.fixture.ts';
import { IdleClients } from './idle.fixture.ts';
import { residentOf } from './memory.fixture.ts';
import { outwardServer } from './outward.fixture.ts';
import { Peer } from './peer.fixture.ts';
import { until } from './process.fixture.ts';
import { Program } from './program.fixture.ts';
import { Service } from './service.fixture.ts';

const program = new Program();
let service: Service;
const relays: Relay[] = [];
const idle: IdleClients[] = [];
const slow: SlowClient[] = [];
const count = 10_000;

beforeAll(async () => {
  service = await Service.start('doors', { program, config: await outwardServer(program) });
  for (const port of [7390, 7393]) relays.push(await Relay.start(program, service.namespace, port));
});

afterEach(() => {
  for (const clients of idle.splice(0)) clients.stop();
  for (const { peer } of slow.splice(0)) peer.close();
});

afterAll(async () => {
  for (const relay of relays) relay.stop();
  await service.close();
});

/** Milliseconds that a PUT takes. */
async function timeOfPut(host: number): Promise<number> {
  const began = performance.now();
  await service.api.must('POST', '/v1/rules', { body: { action: 'drop', chain: 'input', source: `198.18.0.${host}` } });
  return performance.now() - began;
}

/** A client that takes its time, and what it is slow with. */
interface SlowClient {
  readonly what: string;
  readonly peer: Peer;
  /** Milliseconds after which it is to be cut off. */
  readonly limit: number;
}

/** Clients that are slow in every way, at every door. */
function slowClients(local: string, outward: string): SlowClient[] {
  const basic = 'Authorization: Basic Y2VudHJhbDpzM2NyZXQ=\r\n';
  const post = `POST /v1/rules HTTP/1.1\r\nHost: localhost\r\n${basic}Content-Type: application/json\r\n`;
  const batch = post.replace('/v1/rules', '/v1/rules/batch').replace('json', 'x-ndjson');
  const doors = [
    ['socket', () => Peer.plain(service.socketPath)],
    ['local', () => Peer.plain(local)],
    ['outward', () => Peer.secure(outward)],
  ] as const;
  const clients = doors.flatMap(([door, connect]) => {
    const begin = (what: string, limit: number, text: string, piece = ''): SlowClient => {
      const peer = connect();
      peer.send(text);
      if (piece !== '') peer.drip(piece, 300);
      return { what: `${what}, ${door}`, peer, limit };
    };
    return [
      begin('silence', 10_000, ''),
      begin('headers without an end', 10_000, 'GET /list HTTP/1.1\r\n', 'X-More: 1\r\n'),
      begin('a header without an end', 10_000, 'GET /list HTTP/1.1\r\nX-More: ', 'x'),
      begin('a body that drips', 20_000, `${post}Content-Length: 5000\r\n\r\n`, ' '),
      begin('chunks that drip', 20_000, `${post}Transfer-Encoding: chunked\r\n\r\n`, '1\r\n \r\n'),
      begin('a batch that stops', 20_000, `${batch}Content-Length: 5000\r\n\r\n{"action"`),
    ];
  });
  const handshake = Peer.plain(outward);
  // The beginning of a record with a ClientHello.
  handshake.send('\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03');
  handshake.drip('\x00', 300);
  return [...clients, { what: 'a handshake that drips', peer: handshake, limit: 10_000 }];
}

it('hangs up on clients that are slow, keeps ten thousand idle ones in little memory, serves all others, and stops at once', async () => {
  const [local = '', outward = ''] = relays.map(({ socketPath }) => socketPath);
  const before = residentOf(service.daemon.pid);
  slow.push(...slowClients(local, outward));
  const clients = new IdleClients(service.namespace, 'plain', 7390, count);
  idle.push(clients);
  await clients.stand(count);
  expect(((residentOf(service.daemon.pid) - before) * 1024) / count, 'kB a connection').toBeLessThan(20);
  const times: number[] = [];
  for (let host = 1; host <= 20; host++) times.push(await timeOfPut(host));
  expect(clients.told.open, 'all are still there').toBe(count);
  await until('the slow ones are cut off', () => slow.every(({ peer }) => !peer.isOpen), 30);
  for (const { what, peer, limit } of slow) {
    expect(peer.ended, what).toBeGreaterThan(limit - 1000);
    expect(peer.ended, what).toBeLessThan(limit + 4000);
    if (!what.startsWith('a handshake')) expect(peer.received, what).toMatch(/^HTTP\/1\.1 408 /);
  }
  for (let host = 1; host <= 20; host++) times.push(await timeOfPut(host));
  expect(Math.max(...times)).toBeLessThan(500);
  const stopping = performance.now();
  expect(await service.daemon.stop()).toEqual({ code: 0, signal: null });
  expect(performance.now() - stopping).toBeLessThan(2000);
  await service.daemon.start();
});
