import fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limitBodyTime } from './body-time.ts';
import { sendRaw } from './server.fixture.ts';

let server: FastifyInstance;
let port: number;
const heard: string[] = [];

beforeAll(async () => {
  server = fastify();
  limitBodyTime(server, { whole: 200, pause: 150 });
  server.addContentTypeParser('text/plain', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  server.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  server.post('/whole', async ({ body }) => `read ${String(body)}`);
  server.post('/v1/whole', async ({ body }) => `read ${String(body)}`);
  server.post('/stream', { config: { stream: true } }, async ({ body }) => {
    let bytes = 0;
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) bytes += chunk.length;
    } catch {
      heard.push('cut off');
    }
    return `read ${bytes}`;
  });
  server.post('/refuses', { config: { stream: true } }, async (_request, reply) => reply.code(403).send('no'));
  // What was sent is worked on for a while before more is taken.
  server.post('/slow', { config: { stream: true } }, async ({ body }) => {
    await new Promise((resolve) => setTimeout(resolve, 400));
    for await (const _ of body as AsyncIterable<Buffer>);
    return 'read';
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  port = (server.server.address() as { port: number }).port;
});
afterAll(() => server.close());

function head(path: string, length: number, type = 'text/plain'): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n`;
}

const timeout = /^HTTP\/1\.1 408 Request Timeout\r\n/;

describe('a body', () => {
  it('that comes in time is read', async () => {
    expect(await sendRaw(port, [head('/whole', 2), 'h', 'i'])).toMatch(/read hi$/);
  });

  it('that does not end is answered with 408, in the form of its API', async () => {
    const text = await sendRaw(port, [head('/whole', 9), 'h', 'i'], 500);
    expect(text).toMatch(timeout);
    expect(text).toMatch(/\r\n\r\nERROR: Request Timeout\r\n$/);
    const problem = await sendRaw(port, [head('/v1/whole', 9), 'h', 'i'], 500);
    expect(problem).toMatch(timeout);
    expect(problem).toMatch(/"code":"request-timeout"/);
  });

  it('that drips is one that does not end', async () => {
    const drops = Array.from({ length: 8 }, () => 'x');
    expect(await sendRaw(port, [head('/whole', 99), ...drops], 500)).toMatch(timeout);
  });

  it('that is a stream may take as long as it goes on', async () => {
    const drops = Array.from({ length: 8 }, () => 'x');
    expect(await sendRaw(port, [head('/stream', 8, 'x/y'), ...drops], 500)).toMatch(/read 8$/);
  });

  it('that is a stream and stops is cut off, and its reader told', async () => {
    expect(await sendRaw(port, [head('/stream', 9, 'x/y'), 'x'], 700)).toMatch(timeout);
    expect(heard).toEqual(['cut off']);
  });

  it('that was refused is not waited for', async () => {
    const drops = Array.from({ length: 12 }, () => 'x');
    const began = performance.now();
    const text = await sendRaw(port, [head('/refuses', 999, 'x/y'), ...drops], 2000);
    expect(text).toMatch(/^HTTP\/1\.1 403 /);
    expect(text).not.toContain('408');
    expect(performance.now() - began).toBeLessThan(1500);
  });

  it('that waits for its reader is left alone', async () => {
    const large = 'x'.repeat(3_000_000);
    expect(await sendRaw(port, [head('/slow', large.length, 'x/y') + large], 1000)).toMatch(/read$/);
  });
});
