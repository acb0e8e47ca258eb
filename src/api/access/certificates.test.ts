import { Agent, type Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ClientAuthority, makeClientAuthority } from '../../certs/client.fixture.ts';
import { ExtendedKeyUsage } from '../../certs/x509.ts';
import {
  alice,
  basic,
  type Certificate,
  makeCertificate,
  type OpenServer,
  openServer,
  type Question,
} from '../server.fixture.ts';
import { tlsOptions } from '../server.ts';
import { parseRoles } from './certificates.ts';

const rule = '/drop/input/any/203.0.113.1';

describe('roles', () => {
  it('are names with scopes', () => {
    expect(parseRoles(' CN=detector: rules:write  rules:read ,CN=the ops of 2:admin')).toEqual(
      new Map([
        ['detector', new Set(['rules:write', 'rules:read'])],
        ['the ops of 2', new Set(['admin'])],
      ]),
    );
  });

  it.each([
    ['', '"" must be CN=NAME: SCOPES'],
    ['CN=a: admin,', '"" must be CN=NAME: SCOPES'],
    ['detector: admin', '"detector: admin" must be CN=NAME: SCOPES'],
    ['CN=detector', '"CN=detector" must be CN=NAME: SCOPES'],
    ['CN= : admin', '"CN= : admin" must be CN=NAME: SCOPES'],
    ['CN=a:', 'CN=a needs at least one scope of rules:read'],
    ['CN=a: root', '"root" is none of the scopes: rules:read'],
    ['CN=a: admin, CN=a: rules:read', 'CN=a is there twice'],
    ['CN=a: admin; CN=b: admin', '"admin;" is none of the scopes'],
  ])('are refused as %j', (text, message) => {
    expect(() => parseRoles(text)).toThrow(message);
  });
});

describe('a client with a certificate', () => {
  let certificate: Certificate;
  let clients: ClientAuthority;
  let server: OpenServer;
  beforeAll(async () => {
    [certificate, clients] = await Promise.all([makeCertificate(), makeClientAuthority()]);
    server = await openServer({}, { ...certificate, clientCa: Buffer.from(clients.pem) });
  });
  afterAll(() => server.close());
  beforeEach(() => {
    server.refusals.length = 0;
    server.settings.roles = 'CN=detector: rules:write, CN=reader: rules:read, CN=ops: admin';
  });

  const ask = async (method: string, path: string, question: Question = {}): Promise<string> => {
    const { status, text } = await server.send(method, path, question);
    return `${status} ${text.trimEnd()}`;
  };
  const password = { authorization: basic(alice) };

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('is known by it over %s, and may do what its role says', async (version) => {
    const tls = { ...(await clients.sign(['detector'])), maxVersion: version };
    expect(await ask('PUT', rule, { tls })).toMatch(/^200 .*"origin":"certificate:detector"/);
    expect(await ask('GET', '/list', { tls })).toBe(
      '403 ERROR: certificate:detector may not do this: it needs the scope rules:read',
    );
    expect(await ask('DELETE', rule, { tls })).toContain('"status":"deleted"');
    expect(await ask('GET', '/list', { tls: await clients.sign(['reader']) })).toBe('200 []');
    expect(await ask('PUT', rule, { tls: await clients.sign(['reader']) })).toMatch(/^403 .*rules:write$/);
  });

  it('changes no rules of others, unless its role says so', async () => {
    await ask('PUT', rule, { headers: password });
    const tls = await clients.sign(['detector']);
    expect(await ask('DELETE', rule, { tls })).toBe(
      '403 ERROR: The rule is of alice@127.0.0.1: you may only change your own',
    );
    expect(await ask('DELETE', rule, { tls: await clients.sign(['ops']) })).toContain('"status":"deleted"');
  });

  it('may log in otherwise when its name has no role, or it has none or several', async () => {
    for (const names of [['stranger'], [], ['detector', 'ops'], ['Detector']]) {
      const tls = await clients.sign(names);
      expect(await ask('GET', '/list', { tls })).toMatch(/^401 /);
      expect(await ask('GET', '/list', { tls, headers: password })).toBe('200 []');
    }
  });

  it('is not needed', async () => {
    expect(await ask('GET', '/list')).toMatch(/^401 /);
    expect(await ask('GET', '/list', { headers: password })).toBe('200 []');
  });

  it('goes before the password, and a token before both', async () => {
    const tls = await clients.sign(['detector']);
    expect(await ask('PUT', rule, { tls, headers: password })).toContain('"origin":"certificate:detector"');
    const { token, record } = await server.tokens.create({ name: 'probe', scopes: ['rules:read'] }, 'local');
    const headers = { authorization: `Bearer ${token}` };
    expect(await ask('DELETE', rule, { tls, headers })).toMatch(/^403 .*token:probe/);
    await server.tokens.revoke(record.id);
    expect(await ask('DELETE', rule, { tls, headers })).toMatch(/^401 /);
    expect(await ask('DELETE', rule, { tls })).toContain('"status":"deleted"');
  });

  it('is refused when that is of another authority, over, for servers or to come, password and all', async () => {
    const other = await makeClientAuthority();
    const hour = 3_600_000;
    const around = (from: number, until: number) => ({
      validity: { from: new Date(Date.now() + from), until: new Date(Date.now() + until) },
    });
    for (const [tls, reason] of [
      [await other.sign(['ops']), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
      [await clients.sign(['ops'], around(-2 * hour, -hour)), 'CERT_HAS_EXPIRED'],
      [await clients.sign(['ops'], around(hour, 2 * hour)), 'CERT_NOT_YET_VALID'],
      [await clients.sign(['ops'], { usage: ExtendedKeyUsage.serverAuth }), 'INVALID_PURPOSE'],
    ] as const) {
      const refusal = `403 ERROR: Your certificate is not accepted: ${reason}`;
      expect(await ask('GET', '/list', { tls })).toBe(refusal);
      expect(await ask('GET', '/list', { tls, headers: password })).toBe(refusal);
      expect(server.refusals.at(-1)).toBe(`127.0.0.1 certificate not accepted: ${reason}`);
    }
  });

  it('is refused over a connection that lasts longer than the certificate', async () => {
    const soon = { validity: { from: new Date(Date.now() - 10_000), until: new Date(Date.now() + 2000) } };
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const tls = { ...(await clients.sign(['reader'], soon)), agent };
    const connections: unknown[] = [];
    const count = (socket: unknown): void => void connections.push(socket);
    server.server.server.on('secureConnection', count);
    expect(await ask('GET', '/list', { tls })).toBe('200 []');
    await new Promise((resolve) => setTimeout(resolve, 2100));
    expect(await ask('GET', '/list', { tls })).toBe('403 ERROR: Your certificate is not accepted: it has expired');
    expect(connections).toHaveLength(1);
    server.server.server.off('secureConnection', count);
    agent.destroy();
  });

  it('can’t do without a whitelisted address', async () => {
    server.settings.whitelist = '192.0.2.1';
    expect(await ask('GET', '/list', { tls: await clients.sign(['ops']) })).toMatch(/^403 .*whitelist$/);
    server.settings.whitelist = '127.0.0.0/8';
  });

  it('loses its rights with its role, at once', async () => {
    const tls = await clients.sign(['reader']);
    expect(await ask('GET', '/list', { tls })).toBe('200 []');
    server.settings.roles = 'CN=ops: admin';
    expect(await ask('GET', '/list', { tls })).toMatch(/^401 /);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'is looked at anew under another authority, resumed sessions over %s too',
    async (version) => {
      const { cert, key } = await clients.sign(['reader']);
      const agent = new Agent({ keepAlive: false, maxCachedSessions: 10 });
      const tls = { cert, key, maxVersion: version, agent } as const;
      const context = server.server.server as unknown as Server;
      const reused: boolean[] = [];
      context.on('secureConnection', (socket: TLSSocket) => void reused.push(socket.isSessionReused()));
      expect(await ask('GET', '/list', { tls })).toBe('200 []');
      expect(await ask('GET', '/list', { tls })).toBe('200 []');
      expect(reused).toEqual([false, true]);
      const other = await makeClientAuthority();
      context.setSecureContext(tlsOptions({ ...certificate, clientCa: Buffer.from(other.pem) }));
      expect(await ask('GET', '/list', { tls })).toMatch(/^403 .*certificate is not accepted/);
      context.setSecureContext(tlsOptions({ ...certificate, clientCa: Buffer.from(clients.pem) }));
      expect(await ask('GET', '/list', { tls })).toBe('200 []');
      agent.destroy();
    },
  );
});
