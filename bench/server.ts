import type { FastifyInstance } from 'fastify';
import { Buckets } from '../src/api/access/buckets.ts';
import { Logins } from '../src/api/access/logins.ts';
import { MemoryTokenStore } from '../src/api/access/token-store.ts';
import { Tokens } from '../src/api/access/tokens.ts';
import { parsePath } from '../src/api/compat/path.ts';
import { parseQuery } from '../src/api/compat/query.ts';
import { renderOutcome } from '../src/api/compat/render.ts';
import { compatRoutes, ignoreBodies } from '../src/api/compat/routes.ts';
import { guardOutward } from '../src/api/guards.ts';
import { closeServer, makeServer } from '../src/api/server.ts';
import { makeBackend } from '../src/daemon/backend.ts';
import { loadSettings, protectionOf, type Settings } from '../src/daemon/settings.ts';
import { expiryAfter } from '../src/domain/duration.ts';
import { anyInterface } from '../src/domain/interface.ts';
import { systemClock } from '../src/engine/clock.ts';
import type { PutCommand } from '../src/engine/decide.ts';
import { Engine } from '../src/engine/engine.ts';
import { MemoryStore } from '../src/engine/store/memory.ts';
import { SqliteStore } from '../src/engine/store/sqlite.ts';
import type { Store } from '../src/engine/store/store.ts';
import { lifetime, ruleOf } from './addresses.ts';
import type { BenchBackend } from './context.ts';
import { memoryOf, tellBench, told } from './process.ts';

// The outward server of the daemon, put together otherwise than the daemon does: with a route that does nothing, without a
// disk, or with an engine that can be given a million rules at once.

/** What stands behind the server. */
export type Behind =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'engine'; readonly store: 'memory' | 'sqlite'; readonly backend: BenchBackend };

export interface ServerTask {
  /** The configuration of a daemon. */
  readonly config: string;
  readonly behind: Behind;
}

/** What it may be told: to load so many rules. */
export interface LoadOrder {
  readonly load: number;
}

export interface LoadReport {
  readonly milliseconds: number;
  readonly rules: number;
  /** MB. */
  readonly memory: { readonly now: number; readonly most: number };
}

/** The same request and the same answer, and nothing done for it. */
function nothingRoutes(server: FastifyInstance): void {
  let seq = 0;
  ignoreBodies(server);
  server.all('*', async (request, reply) => {
    const [path = '', query = ''] = request.originalUrl.split('?');
    const resource = parsePath(path);
    if (resource.kind !== 'rule') return reply.code(404).send();
    const now = Date.now();
    const expiresAt = expiryAfter(now, parseQuery(query).expire ?? 0);
    const rule = {
      ...resource.spec,
      seq: ++seq,
      expiresAt,
      createdAt: now,
      origin: request.principal.name,
      comment: '',
    };
    return reply.send(renderOutcome({ status: 'created', rule }));
  });
}

function engineRoutes(server: FastifyInstance, engine: Engine): void {
  compatRoutes(server, async () => ({
    engine,
    nonRestful: false,
    defaultExpire: 0,
    facts: {
      ...{ version: 'bench', scheme: 'https', host: '', port: 0, authentication: true, nonRestful: false },
      ...{ defaultExpire: 0, backend: '', rules: engine.size, drifts: engine.drifts },
    } as const,
  }));
}

/** Commands that are made when they are taken. */
function puts(count: number): { take(most: number): PutCommand[] } {
  let index = 0;
  const next = (): PutCommand => {
    const { action, chain, source } = ruleOf(index++, 0);
    const spec = { action, chain, in: anyInterface, out: anyInterface, source, destination: 'any' } as const;
    return { kind: 'put', spec, expire: lifetime / 1000, origin: 'bench' };
  };
  return { take: (most) => Array.from({ length: Math.min(most, count - index) }, next) };
}

async function load(engine: Engine, { load: count }: LoadOrder): Promise<LoadReport> {
  const began = performance.now();
  const commands = puts(count);
  for (let some = commands.take(engine.bulk.length); some.length > 0; some = commands.take(engine.bulk.length)) {
    await engine.bulk.write({ commands: some, atomic: false });
  }
  return { milliseconds: performance.now() - began, rules: engine.size, memory: memoryOf('self') };
}

/** Opens the server and closes it when the bench says so; what is in the kernel stays for the bench to look at. */
async function serve(
  settings: Settings,
  build: (server: FastifyInstance) => void,
  work: () => Promise<void>,
): Promise<void> {
  const { config, whitelist, tls } = settings;
  if (config.outward === undefined || config.credentials === undefined) throw new Error('The outward server is off');
  const server = makeServer(tls);
  const policy = { whitelist, credentials: config.credentials, roles: new Map() };
  const nothing = (): void => undefined;
  const accounts = {
    tokens: await Tokens.load(new MemoryTokenStore()),
    buckets: new Buckets(),
    logins: new Logins(() => ({ failures: undefined, period: 0, firstDelay: 0, longestDelay: 0 }), nothing),
  };
  guardOutward(server, () => policy, accounts, nothing);
  build(server);
  await server.listen({ host: config.outward.ip, port: config.outward.port });
  tellBench({ ready: true });
  await work();
  await closeServer(server);
}

async function main({ config, behind }: ServerTask): Promise<void> {
  const settings = loadSettings(config);
  const untilEnd = async (onOrder: (order: LoadOrder) => Promise<LoadReport>): Promise<void> => {
    for await (const order of told<LoadOrder>()) tellBench(await onOrder(order));
  };
  if (behind.kind === 'nothing') {
    return serve(settings, nothingRoutes, () => untilEnd(() => Promise.reject(new Error('There is no engine'))));
  }
  const store: Store = behind.store === 'memory' ? new MemoryStore() : new SqliteStore(settings.config.stateDir);
  const backend = makeBackend(behind.backend, settings.config);
  await backend.probe();
  const protection = protectionOf(settings);
  const engine = await Engine.start({ backend, store, clock: systemClock, protection, onEvent: () => undefined });
  await serve(
    settings,
    (server) => engineRoutes(server, engine),
    () => untilEnd((order) => load(engine, order)),
  );
  await engine.stop();
  await store.close();
  backend.close();
}

await main(JSON.parse(process.argv[2] ?? '') as ServerTask);
process.exit();
