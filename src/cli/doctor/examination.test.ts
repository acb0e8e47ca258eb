import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Api } from '../api.ts';
import { Connection } from '../connection.ts';
import type { Target } from '../target/endpoint.ts';
import { type Check, examine } from './examination.ts';

let host: Server | undefined;
afterEach(() => void host?.close());

type Answers = Readonly<Record<string, readonly [status: number, body: unknown]>>;

const status = {
  capabilities: { summary: 'memory', ipv6: true, lists: true, shortcomings: ['no counters'] },
  ...{ version: '0.9.0', rules: 2, lists: 1 },
};
const well: Answers = {
  '/v1/health/live': [200, { state: 'live' }],
  '/v1/health/ready': [200, { state: 'ready' }],
  '/v1/status': [200, status],
};

/** What is found at a host that gives these answers, whose clock is so many seconds ahead. */
async function found(answers: Answers, ahead = 0): Promise<readonly Check[]> {
  host = createServer((request, response) => {
    const [path = ''] = (request.url ?? '').split('?');
    const [code, body] = answers[path] ?? [403, { code: 'forbidden', status: 403, title: 'No', detail: 'not for you' }];
    response.writeHead(code, {
      date: new Date(Date.now() + 1000 * ahead).toUTCString(),
      'content-type': code < 300 ? 'application/json' : 'application/problem+json',
    });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => host?.listen(0, '127.0.0.1', resolve));
  const endpoint = { kind: 'http', hostname: '127.0.0.1', port: (host.address() as AddressInfo).port } as const;
  const target: Target = { name: 'x', endpoint, credentials: {} };
  const api = new Api(new Connection(target, 5000));
  try {
    return await examine(api, target, 5000, Date.now);
  } finally {
    api.close();
  }
}

const named = (checks: readonly Check[], name: string) => checks.find((check) => check.name === name);

describe('an examination', () => {
  it.each([
    [0, 'ok', 'goes as the one here'],
    [30, 'warn', /^is (?:29s|30s) ahead of the one here/],
    [-3600, 'fail', /^is (?:1h|59m 59s) behind the one here/],
  ])('of a clock that is %s s ahead says %s', async (ahead, state, message) => {
    const text = typeof message === 'string' ? message : expect.stringMatching(message);
    expect(named(await found(well, ahead), 'clock')).toMatchObject({ state, message: text });
  });

  it('tells of another version, and of what the backend lacks', async () => {
    const checks = await found(well);
    expect(named(checks, 'version')).toMatchObject({
      state: 'warn',
      message: expect.stringContaining('0.9.0 there and '),
    });
    expect(checks.filter(({ name }) => name === 'backend')).toMatchObject([
      { state: 'ok', message: 'memory; 2 rules, 1 list' },
      { state: 'warn', message: 'no counters' },
    ]);
    expect(named(checks, 'rights')).toMatchObject({ state: 'fail', message: 'not for you', exit: 4 });
  });

  it('tells why a daemon is degraded', async () => {
    const degraded = { code: 'degraded', status: 503, title: 'Degraded', detail: 'The kernel refused it' };
    const checks = await found({ ...well, '/v1/health/ready': [503, degraded] });
    expect(named(checks, 'state')).toMatchObject({
      state: 'fail',
      message: 'The kernel refused it. The log of rfw on that host says more',
      exit: 3,
    });
  });

  it('ends where nobody of rfw answers', async () => {
    expect(await found({ '/v1/health/live': [404, 'x'] })).toMatchObject([{ name: 'connection', state: 'fail' }]);
  });
});
