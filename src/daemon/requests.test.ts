import { expect, it, onTestFinished } from 'vitest';
import { makeServer } from '../api/server.ts';
import { makeLog } from './folder.fixture.ts';
import { answeredRequest, logRequest } from './requests.ts';

it('logs what failed in the program, with the id that the answer has', async () => {
  const { log, entries } = makeLog();
  const server = makeServer(undefined);
  onTestFinished(() => server.close());
  const answered: unknown[] = [];
  server.addHook('onResponse', async (request, reply) => {
    answered.push(answeredRequest(request, reply));
    logRequest(log, request, reply.statusCode);
  });
  server.get('/v1/fails', { config: { template: '/v1/fails' } }, async () => {
    throw new TypeError('x is not a function');
  });
  const { statusCode, headers } = await server.inject('/v1/fails');
  expect(statusCode).toBe(500);
  expect(entries).toContainEqual({
    level: 'error',
    id: headers['x-request-id'],
    error: expect.stringContaining('requests.test.ts'),
    msg: 'A request failed: x is not a function',
  });
  expect(entries).toContainEqual(expect.objectContaining({ level: 'debug', msg: 'Request', status: 500 }));
  expect(answered).toEqual([
    { method: 'GET', route: '/v1/fails', status: 500, seconds: expect.any(Number), refusal: 'internal' },
  ]);
});
