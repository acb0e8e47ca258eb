import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Total } from '../backends/backend.ts';
import { type Action, actions } from '../domain/rule.ts';
import type { EngineEvent } from '../engine/events.ts';
import type { RuleCount } from '../engine/ruleset.ts';

/** What is asked when somebody reads the metrics. */
export interface MetricsSources {
  readonly version: string;
  readonly backend: string;
  /** Of the engine; undefined until it has started. */
  readonly engine: () => EngineFigures | undefined;
  /** How many entries the lists of each action have. */
  readonly listEntries: () => ReadonlyMap<Action, number>;
  /** Seconds since the epoch; undefined without an outward server. */
  readonly certificateExpiry: () => number | undefined;
}

/** What the metrics take from an engine. */
interface EngineFigures {
  readonly waiting: number;
  readonly degraded: string | undefined;
  counts(): readonly RuleCount[];
  totals(): Promise<readonly Total[]>;
}

/** An answered request. */
export interface AnsweredRequest {
  readonly method: string;
  /** As the definition has it, with names in the place of values. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
  /** The code of the error that was answered. */
  readonly refusal: string | undefined;
}

/** Seconds. A change takes some 0.1 ms (memory) to 100 ms (a busy disk); a million of them take seconds. */
const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Methods that are counted by name; a client may send any of some forty. */
const commonMethods = new Set(['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE']);

/** The metrics of a daemon, for Prometheus. No label ever has an address, so that there are a few hundred series at most. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<'method' | 'route' | 'status'>;
  readonly #requestSeconds: Histogram<'method' | 'route'>;
  readonly #refused: Counter<'reason'>;
  readonly #changes: Counter<'change'>;
  readonly #drifts: Counter;
  readonly #applySeconds: Histogram<'operation'>;
  readonly #commitSeconds: Histogram;

  constructor(sources: MetricsSources) {
    const registers = [this.#registry];
    this.#requests = new Counter({
      name: 'rfw_http_requests_total',
      help: 'Requests that were answered',
      labelNames: ['method', 'route', 'status'],
      registers,
    });
    this.#requestSeconds = new Histogram({
      name: 'rfw_http_request_duration_seconds',
      help: 'Time from the request to the end of its answer',
      labelNames: ['method', 'route'],
      buckets,
      registers,
    });
    this.#refused = new Counter({
      name: 'rfw_refused_total',
      help: 'Requests that were answered with an error, by its code',
      labelNames: ['reason'],
      registers,
    });
    this.#changes = new Counter({
      name: 'rfw_rule_changes_total',
      help: 'Rules that were created, updated, deleted, have expired, or had to go for the whitelist',
      labelNames: ['change'],
      registers,
    });
    this.#drifts = new Counter({
      name: 'rfw_drift_repairs_total',
      help: 'Repairs of what others had changed in the kernel',
      registers,
    });
    this.#applySeconds = new Histogram({
      name: 'rfw_apply_duration_seconds',
      help: 'Time in which the kernel took a change (apply) or was brought to all rules (replace)',
      labelNames: ['operation'],
      buckets,
      registers,
    });
    this.#commitSeconds = new Histogram({
      name: 'rfw_commit_duration_seconds',
      help: 'Time until a change was on disk',
      buckets,
      registers,
    });
    for (const change of ['created', 'updated', 'deleted', 'expired', 'displaced']) this.#changes.inc({ change }, 0);
    addGauges(this.#registry, sources);
    collectDefaultMetrics({ register: this.#registry });
  }

  /** All metrics at this moment, in the text format of Prometheus. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  answered({ method, route, status, seconds, refusal }: AnsweredRequest): void {
    const name = commonMethods.has(method) ? method : 'other';
    this.#requests.inc({ method: name, route, status: `${Math.floor(status / 100)}xx` });
    this.#requestSeconds.observe({ method: name, route }, seconds);
    if (refusal !== undefined) this.#refused.inc({ reason: refusal });
  }

  /** Counts what happened in the engine. */
  happened(event: EngineEvent): void {
    switch (event.kind) {
      case 'many':
        for (const change of ['created', 'updated', 'deleted'] as const) this.#changes.inc({ change }, event[change]);
        break;
      case 'flushed':
        this.#changes.inc({ change: 'deleted' }, event.rules);
        break;
      case 'drift':
        this.#drifts.inc();
        break;
      case 'created':
      case 'updated':
      case 'deleted':
      case 'expired':
      case 'displaced':
        this.#changes.inc({ change: event.kind });
    }
  }

  /** @param seconds that the kernel needed */
  applied(operation: 'apply' | 'replace', seconds: number): void {
    this.#applySeconds.observe({ operation }, seconds);
  }

  /** @param seconds that the disk needed */
  committed(seconds: number): void {
    this.#commitSeconds.observe(seconds);
  }
}

/** Figures that are there anyway are read when they are asked for, and cost nothing until then. */
function addGauges(registry: Registry, sources: MetricsSources): void {
  const registers = [registry];
  const { version, backend } = sources;
  new Gauge({ name: 'rfw_info', help: 'Version and backend', labelNames: ['version', 'backend'], registers }).set(
    { version, backend },
    1,
  );
  gauge('rfw_queue_depth', 'Changes that wait for their turn', () => sources.engine()?.waiting);
  gauge('rfw_degraded', '1 while the kernel can not be brought to the rules', () => {
    const engine = sources.engine();
    return engine && (engine.degraded === undefined ? 0 : 1);
  });
  gauge('rfw_certificate_expiry_timestamp_seconds', 'When the certificate of the outward server ends', () =>
    sources.certificateExpiry(),
  );
  new Gauge({
    name: 'rfw_rules',
    help: 'Rules that stand',
    labelNames: ['chain', 'action'],
    registers,
    collect() {
      this.reset();
      for (const { rules, ...labels } of sources.engine()?.counts() ?? []) this.set(labels, rules);
    },
  });
  new Gauge({
    name: 'rfw_list_entries',
    help: 'Entries of all lists',
    labelNames: ['action'],
    registers,
    collect() {
      const entries = sources.listEntries();
      for (const action of actions) this.set({ action }, entries.get(action) ?? 0);
    },
  });
  addTotals(registry, sources);

  function gauge(name: string, help: string, value: () => number | undefined): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const now = value();
        if (now === undefined) this.remove();
        else this.set(now);
      },
    });
  }
}

/** What rules have met. The kernel counts; when it can't be asked, the series are missing instead of wrong. */
function addTotals(registry: Registry, sources: MetricsSources): void {
  let reading: Promise<readonly Total[]> | undefined;
  // One reading for both, and for all who ask at the same time: iptables has to list all rules for it.
  const read = (): Promise<readonly Total[]> => {
    reading ??= (sources.engine()?.totals() ?? Promise.resolve([]))
      .catch(() => [])
      .finally(() => {
        reading = undefined;
      });
    return reading;
  };
  total('rfw_packets_total', 'Packets that rules have dropped, rejected or accepted', ({ packets }) => packets);
  total('rfw_bytes_total', 'Bytes of the packets that rules have dropped, rejected or accepted', ({ bytes }) => bytes);

  function total(name: string, help: string, met: (total: Total) => bigint): void {
    new Counter({
      name,
      help,
      labelNames: ['chain', 'action'],
      registers: [registry],
      async collect() {
        const totals = await read();
        this.reset();
        for (const one of totals) this.inc({ chain: one.chain, action: one.action }, Number(met(one)));
      },
    });
  }
}
