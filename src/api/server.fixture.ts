import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import { MemoryBackend } from '../backends/memory.ts';
import { generate } from '../certs/generation.ts';
import { parseSubjectNames } from '../certs/subject.ts';
import { formatAddress } from '../domain/address.ts';
import { type ListLimits, listLimits } from '../domain/list-entries.ts';
import { parseWhitelist, Whitelist } from '../domain/whitelist.ts';
import { systemClock } from '../engine/clock.ts';
import { Engine } from '../engine/engine.ts';
import { MemoryStore } from '../engine/store/memory.ts';
import type { Store } from '../engine/store/store.ts';
import { Buckets } from './access/buckets.ts';
import { parseRoles } from './access/certificates.ts';
import { type LoginPolicy, Logins } from './access/logins.ts';
import type { Principal } from './access/principal.ts';
import { StoredTokens } from './access/token-store.ts';
import { Tokens } from './access/tokens.ts';
import { type CompatOptions, compatRoutes } from './compat/routes.ts';
import { type Credentials, parseBasic } from './credentials.ts';
import { guardLocal, guardOutward, guardSocket } from './guards.ts';
import { closeServer, makeServer, type TlsFiles } from './server.ts';
import { Connections } from './v1/connections.ts';
import { Followers } from './v1/followers.ts';
import { Answers } from './v1/idempotency.ts';
import { v1Routes } from './v1/plugin.ts';
import type { Route } from './v1/route.ts';
import { routes } from './v1/routes.ts';
import type { Status } from './v1/schemas.ts';
import type { Condition, Services } from './v1/services.ts';

/** What a server answered. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Question {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The certificate that the client shows, and whatever else it wants of TLS. */
  readonly tls?: ConnectionOptions;
}

/** Certificate and key of a server on 127.0.0.1, and the authority that a client trusts. */
export interface Certificate extends TlsFiles {
  readonly authority: Buffer;
}

/** A real server on a port of its own, on an engine without a kernel. What stands in `settings` may change at any time. */
export interface OpenServer {
  readonly port: number;
  readonly engine: Engine;
  readonly backend: MemoryBackend;
  readonly server: FastifyInstance;
  readonly refusals: string[];
  /** The addresses that have failed to log in too often. */
  readonly tooMany: string[];
  readonly tokens: Tokens;
  readonly settings: Settings;
  send(method: string, path: string, question?: Question): Promise<Answer>;
  /** Closes as the daemon does. */
  close(): Promise<void>;
}

interface Settings {
  kind: 'local' | 'outward' | 'socket';
  /** Where a unix socket listens. */
  path: string;
  whitelist: string;
  credentials: Credentials | undefined;
  roles: string;
  logins: LoginPolicy;
  nonRestful: boolean;
  defaultExpire: number;
  listLimits: ListLimits;
  /** What /v1 serves. */
  routes: readonly Route[];
  condition: Condition;
  /** What the routes of /v1 wait for. */
  started: Promise<unknown>;
  /** Whoever the door lets in is this. */
  principal: Principal | undefined;
  /** Comes before every answer of the routes of 2014. */
  before: () => Promise<void>;
  /** Of the engine; whoever gives it closes it. */
  store: Store;
}

/** The credentials that a test takes where it doesn't care. */
export const alice: Credentials = { username: 'alice', password: 'se:cret' };

export function basic({ username, password }: Credentials): string {
  const header = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  if (parseBasic(header) === undefined) throw new Error('No credentials that can be sent');
  return header;
}

export async function makeCertificate(): Promise<Certificate> {
  const directory = mkdtempSync(join(tmpdir(), 'rfw-api-'));
  const request = { names: parseSubjectNames('127.0.0.1', []), algorithm: 'ecdsa', days: 2, force: false } as const;
  try {
    await generate(request, { directory, now: new Date() });
    const read = (path: string): Buffer => readFileSync(join(directory, path));
    return {
      cert: read('server_127.0.0.1/server.crt'),
      key: read('server_127.0.0.1/server.key'),
      authority: read('client/ca.crt'),
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Opens a server: a local one, or with a certificate an outward one. */
export async function openServer(more: Partial<Settings> = {}, tls?: Certificate): Promise<OpenServer> {
  const settings: Settings = {
    kind: tls === undefined ? 'local' : 'outward',
    path: '',
    whitelist: '127.0.0.0/8\n192.0.2.0/24',
    credentials: tls === undefined ? undefined : alice,
    roles: 'CN=detector: rules:write',
    logins: { failures: undefined, period: 600_000, firstDelay: 0, longestDelay: 0 },
    nonRestful: false,
    defaultExpire: 0,
    listLimits,
    routes,
    condition: { state: 'ready' },
    principal: undefined,
    started: Promise.resolve(),
    before: async () => {},
    store: new MemoryStore(),
    ...more,
  };
  const backend = new MemoryBackend();
  const protection = { whitelist: parseWhitelist(settings.whitelist, 'white.list'), guard: null };
  const engine = await Engine.start({
    backend,
    store: settings.store,
    clock: systemClock,
    protection,
    onEvent: () => {},
  });
  const server = makeServer(tls);
  const refusals: string[] = [];
  const tooMany: string[] = [];
  const accounts = {
    tokens: await Tokens.load(new StoredTokens(settings.store, Promise.resolve(engine))),
    buckets: new Buckets(),
    logins: new Logins(
      () => settings.logins,
      (client) => void tooMany.push(formatAddress(client)),
    ),
  };
  let port = 0;
  const onRefusal = (client: string, reason: string): void => void refusals.push(`${client} ${reason}`);
  const outwardPolicy = () => ({
    whitelist: whitelistOf(settings, engine),
    credentials: settings.credentials ?? alice,
    roles: parseRoles(settings.roles),
  });
  if (settings.kind === 'outward') guardOutward(server, outwardPolicy, accounts, onRefusal);
  else if (settings.kind === 'socket') guardSocket(server, accounts, onRefusal);
  else guardLocal(server, () => ({ port, credentials: settings.credentials }), accounts, onRefusal);
  server.addHook('onRequest', async (request) => {
    const { principal } = settings;
    if (principal === undefined) return;
    request.principal = principal;
    request.principalNow = () => settings.principal ?? principal;
  });
  v1Routes(server, settings.routes, servicesOf(settings, engine, accounts.tokens));
  compatRoutes(server, async () => {
    await settings.before();
    return optionsOf(settings, engine, port);
  });
  await server.listen(settings.kind === 'socket' ? { path: settings.path } : { host: '127.0.0.1', port: 0 });
  port = portOf(server.server.address());
  return {
    port,
    engine,
    backend,
    server,
    refusals,
    tooMany,
    tokens: accounts.tokens,
    settings,
    send: (method, path, question) => send({ port, authority: tls?.authority }, method, path, question),
    close: async () => {
      await closeServer(server);
      await engine.stop();
    },
  };
}

/** The entries of the file as it is now, and those that were added. */
function whitelistOf({ whitelist }: Settings, { whitelisting }: Engine): Whitelist {
  const file = parseWhitelist(whitelist, 'white.list');
  return new Whitelist([...file.entries, ...whitelisting.added.map(({ entry }) => entry)]);
}

function optionsOf({ nonRestful, defaultExpire, kind }: Settings, engine: Engine, port: number): CompatOptions {
  const facts = {
    version: '1.2.3',
    scheme: kind === 'local' ? 'http' : 'https',
    host: '127.0.0.1',
    port,
    authentication: kind === 'outward',
    nonRestful,
    defaultExpire,
    backend: 'memory',
    rules: engine.size,
    drifts: engine.drifts,
  } as const;
  return { engine, nonRestful, defaultExpire, facts };
}

function servicesOf(settings: Settings, engine: Engine, tokens: Tokens): Services {
  return {
    started: settings.started,
    version: exampleStatus.version,
    engine,
    condition: () => settings.condition,
    defaultExpire: () => settings.defaultExpire,
    listLimits: () => settings.listLimits,
    answers: new Answers(),
    connections: new Connections(),
    followers: new Followers(),
    tokens,
    metrics: async () => '# TYPE rfw_rules gauge\n',
    status: () => ({ ...exampleStatus, rules: engine.size }),
  };
}

const exampleStatus: Status = {
  version: '1.2.3',
  state: 'ready',
  degraded: null,
  backend: 'memory',
  capabilities: { summary: 'memory', ipv6: true, lists: true, shortcomings: [] },
  rules: 0,
  lists: 0,
  drifts: 0,
  queue: 0,
  startedAt: '2026-01-31T12:00:00.000Z',
  uptime: 1,
  memory: { rss: 1, heapUsed: 1 },
  urls: [],
};

function portOf(address: string | { port: number } | null): number {
  if (address === null) throw new Error('The server does not listen');
  return typeof address === 'string' ? 0 : address.port;
}

/** Sends one request over a connection of its own. */
export function send(
  to: { readonly port: number; readonly authority?: Buffer | undefined },
  method: string,
  path: string,
  { headers = {}, body, tls }: Question = {},
): Promise<Answer> {
  // Node's client frames the body of a DELETE or GET only when it is told how.
  const framed = body === undefined || 'transfer-encoding' in headers;
  const length = framed ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const options = { host: '127.0.0.1', port: to.port, method, path, agent: false, headers: { ...length, ...headers } };
  return new Promise((resolve, reject) => {
    // Node looks for the name of the Host header in the certificate; here that header may be anything.
    const checkServerIdentity = () => undefined;
    const request =
      to.authority === undefined
        ? httpRequest(options)
        : httpsRequest({ ...options, ca: to.authority, checkServerIdentity, ...tls });
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    request.end(body);
  });
}

/** Sends bytes as they are, and gives what came back until the server hung up or was silent for `patience` milliseconds. */
export function sendRaw(port: number, parts: readonly string[], patience = 150): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.setNoDelay(true);
    socket.setTimeout(patience, () => socket.destroy());
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    socket.on('error', (error) => (text === '' ? reject(error) : undefined));
    socket.on('close', () => resolve(text));
    socket.on('connect', () => {
      for (const [index, part] of parts.entries()) setTimeout(() => socket.writable && socket.write(part), index * 50);
    });
  });
}
