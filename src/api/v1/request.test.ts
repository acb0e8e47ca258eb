import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alice, type OpenServer, openServer, type Question, sendRaw } from '../server.fixture.ts';
import { ask as askServer, errorsOf as errorsOfServer, json } from './client.fixture.ts';
import { echoRoutes } from './routes.fixture.ts';
import { routes } from './routes.ts';

let server: OpenServer;
beforeAll(async () => {
  server = await openServer({ routes: [...routes, ...echoRoutes] });
});
afterAll(() => server.close());

const ask = (method: string, path: string, question?: Question, to = server): Promise<string> =>
  askServer(to, method, path, question);
const errorsOf = (method: string, path: string, question?: Question): Promise<string[]> =>
  errorsOfServer(server, method, path, question);

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

  it('take decimals where a number may have them', async () => {
    expect(await ask('GET', '/v1/test/7?share=0.25')).toBe('200 {"id":7,"share":0.25}');
    for (const odd of ['.5', '5.', '1e-3', '0x1', 'NaN', ''])
      expect(await errorsOf('GET', `/v1/test/7?share=${odd}`)).toEqual([
        'share must be a number in digits, with a point at most',
      ]);
    expect(await errorsOf('GET', '/v1/test/7?share=-0.5')).toEqual(['share must be >= 0']);
  });

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
