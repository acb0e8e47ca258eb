import { expect, it } from 'vitest';
import { MemoryTokenStore } from '../api/access/token-store.ts';
import { Tokens } from '../api/access/tokens.ts';
import { MemoryBackend } from '../backends/memory.ts';
import { listLimits } from '../domain/list-entries.ts';
import { parseWhitelist } from '../domain/whitelist.ts';
import { systemClock } from '../engine/clock.ts';
import { Engine } from '../engine/engine.ts';
import { MemoryStore } from '../engine/store/memory.ts';
import { ask, memoryLines, startDaemon } from './daemon.fixture.ts';
import { Deferred } from './deferred.ts';
import { freePort, makeFolder } from './folder.fixture.ts';
import { DaemonServices } from './services.ts';

async function makeServices(engine: Promise<Engine>): Promise<DaemonServices> {
  const backend = new MemoryBackend();
  const chosen = { backend, capabilities: await backend.probe(), reason: 'a test' };
  return new DaemonServices({
    engine,
    chosen,
    tokens: await Tokens.load(new MemoryTokenStore()),
    defaultExpire: () => 0,
    listLimits: () => listLimits,
    urls: () => ['http://127.0.0.1:1'],
    tls: () => undefined,
  });
}

it('knows when the engine has started, and tells of it', async () => {
  const started = new Deferred<Engine>();
  const services = await makeServices(started.promise);
  expect(services.condition()).toEqual({ state: 'starting' });
  expect(await services.metrics()).not.toMatch(/^rfw_queue_depth /m);
  const protection = { whitelist: parseWhitelist('192.0.2.1', 'white.list'), guard: null };
  const parts = { backend: new MemoryBackend(), store: new MemoryStore(), clock: systemClock, protection };
  const engine = await Engine.start({ ...parts, onEvent: () => {} });
  started.resolve(engine);
  await services.started;
  expect(services.condition()).toEqual({ state: 'ready' });
  expect(services.status()).toMatchObject({
    state: 'ready',
    backend: 'memory',
    rules: 0,
    urls: ['http://127.0.0.1:1'],
  });
  expect(await services.metrics()).toMatch(/^rfw_queue_depth 0$/m);
  await engine.stop();
});

it('says why the start failed', async () => {
  const services = await makeServices(Promise.reject(new Error('no kernel')));
  await expect(services.started).rejects.toMatchObject({ code: 'starting', message: 'no kernel' });
  expect(() => services.engine).toThrow('A route has not waited for the start');
});

it('serves all of it at the doors of a daemon', async () => {
  const port = await freePort();
  const { daemon } = await startDaemon(makeFolder(), memoryLines(port));
  expect(await ask(port, 'PUT', '/drop/input/any/203.0.113.7')).toMatch(/^200 /);
  expect(await ask(port, 'PUT', '/drop/input/any/127.0.0.1')).toMatch(/^400 ERROR: /);
  expect(await ask(port, 'GET', '/v1/health/ready')).toBe('200 {"status":"ready"}');
  const status = await ask(port, 'GET', '/v1/status');
  expect(JSON.parse(status.slice(4))).toMatchObject({
    rules: 1,
    urls: daemon.report.urls,
    backend: 'memory',
    degraded: null,
  });
  const metrics = await ask(port, 'GET', '/metrics');
  for (const line of [
    'rfw_rules{chain="input",action="drop"} 1',
    'rfw_rule_changes_total{change="created"} 1',
    'rfw_refused_total{reason="whitelist-conflict"} 1',
    'rfw_http_requests_total{method="PUT",route="compat",status="2xx"} 1',
    'rfw_http_requests_total{method="GET",route="/v1/status",status="2xx"} 1',
    'rfw_apply_duration_seconds_count{operation="apply"} 1',
  ]) {
    expect(metrics).toContain(`${line}\n`);
  }
  // The start commits, too.
  expect(metrics).toMatch(/^rfw_commit_duration_seconds_count [2-9]$/m);
  expect(await ask(port, 'GET', '/openapi.json')).toMatch(/^200 \{"openapi":"3\.1\.1"/);
  expect(await ask(port, 'GET', '/docs')).toMatch(/^200 <!doctype html>/);
  expect(await ask(port, 'GET', '/v1/nowhere')).toMatch(/^404 \{"type":"urn:rfw:problem:not-found"/);
});
