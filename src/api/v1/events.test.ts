import { rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { temporaryFolder } from '../../engine/store/sqlite.fixture.ts';
import { SqliteStore } from '../../engine/store/sqlite.ts';
import type { OpenServer } from '../server.fixture.ts';
import { ask, errorsOf, json } from './client.fixture.ts';
import { EventStream } from './event-stream.ts';
import { change, command, eventsStage, listen } from './events.fixture.ts';

const { cleanups, open, listenTo } = eventsStage();

const put = (server: OpenServer, source: string, more: object = {}): Promise<string> =>
  ask(server, 'POST', '/v1/rules', json(JSON.stringify({ action: 'drop', chain: 'input', source, ...more })));

/** A server whose change log keeps few changes. */
async function openForgetful(keep: number): Promise<OpenServer> {
  const folder = temporaryFolder();
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const store = new SqliteStore(folder, '', undefined, keep);
  cleanups.push(() => store.close());
  return open({ store });
}

describe('who listens to events', () => {
  it('hears of each change as it is made, with its number, as it is among the changes', async () => {
    const server = await open();
    const listener = await listenTo(server);
    expect([listener.status, listener.response.headers['content-type'], listener.comments]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
      [': rfw'],
    ]);
    expect(listener.response.headers).toMatchObject({ 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
    await put(server, '203.0.113.7', { comment: 'SSH scan\n\ndata: x' });
    await put(server, '203.0.113.7', { ttl: 60 });
    await put(server, '203.0.113.8', { ttl: 1 });
    await ask(server, 'POST', '/v1/whitelist', json('{"entry":"203.0.113.7"}'));
    await ask(server, 'DELETE', '/v1/whitelist?entry=203.0.113.7');
    const events = await listener.has(7);
    expect(events.map(({ id, event, data }) => [id, event, data.by, data.rule?.source ?? data.entry])).toEqual([
      [1, 'rule-created', 'local', '203.0.113.7/32'],
      [2, 'rule-updated', 'local', '203.0.113.7/32'],
      [3, 'rule-created', 'local', '203.0.113.8/32'],
      [4, 'rule-displaced', 'rfw', '203.0.113.7/32'],
      [5, 'whitelist-added', 'local', '203.0.113.7'],
      [6, 'whitelist-removed', 'local', '203.0.113.7'],
      [7, 'rule-expired', 'rfw', '203.0.113.8/32'],
    ]);
    expect(events[0]?.data.rule.comment).toBe('SSH scan\n\ndata: x');
    const { text } = await server.send('GET', '/v1/changes?since=0');
    expect(JSON.parse(text).items).toEqual(events.map(({ data }) => data));
    await server.engine.flush();
    expect((await listener.has(8))[7]).toMatchObject({ id: 8, event: 'flushed', data: { rules: 0 } });
  });

  it('hears nothing of what changed nothing, was refused or only thought of', async () => {
    const server = await open();
    const listener = await listenTo(server);
    await put(server, '127.0.0.1');
    await ask(server, 'POST', '/v1/rules?dryRun=true', json('{"action":"drop","chain":"input","source":"10.0.0.1"}'));
    await put(server, '10.0.0.2');
    await put(server, '10.0.0.2');
    await put(server, '10.0.0.3');
    expect((await listener.has(2)).map(({ id, data }) => `${id} ${data.rule.source}`)).toEqual([
      '1 10.0.0.2/32',
      '2 10.0.0.3/32',
    ]);
  });

  it('goes on after the number that it names, by Last-Event-ID before since', async () => {
    const server = await open();
    await change(server.engine, 5);
    const from = async (query: string, id?: string): Promise<number[]> => {
      const listener = await listenTo(server, query, { headers: id === undefined ? {} : { 'last-event-id': id } });
      const events = await listener.has(1);
      listener.close();
      return events.map((event) => event.id);
    };
    expect(await from('?since=0')).toEqual([1, 2, 3, 4, 5]);
    expect(await from('?since=3')).toEqual([4, 5]);
    expect(await from('', '2')).toEqual([3, 4, 5]);
    expect(await from('?since=0', '4')).toEqual([5]);
    // What a browser sends that has none.
    expect(await from('?since=4', '')).toEqual([5]);
    const newest = await listenTo(server);
    await change(server.engine, 1, 5);
    expect((await newest.has(1)).map(({ id }) => id)).toEqual([6]);
  });

  it.each(['x', '-1', '1.5', '01', '1e3', '9999999999999999', '1, 2'])('is told that %s is no number', async (id) => {
    const server = await open();
    const question = { headers: { 'last-event-id': id } };
    expect(await errorsOf(server, 'GET', '/v1/events', question)).toEqual([
      'last-event-id must be the number of a change, as the id of an event',
    ]);
  });

  it('is told when the number is of another database', async () => {
    const server = await open();
    await change(server.engine, 3);
    const future = 'is after the last change, 3: it is not from this database';
    expect(await errorsOf(server, 'GET', '/v1/events?since=4')).toEqual([`since ${future}`]);
    const question = { headers: { 'last-event-id': '4' } };
    expect(await errorsOf(server, 'GET', '/v1/events', question)).toEqual([`last-event-id ${future}`]);
    expect(await ask(server, 'GET', '/v1/changes?since=4')).toBe(`400 request-invalid: The parameter since ${future}`);
  });

  it('is told to begin anew when changes are not recorded any more, and can', async () => {
    const server = await openForgetful(20);
    for (let number = 0; number < 40; number++) await change(server.engine, 1, number);
    const listener = await listenTo(server, '?since=0');
    const [reset, first] = await listener.has(10);
    expect(reset).toEqual({
      id: Number(first?.id) - 1,
      event: 'reset',
      data: { oldest: first?.id, last: 40, snapshot: '/v1/snapshot' },
    });
    expect(listener.events.slice(1).map(({ id }) => id)).toEqual(numbers(Number(first?.id), 40));
    expect(Number(first?.id)).toBeLessThanOrEqual(21);
    // The number of the reset is one to go on from.
    const again = await listenTo(server, '', { headers: { 'last-event-id': String(reset?.id) } });
    expect((await again.has(1))[0]).toEqual(first);
    expect(await ask(server, 'GET', '/v1/changes?since=0')).toMatch(
      /^410 compacted: The changes after 0 are not all recorded any more, only those from \d+ on: read GET \/v1\/snapshot/,
    );
    const [head] = (await server.send('GET', '/v1/snapshot')).text.split('\n');
    expect(await ask(server, 'GET', `/v1/changes?since=${JSON.parse(head ?? '').change}`)).toBe(
      '200 {"items":[],"next":40,"last":40}',
    );
  });

  it('is told to begin anew in the middle, when it was too slow for that', async () => {
    const server = await openForgetful(2000);
    const listener = await listenTo(server, '', {}, true);
    await change(server.engine, 15_000);
    listener.response.resume();
    await expect.poll(() => listener.events.at(-1)?.id, { timeout: 10_000 }).toBe(15_000);
    const at = listener.events.findIndex(({ event }) => event === 'reset');
    const [ids, { oldest }] = [listener.events.map(({ id }) => id), listener.events[at]?.data ?? {}];
    expect(runsOf(ids)).toEqual([`1-${at}`, `${oldest - 1}-15000`]);
    expect(oldest).toBeGreaterThan(at + 1);
  });

  it('hears of all changes in order, each once, whenever it comes, also of a thousand at the same time', async () => {
    const server = await open();
    const before = await listenTo(server);
    const puts = Array.from({ length: 1000 }, (_, number) =>
      server.engine.submit(command('put', number)).then(() => undefined),
    );
    const meanwhile = await Promise.all([0, 0, 0].map(() => listenTo(server, '?since=0')));
    await Promise.all(puts);
    for (const listener of [before, ...meanwhile]) {
      expect(runsOf((await listener.has(1000)).map(({ id }) => id))).toEqual(['1-1000']);
    }
  });

  it('is told that the stream still stands, when nothing happens', async () => {
    const { engine } = await open();
    const times = { heartbeat: 60, look: 20, farewell: 20 };
    const socket = { destroy: vi.fn() };
    const end = new AbortController();
    const stream = new EventStream({
      engine,
      after: 0,
      end: end.signal,
      stillMay: () => true,
      socket,
      ended: () => {},
      times,
    } as never);
    const texts: string[] = [];
    stream.on('data', (chunk) => void texts.push(String(chunk)));
    await expect.poll(() => texts.slice(0, 3)).toEqual([': rfw\n\n', ': still here\n\n', ': still here\n\n']);
    end.abort();
    await new Promise((resolve) => stream.once('close', resolve));
    await expect.poll(() => socket.destroy.mock.calls.length).toBe(1);
  });

  it('leaves nothing behind when it goes, at whatever moment, and a question for the head none either', async () => {
    const server = await open();
    const { recorded } = server.engine;
    let listening = 0;
    const real = recorded.listen.bind(recorded);
    vi.spyOn(recorded, 'listen').mockImplementation((listener) => {
      listening++;
      const end = real(listener);
      return () => {
        listening--;
        end();
      };
    });
    const listeners = await Promise.all(Array.from({ length: 30 }, () => listen(server)));
    expect(listening).toBe(30);
    for (const listener of listeners.slice(0, 20)) listener.close();
    await expect.poll(() => listening, { timeout: 500 }).toBe(10);
    const busy = change(server.engine, 5000);
    for (const listener of listeners) listener.close();
    await busy;
    await expect.poll(() => listening, { timeout: 500 }).toBe(0);
    expect((await server.send('HEAD', '/v1/events')).status).toBe(200);
    expect(listening).toBe(0);
  });

  it('takes no more memory when it reads slowly, and misses nothing', async () => {
    const server = await open();
    const sockets: Socket[] = [];
    server.server.server.on('connection', (socket: Socket) => void sockets.push(socket));
    const listener = await listenTo(server, '', {}, true);
    await change(server.engine, 15_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    // A page of changes at most, of some 11 MB in all.
    expect(sockets).toHaveLength(1);
    expect(sockets[0]?.writableLength).toBeLessThan(1_000_000);
    listener.response.resume();
    expect(runsOf((await listener.has(15_000)).map(({ id }) => id))).toEqual(['1-15000']);
  });
});

function numbers(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** Numbers that follow each other, as `first-last`. */
function runsOf(ids: readonly number[]): string[] {
  const runs: [number, number][] = [];
  for (const id of ids) {
    const run = runs.at(-1);
    if (run !== undefined && run[1] + 1 === id) run[1] = id;
    else runs.push([id, id]);
  }
  return runs.map(([first, last]) => `${first}-${last}`);
}
