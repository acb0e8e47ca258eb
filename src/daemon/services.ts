import { X509Certificate } from 'node:crypto';
import type { Tokens } from '../api/access/tokens.ts';
import type { TlsFiles } from '../api/server.ts';
import { Connections } from '../api/v1/connections.ts';
import { Followers } from '../api/v1/followers.ts';
import { Answers } from '../api/v1/idempotency.ts';
import type { Status } from '../api/v1/schemas.ts';
import type { Condition, Services } from '../api/v1/services.ts';
import { RfwError, reasonOf } from '../domain/errors.ts';
import type { ListLimits } from '../domain/list-entries.ts';
import { version } from '../domain/version.ts';
import type { Whitelist } from '../domain/whitelist.ts';
import type { Engine } from '../engine/engine.ts';
import { Metrics } from '../metrics/metrics.ts';
import type { ChosenBackend } from './backend.ts';

interface ServicesOptions {
  /** Settles when the start is over. */
  readonly engine: Promise<Engine>;
  readonly chosen: ChosenBackend;
  readonly tokens: Tokens;
  /** The certificate of the outward server. */
  readonly tls: () => TlsFiles | undefined;
  /** Where the daemon listens. */
  readonly urls: () => readonly string[];
  /** Seconds that a rule lasts which doesn't say how long. */
  readonly defaultExpire: () => number;
  readonly listLimits: () => ListLimits;
}

/** What stands behind the routes of /v1 in a daemon. */
export class DaemonServices implements Services {
  readonly version = version;
  readonly started: Promise<unknown>;
  /** What is counted and timed. */
  readonly figures: Metrics;
  readonly defaultExpire: () => number;
  readonly listLimits: () => ListLimits;
  readonly answers = new Answers();
  readonly connections = new Connections();
  readonly followers = new Followers();
  readonly tokens: Tokens;
  readonly #options: ServicesOptions;
  readonly #startedAt = Date.now();
  readonly #since = performance.now();
  #engine: Engine | undefined;

  constructor(options: ServicesOptions) {
    this.#options = options;
    this.tokens = options.tokens;
    this.defaultExpire = options.defaultExpire;
    this.listLimits = options.listLimits;
    this.figures = new Metrics({
      version,
      backend: options.chosen.backend.name,
      engine: () => this.#engine,
      listEntries: () => this.#engine?.listing.entriesByAction() ?? new Map(),
      certificateExpiry: () => expiryOf(options.tls()),
    });
    this.started = options.engine.then(
      async (engine) => {
        await this.answers.load(engine.history);
        this.#engine = engine;
      },
      (error) => {
        throw new RfwError('starting', reasonOf(error), { cause: error });
      },
    );
    // Nobody may ask before the start has failed.
    this.started.catch(() => {});
  }

  get engine(): Engine {
    if (this.#engine === undefined) throw new Error('A route has not waited for the start');
    return this.#engine;
  }

  /** The whitelist in force, once the daemon has started. */
  get whitelist(): Whitelist | undefined {
    return this.#engine?.whitelisting.all;
  }

  condition(): Condition {
    const reason = this.#engine?.degraded;
    if (reason !== undefined) return { state: 'degraded', reason };
    return { state: this.#engine === undefined ? 'starting' : 'ready' };
  }

  metrics(): Promise<string> {
    return this.figures.text();
  }

  status(): Status {
    const { engine } = this;
    const { backend, capabilities } = this.#options.chosen;
    const { summary, ipv6, lists, shortcomings } = capabilities;
    const { rss, heapUsed } = process.memoryUsage();
    return {
      version,
      state: engine.degraded === undefined ? 'ready' : 'degraded',
      degraded: engine.degraded ?? null,
      backend: backend.name,
      capabilities: { summary, ipv6, lists, shortcomings: [...shortcomings] },
      rules: engine.size,
      lists: engine.listing.all.length,
      drifts: engine.drifts,
      queue: engine.waiting,
      startedAt: new Date(this.#startedAt).toISOString(),
      uptime: Math.floor((performance.now() - this.#since) / 1000),
      memory: { rss, heapUsed },
      urls: [...this.#options.urls()],
    };
  }
}

/** When a certificate ends, in seconds since the epoch. */
function expiryOf(tls: TlsFiles | undefined): number | undefined {
  return tls && Date.parse(new X509Certificate(tls.cert).validTo) / 1000;
}
