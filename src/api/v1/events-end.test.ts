import { Agent, get, type IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { admin } from '../access/principal.ts';
import { openServer } from '../server.fixture.ts';
import { change, eventsStage, listen } from './events.fixture.ts';

const { cleanups, open, listenTo } = eventsStage();

describe('a principal', () => {
  it('has at most 200 streams, however many clients that are gone it had, and whatever they asked', async () => {
    const server = await open();
    for (let asked = 0; asked < 5; asked++) {
      expect((await server.send('HEAD', '/v1/events')).status).toBe(200);
      const gone = await listen(server);
      gone.close();
      await gone.ended;
    }
    const listeners = await Promise.all(Array.from({ length: 200 }, () => listenTo(server)));
    expect(new Set(listeners.map(({ status }) => status))).toEqual(new Set([200]));
    expect((await server.send('GET', '/v1/events')).status).toBe(429);
    listeners[0]?.close();
    await listeners[0]?.ended;
    await expect.poll(async () => (await server.send('HEAD', '/v1/events')).status).toBe(200);
  });
});

describe('a stream of events ends', () => {
  it('when the server closes, of a hundred clients within two seconds, also of one that reads nothing', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    cleanups.push(() => process.off('warning', onWarning));
    const server = await openServer();
    await change(server.engine, 15_000);
    const stuck = await listen(server, '?since=0', {}, true);
    const listeners = await Promise.all(Array.from({ length: 100 }, () => listen(server)));
    const began = performance.now();
    await server.close();
    expect(performance.now() - began).toBeLessThan(2000);
    const ends = await Promise.all(listeners.map(({ ended }) => ended));
    expect(new Set(ends)).toEqual(new Set(['whole']));
    stuck.response.resume();
    expect([await stuck.ended, warnings]).toEqual(['cut off', []]);
  });

  it('and other answers that are under way come to theirs whole, however slowly they are read', async () => {
    const server = await openServer();
    await change(server.engine, 10_000);
    const reading = new Promise<IncomingMessage>((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port: server.port,
        path: '/v1/snapshot',
        agent: new Agent({ keepAlive: true }),
      };
      get(options, resolve).on('error', reject);
    });
    const response = await reading;
    const closed = server.close();
    await new Promise((resolve) => setTimeout(resolve, 400));
    let text = '';
    for await (const chunk of response) text += String(chunk);
    expect(text.endsWith('{"rules":10000,"lists":0}\n')).toBe(true);
    await closed;
  });

  it('when the token is taken back, and nothing is told after that', async () => {
    const server = await open({ kind: 'local' });
    const { token, record } = await server.tokens.create({ name: 'x', scopes: ['rules:read'] }, 'test');
    const listener = await listenTo(server, '', { headers: { authorization: `Bearer ${token}` } });
    await change(server.engine, 1);
    await listener.has(1);
    expect((await server.send('DELETE', `/v1/tokens/${record.id}`)).status).toBe(200);
    await change(server.engine, 1, 1);
    expect([await listener.ended, listener.events.length]).toEqual(['whole', 1]);
  });

  it('when the token has expired, though nothing happens', async () => {
    const server = await open();
    const expiresAt = Date.now() + 1200;
    const { token } = await server.tokens.create({ name: 'x', scopes: ['rules:read'], expiresAt }, 'test');
    const listener = await listenTo(server, '', { headers: { authorization: `Bearer ${token}` } });
    expect(await listener.ended).toBe('whole');
    expect(Date.now() - expiresAt).toBeGreaterThanOrEqual(0);
    expect(Date.now() - expiresAt).toBeLessThan(1500);
  });

  it('when whoever listens may no longer read rules', async () => {
    const server = await open({ principal: admin('basic', 'x') });
    const listener = await listenTo(server);
    server.settings.principal = { name: 'x', kind: 'token', scopes: new Set(['rules:write']), limits: {} };
    expect(await listener.ended).toBe('whole');
  });
});
