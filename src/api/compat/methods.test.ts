import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { everyState } from '../../backends/backend.ts';
import { type OpenServer, openServer, type Question, sendRaw } from '../server.fixture.ts';

let server: OpenServer;
beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());
beforeEach(async () => {
  server.settings.nonRestful = false;
  for (const { spec } of await everyState(server.engine.reader.list())) {
    await server.engine.submit({ kind: 'delete', spec, origin: 'test' });
  }
});

const rule = '/drop/input/any/1.2.3.4';
const dump = 'drop input any any 1.2.3.4/32 any';

/** Status, Allow and body of an answer. */
async function ask(method: string, path: string, question?: Question): Promise<string> {
  const { status, headers, text } = await server.send(method, path, question);
  return `${status} [${headers.allow ?? ''}] ${text.trimEnd()}`;
}

describe('a method that is not allowed', () => {
  it.each([
    ['PUT', '/', 'GET, HEAD'],
    ['DELETE', '/', 'GET, HEAD'],
    ['POST', '/', 'GET, HEAD'],
    ['PUT', '/list', 'GET, HEAD'],
    ['DELETE', '/list/input', 'GET, HEAD'],
    ['OPTIONS', '/list', 'GET, HEAD'],
    ['GET', rule, 'PUT, DELETE'],
    ['GET', `${rule}?modify=insert`, 'PUT, DELETE'],
    ['POST', rule, 'PUT, DELETE'],
    ['PATCH', rule, 'PUT, DELETE'],
    ['OPTIONS', rule, 'PUT, DELETE'],
    ['TRACE', rule, 'PUT, DELETE'],
  ])('%s %s gets 405 and Allow: %s', async (method, path, allowed) => {
    const reason = `ERROR: ${method} is not allowed here, but ${allowed}`;
    expect(await ask(method, path)).toBe(`405 [${allowed}] ${reason}`);
    expect(server.backend.dump()).toBe('');
  });

  it('gets 405 as HEAD on a rule, also where GET may change it', async () => {
    expect(await ask('HEAD', rule)).toBe('405 [PUT, DELETE] ');
    server.settings.nonRestful = true;
    expect(await ask('HEAD', `${rule}?modify=insert`)).toBe('405 [GET, PUT, DELETE] ');
    expect(server.backend.dump()).toBe('');
  });

  it.each(['PROPFIND', 'LINK', 'PURGE', 'SEARCH', 'M-SEARCH'])(
    'gets 405 as the less common %s, too',
    async (method) => {
      expect(await ask(method, rule)).toMatch(/^405 \[PUT, DELETE\] ERROR: /);
      expect(await ask(method, '/list')).toMatch(/^405 \[GET, HEAD\] ERROR: /);
    },
  );

  it('gets 400 when HTTP knows no such method', async () => {
    expect(await sendRaw(server.port, ['FOO / HTTP/1.1\r\nHost: localhost\r\n\r\n'])).toMatch(
      /^HTTP\/1\.1 400 .*ERROR: /s,
    );
  });
});

describe('non.restful', () => {
  beforeEach(() => {
    server.settings.nonRestful = true;
  });

  it('lets GET insert and delete', async () => {
    expect(await ask('GET', `${rule}?modify=insert`)).toContain('"status":"created"');
    expect(server.backend.dump()).toBe(dump);
    expect(await ask('GET', `${rule}/?modify=INSERT&expire=1h`)).toContain('"status":"updated"');
    expect(await ask('GET', `${rule}?modify=delete`)).toContain('"status":"deleted"');
    expect(await ask('GET', `${rule}?modify=delete`)).toContain('"status":"absent"');
    expect(server.backend.dump()).toBe('');
  });

  it('leaves PUT and DELETE what they are, whatever modify says', async () => {
    expect(await ask('PUT', `${rule}?modify=delete`)).toContain('"status":"created"');
    expect(await ask('DELETE', `${rule}?modify=insert`)).toContain('"status":"deleted"');
  });

  it.each([
    [rule, 'GET on a rule needs modify=insert or modify=delete'],
    [`${rule}?modify=`, 'GET on a rule needs modify=insert or modify=delete'],
    [`${rule}?modify=update`, 'Incorrect modify parameter value "update": insert or delete'],
    ['/drop/input/any/127.0.0.1?modify=insert', 'Ignoring the request conflicting with the whitelist'],
  ])('refuses GET %s: %s', async (path, message) => {
    expect(await ask('GET', path)).toBe(`400 [] ERROR: ${message}`);
  });

  it('says in Allow that GET is possible', async () => {
    expect(await ask('POST', rule)).toMatch(/^405 \[GET, PUT, DELETE\]/);
  });
});

describe('a body means nothing', () => {
  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain',
    'application/octet-stream',
    'x/y',
  ])('of type %s', async (type) => {
    for (const body of ['{', '{"expire":1}', 'expire=1', '\0\xff', '']) {
      const question = { headers: { 'content-type': type }, body };
      expect(await ask('PUT', rule, question)).toMatch(/^200 .*"expiresAt":null/);
      expect(await ask('DELETE', rule, question)).toContain('"status":"deleted"');
      expect(await ask('GET', '/list', question)).toBe('200 [] []');
    }
  });

  it('without a type, in one piece and in chunks', async () => {
    expect(await ask('PUT', rule, { headers: { 'content-length': '2' }, body: 'hi' })).toContain('"created"');
    const chunked = { headers: { 'transfer-encoding': 'chunked' }, body: 'hi' };
    expect(await ask('DELETE', rule, chunked)).toContain('"deleted"');
  });

  it('and is waited for when the client asks whether to go on', async () => {
    const head = `PUT ${rule} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n`;
    expect(await sendRaw(server.port, [head, 'hi'])).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
  });

  it.each(['', ';;;', 'json', '/', 'a b/c', 'text/plain; charset'])('of the malformed type "%s"', async (type) => {
    expect(await ask('PUT', rule, { headers: { 'content-type': type }, body: 'hi' })).toContain('"created"');
  });
});

describe('a path in an odd form', () => {
  it.each([
    [
      '* of OPTIONS',
      'OPTIONS * HTTP/1.1',
      /^HTTP\/1\.1 400 .*ERROR: Incorrect path: "\*"\. The path must begin with \//s,
    ],
    ['one with a fragment', 'GET /list#x HTTP/1.1', /^HTTP\/1\.1 400 .*ERROR: Incorrect path: "\/list#x"/s],
    ['one with backslashes', 'PUT \\drop\\input HTTP/1.1', /^HTTP\/1\.1 400 .*ERROR: /s],
    ['one of HTTP/1.0', 'GET /list HTTP/1.0', /^HTTP\/1\.1 200 OK.*\r\n\r\n\[\]$/s],
    ['one with a bad escape in its query', 'GET /list?x=%zz HTTP/1.1', /^HTTP\/1\.1 200 OK/],
    ['one with dots', 'PUT /drop/../drop/input/any/1.2.3.4 HTTP/1.1', /^HTTP\/1\.1 400 .*Wrong chain name/s],
  ])('%s', async (_, line, answer) => {
    expect(await sendRaw(server.port, [`${line}\r\nHost: localhost\r\n\r\n`])).toMatch(answer);
    expect(server.backend.dump()).toBe('');
  });

  it('is taken in the absolute form of RFC 9112, section 3.2.2, which every server must take', async () => {
    const line = `GET http://localhost:${server.port}/list HTTP/1.1`;
    expect(await sendRaw(server.port, [`${line}\r\nHost: localhost:${server.port}\r\n\r\n`])).toMatch(
      /^HTTP\/1\.1 200/,
    );
  });
});
