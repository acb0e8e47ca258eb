import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { IptablesBackend } from '../backends/iptables/iptables.ts';
import { listFrom } from '../backends/iptables/list.fixture.ts';
import { MemoryBackend } from '../backends/memory.ts';
import { parseKey } from '../certs/key.ts';
import { parseConfig } from '../daemon/config.ts';
import { requireNetAdmin } from '../daemon/privileges.ts';
import { parsePrefix } from '../domain/address.ts';
import type { ErrorCode } from '../domain/errors.ts';
import { RfwError } from '../domain/errors.ts';
import { anyInterface } from '../domain/interface.ts';
import { parseListName } from '../domain/list.ts';
import { ListReader } from '../domain/list-text.ts';
import type { RuleSpec } from '../domain/rule.ts';
import { parseRuleId } from '../domain/rule-id.ts';
import { parseWhitelist } from '../domain/whitelist.ts';
import { systemClock } from '../engine/clock.ts';
import { parseCursor } from '../engine/cursor.ts';
import type { PutCommand } from '../engine/decide.ts';
import { Engine } from '../engine/engine.ts';
import { MemoryStore } from '../engine/store/memory.ts';
import { SqliteStore } from '../engine/store/sqlite.ts';
import { nobody, refuseBeyondLimits, requireScope } from './access/principal.ts';
import type { TokenRequest } from './access/token-request.ts';
import { MemoryTokenStore } from './access/token-store.ts';
import { Tokens } from './access/tokens.ts';
import { parsePath } from './compat/path.ts';
import { parseQuery } from './compat/query.ts';
import { problems } from './problem.ts';
import { openServer, type Question } from './server.fixture.ts';
import type { Answer } from './v1/answer.ts';
import { Answers } from './v1/idempotency.ts';
import { echoRoutes } from './v1/routes.fixture.ts';
import { routes } from './v1/routes.ts';

/** Something that fails, or why nothing can be made to fail here. */
type Failure = (() => unknown) | { readonly notHere: string };

const parse = (path: string) => (): unknown => parsePath(path);

function spec(path: string): RuleSpec {
  const resource = parsePath(path);
  if (resource.kind !== 'rule') throw new Error(`${path} is no rule`);
  return resource.spec;
}

async function startEngine(): Promise<Engine> {
  const protection = { whitelist: parseWhitelist('192.0.2.1', 'white.list'), guard: null };
  const parts = { backend: new MemoryBackend(), store: new MemoryStore(), clock: systemClock, protection };
  return Engine.start({ ...parts, onEvent: () => {} });
}

async function submit(path: string, before: (engine: Engine) => unknown = () => {}): Promise<unknown> {
  const engine = await startEngine();
  await before(engine);
  return engine.submit({ kind: 'put', spec: spec(path), expire: 0, origin: 'test' });
}

/** Blocks an address. */
function put(address: string): PutCommand {
  const source = parsePrefix(address);
  const spec = {
    action: 'drop',
    chain: 'input',
    in: anyInterface,
    out: anyInterface,
    source,
    destination: 'any',
  } as const;
  return { kind: 'put', spec, expire: 0, origin: 'test' };
}

async function createTokens(...requests: readonly TokenRequest[]): Promise<void> {
  const tokens = await Tokens.load(new MemoryTokenStore());
  for (const request of requests) await tokens.create(request, 'local');
}

/** Two daemons with one state folder. */
async function shareState(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'rfw-problem-'));
  const first = new SqliteStore(folder);
  try {
    await new SqliteStore(folder).close();
  } finally {
    await first.close();
    rmSync(folder, { recursive: true });
  }
}

async function writeAfterClose(): Promise<void> {
  const store = new MemoryStore();
  await store.close();
  await store.append([]);
}

async function removeTwice(): Promise<void> {
  const remove = [spec('/drop/input/any/1.2.3.4')];
  await new MemoryBackend().apply({ add: [], remove, refresh: [], renew: [] });
}

const json = { headers: { 'content-type': 'application/json' } };

/** Fails with what a degraded daemon answers over /v1. */
async function ask(method: string, path: string, question: Question = {}): Promise<void> {
  const server = await openServer({
    routes: [...routes, ...echoRoutes],
    condition: { state: 'degraded', reason: 'The kernel said no' },
  });
  const { status, text } = await server.send(method, path, question);
  await server.close();
  const problem: { code: ErrorCode; status: number; title: string; detail: string } = JSON.parse(text);
  expect([status, problem.title]).toEqual([problems[problem.code].status, problems[problem.code].title]);
  expect(problem.status).toBe(status);
  throw new RfwError(problem.code, problem.detail);
}

/** Before it has been found out what the host can do, it can do nothing. */
async function listsWithoutProgram(): Promise<void> {
  const list = listFrom('spam drop input any any', ['10.0.0.0/8']);
  await new IptablesBackend({ path: 'iptables', owner: 'nobody' }).setLists([list]);
}

/** Every code and how it comes about; the type asks for a row when a code is added. */
const failures: Readonly<Record<ErrorCode, Failure>> = {
  'path-invalid': parse('/drop'),
  'action-invalid': parse('/allow/input/any/1.2.3.4'),
  'chain-invalid': parse('/drop/nat/any/1.2.3.4'),
  'interface-invalid': parse('/drop/input/-/1.2.3.4'),
  'address-invalid': parse('/drop/input/any/1.2.3'),
  'mask-invalid': parse('/drop/input/any/1.2.3.4/8'),
  'family-mismatch': parse('/drop/forward/any/1.2.3.4/any/2001:db8::1'),
  'expire-invalid': () => parseQuery('expire=soon'),
  'query-invalid': () => parseQuery('wait=no'),
  'id-invalid': () => parseRuleId('drop'),
  'cursor-invalid': () => parseCursor('again', 'newest'),
  'not-owner': async () => {
    const engine = await startEngine();
    await engine.submit(put('1.2.3.4'));
    return engine.submit({ kind: 'delete', spec: put('1.2.3.4').spec, origin: 'another', ownOnly: true });
  },
  'precondition-failed': async () => {
    const engine = await startEngine();
    const name = parseListName('spam');
    const asked = { kind: 'remove', name, origin: 'test', condition: { match: 'any' } } as const;
    return engine.listing.write(asked, () => ({}));
  },
  'not-applied': async () => {
    const engine = await startEngine();
    const [first] = await engine.write({ commands: [put('1.2.3.4'), put('192.0.2.1')], atomic: true });
    throw first;
  },
  'batch-refused': () =>
    ask('POST', '/v1/rules/batch?mode=atomic', {
      headers: { 'content-type': 'application/x-ndjson' },
      body: '{"action":"drop","chain":"input","source":"127.0.0.1"}',
    }),
  'key-reused': async () => {
    const answers = new Answers();
    const fingerprint = (text: string) => ({ text: () => text, whole: async () => text });
    const make = (keep: (answer: Answer) => unknown) => {
      keep({ status: 200, body: 1 });
      return Promise.resolve({ status: 200, body: 1 });
    };
    await answers.once('key', fingerprint('one'), make);
    return answers.once('key', fingerprint('another'), make);
  },
  compacted: { notHere: 'needs a hundred thousand changes; see v1/events.test.ts' },
  'self-exclusion': { notHere: 'needs a client outside the file; see v1/whitelist.test.ts' },
  'entry-fixed': () => ask('DELETE', '/v1/whitelist?entry=192.0.2.0/24'),
  'same-connection': { notHere: 'needs one connection for two requests; see v1/confirmations.test.ts' },
  'whitelist-conflict': () => submit('/drop/input/any/192.0.2.1'),
  'list-invalid': () => parseListName('All'),
  'list-refused': () => {
    throw new ListReader().finish().refusal;
  },
  'token-invalid': () => createTokens({ name: 'x', scopes: [] }),
  unauthenticated: { notHere: 'the doors answer so; see the tests of the guards' },
  forbidden: () => requireScope(nobody, 'rules:read'),
  'beyond-limits': () =>
    refuseBeyondLimits({ ...nobody, limits: { longestTtl: 1 } }, spec('/drop/input/any/1.2.3.4'), 0),
  'token-exists': () => createTokens({ name: 'x', scopes: ['admin'] }, { name: 'x', scopes: ['admin'] }),
  'rate-limited': { notHere: 'the doors answer so; see the tests of the guards' },
  'whitelist-invalid': () => parseWhitelist('', 'white.list'),
  'config-invalid': () => parseConfig('', 'rfw.conf'),
  'certificate-invalid': () => parseKey('no key', 'server.key'),
  unsupported: { notHere: 'only a kernel without IPv6 filtering lacks what a rule needs; see the conformance suite' },
  'lists-unsupported': listsWithoutProgram,
  'kernel-refused': removeTwice,
  'kernel-unavailable': () => requireNetAdmin('CapEff:\t0000000000000000'),
  'store-failed': writeAfterClose,
  'state-in-use': shareState,
  overloaded: async () => {
    const engine = await startEngine();
    return Promise.all(Array.from({ length: 50_001 }, () => engine.submit(put('1.2.3.4'))));
  },
  stopping: () => submit('/drop/input/any/1.2.3.4', (engine) => engine.stop()),
  starting: { notHere: 'a daemon that starts; see daemon/services.test.ts' },
  degraded: () => ask('GET', '/v1/health/ready'),
  'request-invalid': () => ask('GET', '/v1/status?x=1'),
  'body-missing': () => ask('POST', '/v1/test'),
  'body-unexpected': () => ask('DELETE', '/v1/test', { body: 'hello' }),
  'json-malformed': () => ask('POST', '/v1/test', { ...json, body: '{' }),
  'request-timeout': { notHere: 'the HTTP server hangs up by itself, after some seconds' },
  'url-too-long': () => ask('GET', `/v1/status?x=${'x'.repeat(9000)}`),
  'headers-too-large': { notHere: 'the HTTP server hangs up by itself; see server.test.ts' },
  'body-too-large': () => ask('POST', '/v1/test', { ...json, body: `"${'x'.repeat(70_000)}"` }),
  'content-type-unsupported': () => ask('POST', '/v1/test', { body: 'x' }),
  'not-found': () => ask('GET', '/v1/nowhere'),
  'method-not-allowed': () => ask('PUT', '/v1/status'),
  'not-whitelisted': { notHere: 'only the outward door has a whitelist; see v1/plugin.test.ts' },
  'cross-site': () => ask('GET', '/v1/status', { headers: { origin: 'http://example.com' } }),
  internal: () => ask('POST', '/v1/test', { ...json, body: '{"name":"fail"}' }),
};

const codes = Object.keys(failures) as ErrorCode[];

async function codeOf(failure: () => unknown): Promise<string> {
  try {
    await failure();
  } catch (error) {
    if (error instanceof RfwError) return error.code;
    throw error;
  }
  return 'no failure';
}

describe('problems', () => {
  it.each(codes)('%s comes about, or it is said why not', async (code) => {
    const failure = failures[code];
    if (typeof failure === 'function') expect(await codeOf(failure)).toBe(code);
    else expect(failure.notHere).not.toBe('');
  });

  it('knows a status for every code, and no others', () => {
    expect(Object.keys(problems).sort()).toEqual([...codes].sort());
  });

  it.each(codes)('%s is answered with its status and the reason', async (code) => {
    const server = await openServer({ before: () => Promise.reject(new RfwError(code, 'the reason')) });
    const { status, text } = await server.send('PUT', '/drop/input/any/1.2.3.4');
    await server.close();
    expect([status, text]).toEqual([problems[code].status, 'ERROR: the reason\r\n']);
  });

  it('blames the client for what it sent, and nobody else', () => {
    const blamed = codes.filter((code) => problems[code].status >= 500);
    const own = [...codes.slice(codes.indexOf('whitelist-invalid'), codes.indexOf('request-invalid')), 'internal'];
    expect(blamed).toEqual(own);
    expect(codes.filter((code) => problems[code].status > 503 || problems[code].status < 400)).toEqual([]);
  });
});
