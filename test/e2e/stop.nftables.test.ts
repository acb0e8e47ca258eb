import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { answerTo } from './api.fixture.ts';
import { Peer } from './peer.fixture.ts';
import { until } from './process.fixture.ts';
import { Service } from './service.fixture.ts';
import { hostOfLine, Upload } from './upload.fixture.ts';

let service: Service;
const peers: Peer[] = [];

beforeAll(async () => {
  service = await Service.start('stop');
});

afterAll(async () => {
  for (const peer of peers) peer.close();
  await service.close();
});

const follow = 'GET /v1/events HTTP/1.1\r\nHost: rfw\r\n\r\n';

/** How long it takes to stop, in milliseconds. */
async function timeOfStop(): Promise<number> {
  const began = performance.now();
  expect(await service.daemon.stop()).toEqual({ code: 0, signal: null });
  return performance.now() - began;
}

async function lastChange(): Promise<number> {
  return (await service.api.must<{ last: number }>('GET', '/v1/changes?since=0&limit=1')).last;
}

const waiting = '198.18.0.1/32';

it('stops at once under followers, an upload that goes on and a change that waits to be confirmed, with nothing half done', async () => {
  const { api, daemon } = service;
  const followers = Array.from({ length: 50 }, () => Peer.plain(service.socketPath));
  peers.push(...followers);
  for (const peer of followers) peer.send(follow);
  await until('all follow', () => followers.every(({ received }) => received.includes(': rfw')));
  const body = { action: 'drop', chain: 'input', source: waiting };
  await api.must('POST', '/v1/rules?confirm=3s', { body });
  const upload = new Upload(api, 1_000_000);
  await until('some of it is done', async () => (await lastChange()) > 8000);
  const took = await timeOfStop();
  expect(took).toBeLessThan(2000);
  await until('the followers are let go', () => followers.every((peer) => !peer.isOpen));
  const { status, body: problem } = await upload.answer;
  expect(status).toBe(503);
  const { code, detail } = JSON.parse(problem) as { code: string; detail: string };
  expect(code).toBe('stopping');
  const done = Number(/Lines 1 to (\d+) are done, and none after that/.exec(detail)?.[1]);
  await daemon.start();
  const sources = await service.sources();
  expect(sources.size).toBe(done + Number(sources.has(waiting)));
  expect(sources).toContain(hostOfLine(done));
  await until('what nobody has confirmed is undone in the kernel and in the store', async () => {
    // While it is being undone the two differ.
    const left = await service.sources().catch(() => undefined);
    return left !== undefined && !left.has(waiting);
  });
});

it('lets nobody hold it up who has stopped sending or reading', async () => {
  const { api } = service;
  const stalled = api.open('POST', '/v1/rules/batch', { type: 'application/x-ndjson' });
  const answer = answerTo(stalled).catch((error: unknown) => error);
  stalled.write(`{"action":"drop","chain":"input","source":"198.18.1.1"}\n{"action"`);
  const deaf = Peer.plain(service.socketPath);
  peers.push(deaf);
  deaf.send(follow.replace('events', 'events?since=0'));
  deaf.pause();
  await sleep(500);
  const took = await timeOfStop();
  expect(took).toBeLessThan(2000);
  expect(await answer).toMatchObject({ status: 503 });
  await service.daemon.start();
});
