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

/** Status, and the code and detail of a problem, or the text of another answer. */
async function ask(method: string, path: string, question?: Question, to = server): Promise<string> {
  const { status, headers, text } = await to.send(method, path, question);
  if (status < 400) return `${status} ${text}`;
  expect(headers['content-type']).toBe('application/problem+json');
  if (text === '') return `${status}`;
  const problem = JSON.parse(text);
  expect(problem).toMatchObject({ status, type: `urn:rfw:problem:${problem.code}`, title: expect.any(String) });
  expect(problem.instance).toBe(`urn:rfw:request:${headers['x-request-id']}`);
  return `${status} ${problem.code}: ${problem.detail}`;
}

function json(body: string, type = 'application/json'): Question {
  return { headers: { 'content-type': type }, body };
}

/** The errors of a refused request, one text each. */
async function errorsOf(method: string, path: string, question?: Question): Promise<string[]> {
  const { text } = await server.send(method, path, question);
  const errors: { pointer?: string; parameter?: string; message: string }[] = JSON.parse(text).errors;
  return errors.map(({ pointer, parameter, message }) => `${pointer ?? parameter} ${message}`);
}

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

describe('parameters', () => {
  it('are read strictly', async () => {
    expect(await ask('GET', '/v1/test/7?limit=10&all=false&q=%20x')).toBe(
      '200 {"id":7,"limit":10,"all":false,"q":" x"}',
    );
    expect(await ask('GET', '/v1/test/7')).toBe('200 {"id":7}');
  });

  it.each(['', '1e3', '0x10', '+1', '01', ' 1', '1.0', 'Infinity', '9'.repeat(16), '1_000'])(
    'take no %j for a number',
    async (text) => {
      expect(await errorsOf('GET', `/v1/test/7?limit=${encodeURIComponent(text)}`)).toEqual([
        'limit must be a whole number in digits',
      ]);
    },
  );

  it.each(['', 'TRUE', '1', 'yes', 'on'])('take no %j for a truth', async (text) => {
    expect(await errorsOf('GET', `/v1/test/7?all=${text}`)).toEqual(['all must be true or false']);
  });

  it('are named where they are wrong, all of them', async () => {
    const path = '/v1/test/7?limit=1001&all=x&nope=1&q=12345678901&q=2&__proto__=1&constructor=1';
    expect((await errorsOf('GET', path)).sort()).toEqual(
      [
        'all must be true or false',
        'q is there more than once',
        '__proto__ is not known here',
        'nope is not known here',
        'constructor is not known here',
        'limit must be <= 1000',
      ].sort(),
    );
    expect(await ask('GET', '/v1/test/7?nope=1')).toBe('400 request-invalid: The parameter nope is not known here');
    expect(await errorsOf('GET', '/v1/test/x')).toEqual(['id must be a whole number in digits']);
  });

  it('that nobody asked for are refused on a route without any', async () => {
    expect(await ask('GET', '/v1/status?x')).toBe('400 request-invalid: The parameter x is not known here');
  });

  it('of a change say how it is made', async () => {
    const question = {
      headers: { 'content-type': 'application/json', 'idempotency-key': 'k-1' },
      body: '{"name":"x"}',
    };
    expect(await ask('POST', '/v1/test?dryRun=true&confirm=2m', question)).toBe(
      '201 {"body":{"name":"x"},"mutation":{"dryRun":true,"confirm":120,"idempotencyKey":"k-1"},"by":"local"}',
    );
    expect(await ask('POST', '/v1/test', json('{"name":"x"}'))).toBe(
      '201 {"body":{"name":"x"},"mutation":{"dryRun":false},"by":"local"}',
    );
    expect(await errorsOf('POST', '/v1/test?confirm=2d', json('{"name":"x"}'))).toEqual([
      'confirm is longer than a day, 86400 seconds',
    ]);
    expect(await errorsOf('POST', '/v1/test?confirm=0&dryRun=1', json('{"name":"x"}'))).toEqual([
      'dryRun must be true or false',
      expect.stringMatching(/^confirm is not valid/),
    ]);
    const key = { ...question, headers: { ...question.headers, 'idempotency-key': 'a b' } };
    expect(await errorsOf('POST', '/v1/test', key)).toEqual([expect.stringMatching(/^idempotency-key is not valid/)]);
  });
});

describe('a body', () => {
  it.each([
    ['{', 'it ends too early, at line 1, column 2'],
    ['', 'it ends too early, at line 1, column 1'],
    ['{"name":\n  nope}', '"n" can\'t stand there, at line 2, column 3'],
    ['{"name":"x",}', '"}" can\'t stand there, at line 1, column 13'],
    ['[1,]', '"]" can\'t stand there, at line 1, column 4'],
    ['{"a" 1}', '"1" can\'t stand there, at line 1, column 6'],
    ['{} {}', '"{" can\'t stand there, at line 1, column 4'],
    ["{'a':1}", '"\'" can\'t stand there, at line 1, column 2'],
    ['[1}', '"}" can\'t stand there, at line 1, column 3'],
    ['01', '"1" can\'t stand there, at line 1, column 2'],
    ['"a\nb"', '"\\"" can\'t stand there, at line 1, column 1'],
    ['\xff', '"ÿ" can\'t stand there, at line 1, column 1'],
  ])('that is not JSON, %j, is refused with the place', async (body, reason) => {
    expect(await ask('POST', '/v1/test', json(body))).toBe(`400 json-malformed: The body is not JSON: ${reason}`);
  });

  it('is never coerced, and what is wrong is named', async () => {
    const body = { name: 1, count: '3', ttl: 'soon', kind: 'c', more: 1, inner: [{ 'x/y~z': 'true' }, 7], 'a/b': 1 };
    expect((await errorsOf('POST', '/v1/test', json(JSON.stringify(body)))).sort()).toEqual([
      '/a~1b is not known here',
      '/count must be integer',
      '/inner/0/x~1y~0z must be boolean',
      '/inner/1 must be object',
      '/kind must be one of a, b',
      '/more is not known here',
      '/name must be string',
      '/ttl is not valid. What is taken: How long something lasts: seconds as a number, "90s", "10m", "12h", "7d", or "permanent"',
    ]);
    expect(await ask('POST', '/v1/test', json('{}'))).toBe('400 request-invalid: The field /name is missing');
    expect(await ask('POST', '/v1/test', json('[]'))).toBe('400 request-invalid: The body must be object');
    expect(await ask('POST', '/v1/test', json('{"name":"x","__proto__":{"a":1}}'))).toBe(
      '400 request-invalid: The field /__proto__ is not known here',
    );
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'json',
    '',
    'application/json5',
    'application/json; charset=latin1',
  ])('of type %j is refused, not taken for an empty one', async (type) => {
    expect(await ask('POST', '/v1/test', json('{"name":"x"}', type))).toMatch(/^415 content-type-unsupported: /);
  });

  it.each(['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON;charset="UTF-8"'])(
    'of type %s is taken',
    async (type) => {
      expect(await ask('POST', '/v1/test', json('{"name":"x"}', type))).toMatch(/^201 /);
    },
  );

  it('without a type is refused, and none at all where one is needed', async () => {
    expect(await ask('POST', '/v1/test', { body: '{"name":"x"}' })).toBe(
      '415 content-type-unsupported: The body has no content type: send application/json',
    );
    expect(await ask('POST', '/v1/test')).toBe('400 body-missing: A body is needed here: application/json');
  });

  it('over the limit is refused, in one piece and in chunks', async () => {
    const body = JSON.stringify({ name: 'x'.repeat(70_000) });
    const refused = '413 body-too-large: The body is larger than 65536 bytes';
    expect(await ask('POST', '/v1/test', json(body))).toBe(refused);
    const chunked = { headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }, body };
    expect(await ask('POST', '/v1/test', chunked)).toBe(refused);
  });

  it('has no meaning where the route has none', async () => {
    expect(await ask('DELETE', '/v1/test')).toBe('204 ');
    expect(await ask('DELETE', '/v1/test', json(''))).toBe('204 ');
    expect(await ask('DELETE', '/v1/test', json('{}'))).toBe(
      '400 body-unexpected: A body has no meaning here: send none',
    );
  });

  it('may be a stream, of the types and up to the size that the route names', async () => {
    expect(await ask('PUT', '/v1/test/1', json('[1,2,3]'))).toBe('200 json 3');
    expect(await ask('PUT', '/v1/test/1', json('x'.repeat(150_000), 'text/plain'))).toBe('200 text/plain 150000');
    expect(await ask('PUT', '/v1/test/1', json('', 'application/x-ndjson'))).toBe('200 application/x-ndjson 0');
    expect(await ask('PUT', '/v1/test/1', json('x', 'text/csv'))).toBe(
      '415 content-type-unsupported: The content type text/csv is not taken here: send application/json or text/plain or application/x-ndjson',
    );
    const chunked = {
      headers: { 'content-type': 'text/plain', 'transfer-encoding': 'chunked' },
      body: 'x'.repeat(1_000_000),
    };
    expect(await ask('PUT', '/v1/test/1', chunked)).toBe('413 body-too-large: The body is larger than 200000 bytes');
  });

  it('is not read for whoever may not send it', async () => {
    const head =
      'POST /v1/test HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n';
    server.settings.credentials = alice;
    expect(await sendRaw(server.port, [head])).toMatch(/^HTTP\/1\.1 401 .*urn:rfw:problem:unauthenticated/s);
    server.settings.credentials = undefined;
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

it('takes rules and pages as the common schemas have them', async () => {
  const rule = { action: 'drop', chain: 'input', source: '2001:db8::/32', in: 'ppp+', ttl: '10m', comment: 'x' };
  expect(await ask('POST', '/v1/test/rules', json(JSON.stringify(rule)))).toBe(`200 ${JSON.stringify(rule)}`);
  const wrong = { ...rule, source: 'example.com', in: '../x', ttl: 0, expiresAt: 'tomorrow', comment: 'x'.repeat(257) };
  expect(
    (await errorsOf('POST', '/v1/test/rules', json(JSON.stringify(wrong)))).map((text) => text.split(' ')[0]).sort(),
  ).toEqual(['/comment', '/expiresAt', '/in', '/source', '/ttl']);
  for (const expiresAt of ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.5+01:00']) {
    expect(await ask('POST', '/v1/test/rules', json(JSON.stringify({ ...rule, expiresAt })))).toMatch(/^200 /);
  }
  expect(await ask('GET', '/v1/test/rules?limit=1000&cursor=abc')).toBe('200 {"items":[],"next":"abc"}');
  expect(await errorsOf('GET', '/v1/test/rules?limit=0')).toEqual(['limit must be >= 1']);
});
