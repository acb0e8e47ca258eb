import { connect } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RfwError } from '../domain/errors.ts';
import { type Certificate, makeCertificate, type OpenServer, openServer, send, sendRaw } from './server.fixture.ts';

let certificate: Certificate;
let local: OpenServer;
let outward: OpenServer;

beforeAll(async () => {
  certificate = await makeCertificate();
  local = await openServer();
  outward = await openServer({}, certificate);
});
afterAll(() => Promise.all([local.close(), outward.close()]));

const rule = '/drop/input/any/1.2.3.4';

describe('limits', () => {
  it('take a path of 8192 bytes and answer 414 to a longer one', async () => {
    const path = (length: number): string => `/list?${'x'.repeat(length - 6)}`;
    expect((await local.send('GET', path(8192))).status).toBe(200);
    const { status, text } = await local.send('GET', path(8193));
    expect([status, text]).toEqual([414, 'ERROR: The path and query are longer than 8192 bytes\r\n']);
  });

  it.each([20_000, 40_000, 200_000])('answer 414 to a path of %s bytes', async (length) => {
    const text = await sendRaw(local.port, [`PUT /${'a'.repeat(length)} HTTP/1.1\r\nHost: localhost\r\n\r\n`]);
    expect(text).toMatch(/^HTTP\/1\.1 414 .*\r\n\r\nERROR: .*\r\n$/s);
  });

  it.each([40_000, 200_000])('answer 431 to headers of %s bytes', async (length) => {
    const text = await sendRaw(local.port, [`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(length)}\r\n\r\n`]);
    expect(text).toMatch(/^HTTP\/1\.1 431 .*\r\n\r\nERROR: Request Header Fields Too Large\r\n$/s);
  });

  it('answer 431 also when the headers come in several packets', async () => {
    const text = await sendRaw(local.port, ['GET / HTTP/1.1\r\nHost: localhost\r\n', `X: ${'a'.repeat(40_000)}`]);
    expect(text).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('answer 413 to a body over 64 KiB, in one piece or in chunks', async () => {
    const body = 'x'.repeat(70_000);
    expect((await local.send('PUT', rule, { body })).status).toBe(413);
    expect((await local.send('PUT', rule, { body, headers: { 'transfer-encoding': 'chunked' } })).status).toBe(413);
    expect(local.backend.dump()).toBe('');
  });

  it.each(['hello\r\n\r\n', '\x16\x03\x01\x02\x00\x01', 'GET / HTTP/9.9\r\n\r\n'])(
    'answer 400 to what is no HTTP',
    async (bytes) => {
      expect(await sendRaw(local.port, [bytes])).toMatch(
        /^HTTP\/1\.1 400 Bad Request\r\n.*\r\n\r\nERROR: Bad Request\r\n$/s,
      );
    },
  );

  it('answer 400 to two lengths of one body, which two programs could read differently', async () => {
    const head = `PUT ${rule} HTTP/1.1\r\nHost: localhost\r\n`;
    const lengths = 'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
    expect(await sendRaw(local.port, [head + lengths])).toMatch(/^HTTP\/1\.1 400 /);
    expect(await sendRaw(local.port, [`${head}Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc`])).toMatch(
      /^HTTP\/1\.1 400 /,
    );
  });
});

describe('failures', () => {
  it.each([
    ['kernel-refused', 503],
    ['kernel-unavailable', 503],
    ['store-failed', 503],
    ['unsupported', 503],
    ['stopping', 503],
  ] as const)('of kind %s are answered with %s and the reason', async (code, status) => {
    local.settings.before = () => Promise.reject(new RfwError(code, 'iptables-restore: line 2 failed'));
    const answer = await local.send('PUT', rule);
    expect([answer.status, answer.text]).toEqual([status, 'ERROR: iptables-restore: line 2 failed\r\n']);
    local.settings.before = async () => {};
  });

  it('of the program itself are answered with 500 and tell nothing of its insides', async () => {
    local.settings.before = () => Promise.reject(new TypeError("Cannot read properties of undefined (reading 'x')"));
    const answer = await local.send('PUT', rule);
    local.settings.before = async () => {};
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('undefined');
    expect(answer.text).toMatch(/^ERROR: .*\r\n$/);
  });
});

describe('TLS', () => {
  /** The version that both agree on, or why they don't. */
  const handshake = (options: ConnectionOptions): Promise<string> =>
    new Promise((resolve) => {
      const socket = connectTls({ host: '127.0.0.1', port: outward.port, ca: certificate.authority, ...options });
      socket.on('error', (error) => resolve('code' in error ? String(error.code) : error.message));
      socket.on('secureConnect', () => {
        resolve(String(socket.getProtocol()));
        socket.destroy();
      });
    });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('%s is spoken', async (version) => {
    expect(await handshake({ minVersion: version, maxVersion: version })).toBe(version);
  });

  it.each(['TLSv1', 'TLSv1.1'] as const)('%s is refused', async (version) => {
    const old = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' };
    expect(await handshake(old)).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  });

  it('is what the outward server wants: plain HTTP gets no answer', async () => {
    const answer = send({ port: outward.port }, 'GET', '/');
    await expect(answer).rejects.toThrow(/socket hang up|ECONNRESET|Parse Error/);
  });
});

describe('closing', () => {
  it('finishes the request under way, and takes no other', async () => {
    const server = await openServer();
    let release = (): void => {};
    let arrived = (): void => {};
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    server.settings.before = () =>
      new Promise((resolve) => {
        release = resolve;
        arrived();
      });
    const underWay = server.send('PUT', rule);
    await arrival;
    const closed = server.close();
    await expect(server.send('GET', '/')).rejects.toThrow(/ECONNREFUSED|ECONNRESET/);
    release();
    expect((await underWay).status).toBe(200);
    await closed;
    expect(server.backend.dump()).toBe('drop input any any 1.2.3.4/32 any');
  });

  it('does not wait for connections that are idle', async () => {
    const server = await openServer();
    const idle = connect(server.port, '127.0.0.1').on('error', () => {});
    idle.write('GET /list HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await new Promise((resolve) => idle.once('data', resolve));
    const begin = performance.now();
    await server.close();
    expect(performance.now() - begin).toBeLessThan(1000);
  });

  it('answers 503 in the form of 2014 to a request that comes over an old connection', async () => {
    const server = await openServer();
    let release = (): void => {};
    server.settings.before = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    const underWay = server.send('PUT', rule);
    const late = sendRaw(server.port, ['GET /list HTTP/1.1\r\n', 'Host: localhost\r\n', '\r\n'], 400);
    await new Promise((resolve) => setTimeout(resolve, 60));
    const closed = server.close();
    const answer = await late;
    release();
    await Promise.all([underWay, closed]);
    expect(answer).toMatch(/^HTTP\/1\.1 503 .*\r\n\r\nERROR: /s);
  });
});
