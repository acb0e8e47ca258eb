import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClientAuthority, makeClientAuthority } from '../certs/client.fixture.ts';
import { type Scope, scopes } from './access/principal.ts';
import { Asking, otherRights, type Visitor, v1Rights } from './rights.fixture.ts';
import { alice, basic, type Certificate, makeCertificate, type OpenServer, openServer } from './server.fixture.ts';
import { routes } from './v1/routes.ts';

/** What becomes of all requests of a client: an answer by what it may do, or the same to all. */
type Fate = 'everything' | Scope | 'nothing but public' | 401 | 403;

const all = { ...v1Rights, ...otherRights };

/** Which scopes have others in them. */
const implied: Partial<Record<Scope, readonly Scope[]>> = { 'rules:write:any': ['rules:write'], admin: scopes };

function expected(fate: Fate, needs: Scope | 'public', status: number): number {
  if (typeof fate === 'number') return fate;
  if (fate === 'everything' || needs === 'public') return status;
  if (fate === 'nothing but public') return 403;
  return fate === needs || implied[fate]?.includes(needs) ? status : 403;
}

/** Every route with what was answered where that isn't what the table says. */
async function surprises(server: OpenServer, visitor: Visitor, fate: Fate, authority?: Buffer): Promise<string[]> {
  const asking = new Asking(server, authority, visitor);
  const found: string[] = [];
  for (const [name, right] of Object.entries(all)) {
    const [method = ''] = name.split(' ');
    const wanted = expected(fate, right.scope, right.status);
    const isChange = right.path.includes('modify=');
    for (const each of method === 'GET' && !isChange ? ['GET', 'HEAD'] : [method]) {
      const status = await asking.status(each, right);
      if (status !== wanted) found.push(`${each} ${right.path}: ${status} instead of ${wanted}`);
    }
  }
  asking.close();
  return found;
}

let certificate: Certificate;
let clients: ClientAuthority;
let folder: string;
let servers: {
  readonly outward: OpenServer;
  readonly local: OpenServer;
  readonly asking: OpenServer;
  readonly socket: OpenServer;
};
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rfw-rights-'));
  [certificate, clients] = await Promise.all([makeCertificate(), makeClientAuthority()]);
  const roles = [...scopes.map((scope) => `CN=${nameOf(scope)}: ${scope}`), 'CN=two: rules:read audit:read'].join(', ');
  const tls = { ...certificate, clientCa: Buffer.from(clients.pem) };
  const [outward, local, asking, socket] = await Promise.all([
    openServer({ roles, nonRestful: true }, tls),
    openServer({ nonRestful: true }),
    openServer({ nonRestful: true, credentials: alice }),
    openServer({ nonRestful: true, kind: 'socket', path: join(folder, 'rfw.sock') }),
  ]);
  servers = { outward, local, asking, socket };
});
afterAll(async () => {
  await Promise.all(Object.values(servers).map((server) => server.close()));
  rmSync(folder, { recursive: true });
});

/** A scope in a common name: a colon ends that. */
function nameOf(scope: Scope): string {
  return scope.replaceAll(':', '-');
}

const wrong = basic({ username: alice.username, password: 'wrong' });
let made = 0;

/** Makes a token, and says how to send it. */
async function bearer(server: OpenServer, given: readonly Scope[], more: object = {}) {
  const { token, record } = await server.tokens.create({ name: `t${++made}`, scopes: given, ...more }, 'test');
  return { headers: { authorization: `Bearer ${token}` }, id: record.id };
}

/** Clients with tokens, which fare alike at every door. */
async function withTokens(server: OpenServer): Promise<[string, Visitor, Fate][]> {
  const single = scopes.map(async (scope): Promise<[string, Visitor, Fate]> => {
    return [`a token with ${scope}`, await bearer(server, [scope]), scope];
  });
  const revoked = await bearer(server, ['admin']);
  await server.tokens.revoke(revoked.id);
  const expired = await bearer(server, ['admin'], { expiresAt: Date.now() + 30 });
  await new Promise((resolve) => setTimeout(resolve, 40));
  const stranger = { headers: { authorization: `Bearer rfw_0123456789abcdef_${'x'.repeat(43)}` } };
  return [
    ...(await Promise.all(single)),
    ['a token that was taken back', revoked, 401],
    ['a token that has expired', expired, 401],
    ['a token for other addresses', await bearer(server, ['admin'], { clients: ['203.0.113.0/24'] }), 401],
    ['a token that nobody made', stranger, 401],
    ['half a token', { headers: { authorization: 'Bearer' } }, 401],
  ];
}

/** One after the other, since they put and delete the same rule. */
async function expectTable(server: OpenServer, visitors: readonly [string, Visitor, Fate][], authority?: Buffer) {
  const found: string[] = [];
  for (const [name, visitor, fate] of visitors) {
    for (const surprise of await surprises(server, visitor, fate, authority)) found.push(`${name}: ${surprise}`);
  }
  expect(found).toEqual([]);
}

describe('the table of rights', () => {
  it('has every route of /v1, with its scope, and no other', () => {
    const found = routes.map(({ method, path, scope }) => `${method} ${path} ${scope}`);
    expect(found.sort()).toEqual(
      Object.entries(v1Rights)
        .map(([name, { scope }]) => `${name} ${scope}`)
        .sort(),
    );
  });

  it('asks each of them for itself', () => {
    for (const [name, { path }] of Object.entries(v1Rights)) {
      const pattern = (name.split(' ')[1] ?? '').replace(/\{\w+\}/g, '[^/?]+').replaceAll('.', '\\.');
      expect(path).toMatch(new RegExp(`^${pattern}(\\?|$)`));
    }
  });
});

describe('nothing is open by mistake', () => {
  it('at the outward server, by password and token', async () => {
    const { outward } = servers;
    await expectTable(
      outward,
      [
        ['nobody', {}, 401],
        ['a wrong password', { headers: { authorization: wrong } }, 401],
        ['the password', { headers: { authorization: basic(alice) } }, 'everything'],
        ['a page of another site', { headers: { authorization: basic(alice), 'sec-fetch-site': 'cross-site' } }, 403],
        ...(await withTokens(outward)),
      ],
      certificate.authority,
    );
  });

  it('at the outward server, by certificate', async () => {
    const { outward } = servers;
    const other = await makeClientAuthority();
    const single = scopes.map(async (scope): Promise<[string, Visitor, Fate]> => {
      return [`a certificate with ${scope}`, { tls: await clients.sign([nameOf(scope)]) }, scope];
    });
    const stranger = { tls: await clients.sign(['stranger']) };
    await expectTable(
      outward,
      [
        ...(await Promise.all(single)),
        ['a certificate without a role', stranger, 401],
        ['a certificate of another authority', { tls: await other.sign(['admin']) }, 403],
        [
          'one without a role, and the password',
          { ...stranger, headers: { authorization: basic(alice) } },
          'everything',
        ],
        [
          'a certificate, and a token that may less',
          { tls: await clients.sign(['admin']), headers: (await bearer(outward, ['audit:read'])).headers },
          'audit:read',
        ],
      ],
      certificate.authority,
    );
  });

  it('at the outward server, to an address that is not whitelisted', async () => {
    const { outward } = servers;
    const before = outward.settings.whitelist;
    outward.settings.whitelist = '192.0.2.1';
    try {
      await expectTable(
        outward,
        [
          ['nobody', {}, 403],
          ['the password', { headers: { authorization: basic(alice) } }, 403],
          ['a token', await bearer(outward, ['admin']), 403],
          ['a certificate', { tls: await clients.sign(['admin']) }, 403],
        ],
        certificate.authority,
      );
    } finally {
      outward.settings.whitelist = before;
    }
  });

  it('at the local server', async () => {
    const { local } = servers;
    await expectTable(local, [
      ['a program', {}, 'everything'],
      // Clients of 2014 may send one, and always could.
      ['a password that nobody asks for', { headers: { authorization: wrong } }, 'everything'],
      ['a page in a browser', { headers: { origin: 'http://example.org' } }, 403],
      ['a name that is not its own', { headers: { host: 'example.org' } }, 403],
      ...(await withTokens(local)),
    ]);
  });

  it('at the local server that asks for a password', async () => {
    const { asking } = servers;
    await expectTable(asking, [
      ['a program', {}, 401],
      ['a wrong password', { headers: { authorization: wrong } }, 401],
      ['the password', { headers: { authorization: basic(alice) } }, 'everything'],
      ['a page that knows the password', { headers: { authorization: basic(alice), origin: 'null' } }, 403],
      ...(await withTokens(asking)),
    ]);
  });

  it('at the unix socket', async () => {
    const { socket } = servers;
    await expectTable(socket, [
      ['a program', {}, 'everything'],
      ['a password that nobody asks for', { headers: { authorization: wrong } }, 'everything'],
      ...(await withTokens(socket)),
    ]);
  });

  it('to a principal without any scope', async () => {
    const { local } = servers;
    local.settings.principal = { name: 'x', kind: 'nobody', scopes: new Set(), limits: {} };
    await expectTable(local, [['a principal without scopes', {}, 'nothing but public']]);
    local.settings.principal = undefined;
  });

  it('and has left nothing behind', () => {
    for (const { engine, backend } of Object.values(servers)) {
      expect([backend.dump(), engine.whitelisting.added, engine.confirmations.waiting]).toEqual(['', [], []]);
    }
  });
});
