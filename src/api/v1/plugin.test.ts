import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RfwError } from '../../domain/errors.ts';
import { nobody, type Principal, type Scope, scopes } from '../access/principal.ts';
import {
  alice,
  basic,
  type Certificate,
  makeCertificate,
  type OpenServer,
  openServer,
  type Question,
  sendRaw,
} from '../server.fixture.ts';
import { ask as askServer, json } from './client.fixture.ts';
import { echoRoutes } from './routes.fixture.ts';
import { routes } from './routes.ts';

let certificate: Certificate;
let server: OpenServer;
let outward: OpenServer;
beforeAll(async () => {
  certificate = await makeCertificate();
  const settings = { routes: [...routes, ...echoRoutes] };
  server = await openServer(settings);
  outward = await openServer(settings, certificate);
});
afterAll(() => Promise.all([server.close(), outward.close()]));

const ask = (method: string, path: string, question?: Question, to = server): Promise<string> =>
  askServer(to, method, path, question);

describe('every answer of /v1', () => {
  it.each([
    ['GET', '/v1/status', 200],
    ['HEAD', '/v1/status', 200],
    ['GET', '/v1/nowhere', 404],
    ['GET', '/v1', 404],
    ['PUT', '/v1/status', 405],
    ['GET', '/v1/test/x', 400],
  ])('of %s %s has an id and is for nobody else', async (method, path, status) => {
    const { headers, ...answer } = await server.send(method, path);
    expect(answer.status).toBe(status);
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    });
  });

  it('has the id that the client gave, when that is sane', async () => {
    const idOf = async (id: string): Promise<unknown> =>
      (await server.send('GET', '/v1/status', { headers: { 'x-request-id': id } })).headers['x-request-id'];
    expect(await idOf('trace-1:a.b')).toBe('trace-1:a.b');
    for (const odd of ['', 'a b', '<script>', 'x'.repeat(129)]) expect(await idOf(odd)).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is a problem also where a door refuses', async () => {
    expect(await ask('GET', '/v1/status', {}, outward)).toMatch(/^401 unauthenticated: /);
    const foreign = { headers: { origin: 'http://example.com' } };
    expect(await ask('GET', '/v1/status', foreign)).toMatch(/^403 cross-site: /);
    outward.settings.whitelist = '192.0.2.1';
    expect(await ask('GET', '/v1/nowhere', {}, outward)).toMatch(/^403 not-whitelisted: /);
    outward.settings.whitelist = '127.0.0.1';
    const known = { headers: { authorization: basic(alice) } };
    expect(await ask('GET', '/v1/health/live', known, outward)).toBe('200 {"status":"live"}');
  });

  it('leaves the API of 2014 as it is', async () => {
    const { status, headers, text } = await server.send('GET', '/v2');
    expect([status, text.slice(0, 6)]).toEqual([400, 'ERROR:']);
    expect(headers['x-request-id']).toBeUndefined();
    expect((await server.send('PUT', '/drop/input/any/1.2.3.4', json('{'))).status).toBe(200);
  });
});

describe('a path', () => {
  it.each([
    '/v1',
    '/v1/',
    '/v1/status/',
    '/v1/status/x',
    '/v1//status',
    '/v1/Status',
    '/v1/../v1/status',
    '/v1/%zz',
    '/docs/x',
  ])('%s is not found, with every method', async (path) => {
    for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS', 'PROPFIND']) {
      expect(await ask(method, path)).toMatch(/^404 not-found: /);
    }
  });

  it('may be in the absolute form', async () => {
    const line = `GET http://localhost:${server.port}/v1/health/live HTTP/1.1`;
    const answer = await sendRaw(server.port, [`${line}\r\nHost: localhost:${server.port}\r\n\r\n`]);
    expect(answer).toMatch(/^HTTP\/1\.1 200 .*\{"status":"live"\}$/s);
  });

  it.each(['OPTIONS', 'TRACE', 'PUT', 'PROPFIND', 'POST'])(
    'says which methods it has when it has no %s',
    async (method) => {
      const { status, headers } = await server.send(method, '/v1/status', json('{', 'odd'));
      expect([status, headers.allow]).toEqual([405, 'GET, HEAD']);
      expect((await server.send('PATCH', '/v1/test/1')).headers.allow).toBe('GET, HEAD, PUT');
    },
  );

  it('beyond 8192 bytes is refused', async () => {
    expect(await ask('GET', `/v1/test/1?q=${'x'.repeat(8200)}`)).toMatch(/^414 url-too-long: /);
  });

  it('answers HEAD as GET, without the body', async () => {
    const { status, headers, text } = await server.send('HEAD', '/v1/health/live');
    expect([status, headers['content-length'], text]).toEqual([200, '17', '']);
  });
});

it('tells nothing of the insides of a failure', async () => {
  expect(await ask('POST', '/v1/test', json('{"name":"fail"}'))).toBe(
    '500 internal: Internal error, see the log of rfw',
  );
});

it('serves the next request over the connection of one whose body was refused half way', async () => {
  const body = 'x'.repeat(300_000);
  const head = (length: number): string =>
    `PUT /v1/test/1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\n\r\n`;
  const chunked = `PUT /v1/test/1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const answers = await sendRaw(server.port, [chunked, `${head(2)}ok`], 300);
  expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 200']);
});

describe('a route with a scope', () => {
  const withScopes = (...names: Scope[]): Principal => ({
    ...nobody,
    name: 'token:x',
    kind: 'token',
    scopes: new Set(names),
  });

  it.each(scopes)('lets in who has %s, and admin, and nobody else', async (scope) => {
    const path = `/v1/scope/${scope.replaceAll(':', '-')}`;
    for (const has of [...scopes, undefined]) {
      server.settings.principal = has === undefined ? nobody : withScopes(has);
      const enough = has === scope || has === 'admin' || (scope === 'rules:write' && has === 'rules:write:any');
      const answer = await ask('GET', path);
      expect([has, answer.slice(0, 3)]).toEqual([has, enough ? '204' : '403']);
      if (!enough) expect(answer).toContain(`forbidden: `);
    }
    server.settings.principal = undefined;
  });

  it('refuses before it looks at the body', async () => {
    server.settings.principal = withScopes('rules:read');
    expect(await ask('POST', '/v1/test', json('{', 'odd'))).toBe(
      '403 forbidden: token:x may not do this: it needs the scope rules:write',
    );
    server.settings.principal = undefined;
  });

  it('is every route but a few that tell nothing of the rules', () => {
    const open = routes.filter(({ scope }) => scope === 'public').map(({ path }) => path);
    // To confirm is for whoever has made the change.
    expect(open).toEqual(['/v1/confirmations/{id}', '/v1/health/live', '/v1/health/ready', '/openapi.json', '/docs']);
  });
});

it('answers while rfw starts only where that is wanted', async () => {
  const starting = await openServer({ started: new Promise(() => {}), condition: { state: 'starting' } });
  expect(await ask('GET', '/v1/health/live', {}, starting)).toBe('200 {"status":"live"}');
  expect(await ask('GET', '/v1/health/ready', {}, starting)).toBe(
    '503 starting: rfw is starting: try again in a moment',
  );
  expect(await ask('GET', '/openapi.json', {}, starting)).toMatch(/^200 /);
  expect(await sendRaw(starting.port, ['GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n'])).toBe('');
  await starting.close();
  const failing = Promise.reject(new RfwError('starting', 'no kernel'));
  failing.catch(() => {});
  const failed = await openServer({ started: failing });
  expect(await ask('GET', '/v1/status', {}, failed)).toBe('503 starting: no kernel');
  await failed.close();
});

it('is not harmed by a client that goes in the middle of its body', async () => {
  for (const type of ['application/json', 'text/plain']) {
    const head = `PUT /v1/test/1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: 100\r\n\r\n`;
    expect(await sendRaw(server.port, [head, '[1,'], 120)).toBe('');
  }
  expect(await ask('GET', '/v1/health/live')).toBe('200 {"status":"live"}');
});
