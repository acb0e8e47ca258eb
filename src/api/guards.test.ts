import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  alice,
  basic,
  type Certificate,
  makeCertificate,
  type OpenServer,
  openServer,
  type Question,
  sendRaw,
} from './server.fixture.ts';

const rule = '/drop/input/any/1.2.3.4';
const realm = 'Basic realm="private", Bearer realm="private"';
const asks = '401 ERROR: This server asks for a username and a password';

/** Status and body of an answer; 401 only with the header that makes a client ask for a password. */
async function ask(server: OpenServer, method: string, path: string, question?: Question): Promise<string> {
  const { status, headers, text } = await server.send(method, path, question);
  expect(headers['www-authenticate']).toBe(status === 401 ? realm : undefined);
  return `${status} ${text.trimEnd()}`;
}

const wrongCredentials = [
  undefined,
  basic({ username: 'alice', password: 'secret' }),
  basic({ username: 'bob', password: alice.password }),
  basic({ username: '', password: '' }),
  'Basic',
  'Basic !!!',
];

describe('the outward server', () => {
  let certificate: Certificate;
  let server: OpenServer;
  beforeAll(async () => {
    certificate = await makeCertificate();
    server = await openServer({}, certificate);
  });
  afterAll(() => server.close());
  beforeEach(() => {
    server.settings.whitelist = '127.0.0.0/8';
    server.refusals.length = 0;
  });

  it('serves a whitelisted client that knows the password, and knows it by name and address', async () => {
    const answer = await ask(server, 'PUT', rule, { headers: { authorization: basic(alice) } });
    expect(answer).toMatch(/^200 .*"origin":"alice@127\.0\.0\.1"/);
    expect(server.refusals).toEqual([]);
    await ask(server, 'DELETE', rule, { headers: { authorization: basic(alice) } });
  });

  it.each(wrongCredentials)('answers 401 to the header %s, on every path', async (header) => {
    const question = header === undefined ? {} : { headers: { authorization: header } };
    for (const [method, path] of [
      ['PUT', rule],
      ['GET', '/'],
      ['GET', '/list'],
      ['HEAD', '/list'],
      ['POST', '/nowhere'],
      ['PROPFIND', '/list'],
    ] as const) {
      expect(await ask(server, method, path, question)).toBe(method === 'HEAD' ? '401 ' : asks);
    }
    expect(server.backend.dump()).toBe('');
  });

  it('notes wrong credentials, but not that there were none', async () => {
    await ask(server, 'GET', '/');
    await ask(server, 'GET', '/', { headers: { authorization: basic({ username: 'bob', password: 'x' }) } });
    expect(server.refusals).toEqual(['127.0.0.1 wrong credentials']);
  });

  it('answers 403 to a client that is not in the whitelist, whatever it knows', async () => {
    server.settings.whitelist = '192.0.2.1\n::1';
    const forbidden = '403 ERROR: Your address is not in the whitelist';
    expect(await ask(server, 'PUT', rule, { headers: { authorization: basic(alice) } })).toBe(forbidden);
    expect(await ask(server, 'GET', '/')).toBe(forbidden);
    expect(server.refusals).toEqual(['127.0.0.1 not in the whitelist', '127.0.0.1 not in the whitelist']);
    expect(server.backend.dump()).toBe('');
  });

  it('follows a new whitelist and a new password at once', async () => {
    server.settings.whitelist = '127.0.0.1';
    server.settings.credentials = { username: 'carol', password: 'new' };
    expect(await ask(server, 'GET', '/list', { headers: { authorization: basic(alice) } })).toBe(asks);
    const carol = { headers: { authorization: basic({ username: 'carol', password: 'new' }) } };
    expect(await ask(server, 'GET', '/list', carol)).toBe('200 []');
    server.settings.credentials = alice;
  });

  it('does not mind how it is called', async () => {
    const headers = { authorization: basic(alice), host: 'rfw1.example.com', origin: 'https://rfw1.example.com' };
    expect(await ask(server, 'GET', '/list', { headers })).toBe('200 []');
  });

  it.each([
    { origin: 'https://evil.example' },
    { referer: 'https://evil.example/' },
    { 'sec-fetch-site': 'cross-site' },
  ])('refuses what a page of another site has a browser send, password and all: %o', async (more) => {
    const headers = { authorization: basic(alice), host: 'rfw1.example.com', ...more };
    expect(await ask(server, 'PUT', rule, { headers })).toBe('403 ERROR: Cross-site requests are refused');
  });

  it('answers nothing but 401 and 403 to strangers, also where the path is malformed', async () => {
    expect(await ask(server, 'PUT', '/drop/input/any/%zz')).toBe(asks);
  });
});

describe('the local server', () => {
  let server: OpenServer;
  beforeAll(async () => {
    server = await openServer({ nonRestful: true });
  });
  afterAll(() => server.close());
  beforeEach(() => {
    server.settings.credentials = undefined;
    server.refusals.length = 0;
  });

  const foreignHost = '403 ERROR: The local server answers to localhost, 127.0.0.1 and [::1] only';
  const crossSite = '403 ERROR: Cross-site requests are refused';

  it.each([
    ['a foreign Host', { host: 'evil.example' }, foreignHost],
    ['a foreign Origin', { origin: 'http://evil.example' }, crossSite],
    ['an opaque Origin', { origin: 'null' }, crossSite],
    ['another site', { 'sec-fetch-site': 'cross-site' }, crossSite],
    ['another port of this host', { 'sec-fetch-site': 'same-site' }, crossSite],
  ] as const)('refuses %s with whatever method and path, also GET with modify', async (_, headers, refusal) => {
    for (const [method, path] of [
      ['PUT', rule],
      ['DELETE', rule],
      ['GET', `${rule}?modify=insert`],
      ['GET', '/list'],
      ['GET', '/'],
      ['OPTIONS', rule],
      ['POST', '/nowhere'],
      ['PROPFIND', '/list'],
    ] as const) {
      expect(await ask(server, method, path, { headers })).toBe(refusal);
    }
    expect(server.backend.dump()).toBe('');
    expect(server.refusals).toHaveLength(8);
    expect(server.refusals[0]).toBe(`127.0.0.1 ${refusal.slice('403 ERROR: '.length)}`);
  });

  it('refuses a foreign Host also where the path is malformed', async () => {
    expect(await ask(server, 'PUT', '/drop/input/any/%zz', { headers: { host: 'evil.example' } })).toBe(foreignHost);
  });

  it('lets no answer be read by a page of another site', async () => {
    const { headers } = await server.send('OPTIONS', rule, { headers: { origin: 'http://evil.example' } });
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
  });

  it.each(['localhost', '127.0.0.1', '[::1]'])('serves %s with and without its port', async (name) => {
    for (const host of [name, `${name}:${server.port}`]) {
      expect(await ask(server, 'GET', '/list', { headers: { host } })).toBe('200 []');
    }
    const origin = `http://${name}:${server.port}`;
    expect(await ask(server, 'GET', '/list', { headers: { origin, 'sec-fetch-site': 'same-origin' } })).toBe('200 []');
  });

  it('serves a client of HTTP/1.0, which names no host, and refuses one of HTTP/1.1 that names none or two', async () => {
    expect(await sendRaw(server.port, ['GET /list HTTP/1.0\r\n\r\n'])).toMatch(/^HTTP\/1\.1 200 /);
    expect(await sendRaw(server.port, ['GET /list HTTP/1.1\r\n\r\n'])).toMatch(/^HTTP\/1\.1 400 /);
    const twice = 'GET /list HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n\r\n';
    expect(await sendRaw(server.port, [twice])).toMatch(/^HTTP\/1\.1 40[03] /);
  });

  it('asks for no password unless told to, and then of everybody', async () => {
    expect(await ask(server, 'PUT', rule)).toContain('"origin":"local"');
    server.settings.credentials = alice;
    for (const header of wrongCredentials) {
      const question = header === undefined ? {} : { headers: { authorization: header } };
      expect(await ask(server, 'DELETE', rule, question)).toBe(asks);
    }
    expect(server.backend.dump()).toBe('drop input any any 1.2.3.4/32 any');
    const answer = await ask(server, 'DELETE', rule, { headers: { authorization: basic(alice) } });
    expect(answer).toContain('"status":"deleted"');
  });

  it('refuses a foreign page that knows the password', async () => {
    server.settings.credentials = alice;
    const headers = { authorization: basic(alice), 'sec-fetch-site': 'cross-site' };
    expect(await ask(server, 'GET', `${rule}?modify=insert`, { headers })).toBe(crossSite);
  });
});
