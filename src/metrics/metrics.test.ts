import { describe, expect, it } from 'vitest';
import type { Total } from '../backends/backend.ts';
import { MemoryBackend } from '../backends/memory.ts';
import { rule } from '../backends/rule.fixture.ts';
import { RfwError } from '../domain/errors.ts';
import { MemoryStore } from '../engine/store/memory.ts';
import { Metrics, type MetricsSources } from './metrics.ts';
import { withApplyMetrics, withCommitMetrics } from './timed.ts';

const dropped: Total = { chain: 'input', action: 'drop', packets: 7n, bytes: 420n };

function engine(totals: () => Promise<readonly Total[]> = async () => [dropped]) {
  return {
    waiting: 3,
    degraded: undefined,
    counts: () => [{ chain: 'input', action: 'drop', rules: 12 } as const],
    totals,
  };
}

function make(sources: Partial<MetricsSources> = {}): Metrics {
  return new Metrics({
    version: '1.2.3',
    backend: 'memory',
    engine: () => engine(),
    listEntries: () => new Map([['drop', 5]]),
    certificateExpiry: () => 1_800_000_000,
    ...sources,
  });
}

/** The lines of the metrics whose names begin so, comments left out. */
async function lines(metrics: Metrics, prefix: string): Promise<string[]> {
  return (await metrics.text()).split('\n').filter((line) => line.startsWith(prefix));
}

const request = { method: 'PUT', route: '/v1/rules/{id}', status: 201, seconds: 0.004, refusal: undefined };

describe('the metrics', () => {
  it('count requests by method, route and class of status, and time them', async () => {
    const metrics = make();
    metrics.answered(request);
    metrics.answered({ ...request, status: 200, seconds: 0.3 });
    metrics.answered({ ...request, method: 'M-SEARCH', route: 'compat', status: 405, refusal: 'method-not-allowed' });
    expect(await lines(metrics, 'rfw_http_requests_total')).toEqual([
      'rfw_http_requests_total{method="PUT",route="/v1/rules/{id}",status="2xx"} 2',
      'rfw_http_requests_total{method="other",route="compat",status="4xx"} 1',
    ]);
    const times = await lines(metrics, 'rfw_http_request_duration_seconds');
    expect(times).toContain(
      'rfw_http_request_duration_seconds_bucket{le="0.005",method="PUT",route="/v1/rules/{id}"} 1',
    );
    expect(times).toContain('rfw_http_request_duration_seconds_count{method="PUT",route="/v1/rules/{id}"} 2');
    expect(await lines(metrics, 'rfw_refused_total')).toEqual(['rfw_refused_total{reason="method-not-allowed"} 1']);
  });

  it('read what is there at that moment', async () => {
    const text = await make().text();
    for (const line of [
      'rfw_info{version="1.2.3",backend="memory"} 1',
      'rfw_queue_depth 3',
      'rfw_degraded 0',
      'rfw_rules{chain="input",action="drop"} 12',
      'rfw_list_entries{action="drop"} 5',
      'rfw_list_entries{action="accept"} 0',
      'rfw_packets_total{chain="input",action="drop"} 7',
      'rfw_bytes_total{chain="input",action="drop"} 420',
      'rfw_certificate_expiry_timestamp_seconds 1800000000',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
  });

  it('leave out what nobody knows', async () => {
    const metrics = make({ engine: () => undefined, certificateExpiry: () => undefined });
    for (const name of [
      'rfw_queue_depth ',
      'rfw_degraded ',
      'rfw_rules{',
      'rfw_packets_total{',
      'rfw_certificate_expiry_timestamp_seconds ',
    ]) {
      expect([name, await lines(metrics, name)]).toEqual([name, []]);
    }
  });

  it('are there without the totals when the kernel can not be asked', async () => {
    const failing = engine(() => Promise.reject(new RfwError('kernel-unavailable', 'gone')));
    const metrics = make({ engine: () => ({ ...failing, degraded: 'gone' }) });
    expect(await lines(metrics, 'rfw_packets_total{')).toEqual([]);
    expect(await lines(metrics, 'rfw_degraded ')).toEqual(['rfw_degraded 1']);
  });

  it('ask the kernel once for all who read at the same time, and anew later', async () => {
    let readings = 0;
    const counting = engine(async () => {
      readings++;
      return [{ ...dropped, packets: BigInt(readings) }];
    });
    const metrics = make({ engine: () => counting });
    const both = await Promise.all([metrics.text(), metrics.text()]);
    expect(readings).toBe(1);
    expect(both[0]).toContain('rfw_packets_total{chain="input",action="drop"} 1\n');
    expect(await metrics.text()).toContain('rfw_packets_total{chain="input",action="drop"} 2\n');
  });

  it('count what happens to rules, alone and by the thousand', async () => {
    const metrics = make();
    const one = rule('drop input any any 203.0.113.7 any');
    metrics.happened({ kind: 'created', rule: one, origin: 'test' });
    metrics.happened({ kind: 'expired', rule: one });
    metrics.happened({ kind: 'many', origin: 'test', created: 1000, updated: 2, deleted: 3 });
    metrics.happened({ kind: 'flushed', rules: 4, lists: 0 });
    metrics.happened({ kind: 'recovered' });
    metrics.happened({
      kind: 'drift',
      count: 1,
      repair: { missing: [], moved: 1, removed: 0, guard: 0, lists: 0, rebuilt: false },
    });
    expect(await lines(metrics, 'rfw_rule_changes_total')).toEqual([
      'rfw_rule_changes_total{change="created"} 1001',
      'rfw_rule_changes_total{change="updated"} 2',
      'rfw_rule_changes_total{change="deleted"} 7',
      'rfw_rule_changes_total{change="expired"} 1',
      'rfw_rule_changes_total{change="displaced"} 0',
    ]);
    expect(await lines(metrics, 'rfw_drift_repairs_total ')).toEqual(['rfw_drift_repairs_total 1']);
  });

  it('never have an address in a label', async () => {
    const metrics = make();
    metrics.happened({ kind: 'created', rule: rule('drop input any any 203.0.113.7 any'), origin: 'alice@192.0.2.1' });
    expect(await metrics.text()).not.toMatch(/203\.0\.113|192\.0\.2/);
  });
});

describe('a backend and a store with metrics', () => {
  it('do what they did, and tell how long it took', async () => {
    const metrics = make();
    const backend = new MemoryBackend();
    const timed = withApplyMetrics(backend, metrics);
    const one = rule('drop input any any 203.0.113.7 any');
    await timed.apply({ add: [one], remove: [], refresh: [], renew: [] });
    expect([timed.name, backend.dump()]).toEqual(['memory', 'drop input any any 203.0.113.7/32 any']);
    await expect(
      timed.apply({ add: [], remove: [rule('drop input any any 203.0.113.8 any')], refresh: [], renew: [] }),
    ).rejects.toThrow(RfwError);
    const store = withCommitMetrics(new MemoryStore(), metrics);
    await store.append([{ kind: 'insert', rule: one }]);
    expect([...(await store.load()).rules]).toEqual([one]);
    expect(await lines(metrics, 'rfw_apply_duration_seconds_count')).toEqual([
      'rfw_apply_duration_seconds_count{operation="apply"} 2',
    ]);
    expect(await lines(metrics, 'rfw_commit_duration_seconds_count')).toEqual(['rfw_commit_duration_seconds_count 1']);
  });
});
