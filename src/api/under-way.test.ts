import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { limitRequests } from './under-way.ts';

let server: FastifyInstance;
let waiting: (() => void)[] = [];
const clients: Socket[] = [];

beforeEach(async () => {
  waiting = [];
  server = fastify({ forceCloseConnections: true });
  limitRequests(server, 3);
  server.get('/wait', () => new Promise((resolve) => waiting.push(() => resolve('done'))));
  server.get('/at-once', async () => 'done');
  await server.listen({ host: '127.0.0.1', port: 0 });
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await server.close();
});

/** Sends requests one after the other over one connection, without waiting for answers. */
function pipeline(...paths: string[]): { readonly client: Socket; answers: () => string[] } {
  const client = connect((server.server.address() as { port: number }).port, '127.0.0.1');
  clients.push(client);
  let text = '';
  client.on('data', (bytes) => {
    text += String(bytes);
  });
  client.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`).join(''));
  return { client, answers: () => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => String(status)) };
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !condition(); tries++) await sleep(10);
  expect(condition()).toBe(true);
}

it('refuses what is too much until others are answered, over one connection too', async () => {
  const first = pipeline('/wait', '/wait', '/wait', '/wait', '/at-once');
  await until(() => waiting.length === 3);
  const second = pipeline('/at-once');
  await until(() => second.answers().length === 1);
  expect(second.answers()).toEqual(['503']);
  for (const answer of waiting.splice(0)) answer();
  await until(() => first.answers().length === 5);
  expect(first.answers()).toEqual(['200', '200', '200', '503', '503']);
  const third = pipeline('/at-once', '/at-once', '/at-once');
  await until(() => third.answers().length === 3);
  expect(third.answers()).toEqual(['200', '200', '200']);
});

it('does not count what was asked over a connection that broke', async () => {
  const { client } = pipeline('/wait', '/wait', '/wait');
  await until(() => waiting.length === 3);
  client.destroy();
  await until(() => client.closed);
  await sleep(50);
  const { answers } = pipeline('/at-once', '/wait', '/wait');
  await until(() => waiting.length === 5);
  for (const answer of waiting.splice(0)) answer();
  await until(() => answers().length === 3);
  expect(answers()).toEqual(['200', '200', '200']);
});
