import type { Logger } from 'pino';
import type { Accounts } from '../api/access/authentication.ts';
import { reasonOf } from '../domain/errors.ts';
import { ruleKey } from '../domain/rule.ts';
import { systemClock } from '../engine/clock.ts';
import { Engine } from '../engine/engine.ts';
import type { EngineEvent } from '../engine/events.ts';
import type { Store } from '../engine/store/store.ts';
import { withApplyMetrics, withCommitMetrics } from '../metrics/timed.ts';
import { makeAccounts } from './accounts.ts';
import { type ChosenBackend, chooseBackend, shortcomingsOf } from './backend.ts';
import type { Config } from './config.ts';
import { ControlSocket } from './control.ts';
import { Deferred } from './deferred.ts';
import { Doors } from './doors.ts';
import { logEmptied, logEvent } from './events.ts';
import { flushRunning } from './flush.ts';
import { Holders } from './holders.ts';
import { answeredRequest, logRequest } from './requests.ts';
import { DaemonServices } from './services.ts';
import { loadSettings, protectionOf, type Settings } from './settings.ts';
import { openStore, stateFolder } from './state.ts';

/** What a running daemon tells of itself. */
export interface DaemonReport {
  readonly urls: readonly string[];
  /** The backend and why it was taken. */
  readonly backend: string;
  readonly rules: number;
}

interface Parts {
  readonly log: Logger;
  readonly store: Store;
  readonly chosen: ChosenBackend;
  readonly doors: Doors;
  readonly control: ControlSocket | undefined;
  readonly accounts: Accounts;
  readonly engine: Engine;
  /** The settings in force, shared with the doors. */
  readonly held: { settings: Settings };
  /** Reads the settings again. */
  readonly load: () => Settings;
}

/** Settings that only a new start can change, and their keys in the file. */
const fixed = {
  backend: 'firewall.backend',
  stateDir: 'state.dir',
  iptablesPath: 'iptables.path',
  nftablesCounters: 'nftables.counters',
  rejectTcpReset: 'reject.tcp.reset',
  auditKeep: 'audit.keep',
  auditLimit: 'audit.limit',
} as const satisfies Partial<Record<keyof Config, string>>;

/** The running service: wires settings, store, backend, engine and doors. Nothing else does. */
export class Daemon {
  readonly #parts: Parts;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Starts everything, the kernel last: when it is changed, all the rest is known to work. Requests that come in
   * meanwhile wait.
   * @param load reads the settings again for `reload`
   * @throws RfwError that says what is in the way; nothing is left half started
   */
  static async start(
    settings: Settings,
    log: Logger,
    load: () => Settings = () => loadSettings(settings.config.file),
  ): Promise<Daemon> {
    const chosen = await chooseBackend(settings.config);
    const store = openStore(settings.config);
    const level = chosen.capabilities.ipv6 ? 'warn' : 'error';
    for (const shortcoming of shortcomingsOf(chosen, settings.config)) log[level](shortcoming);
    const held = { settings };
    const ready = new Deferred<Engine>();
    const recorded = new Deferred<Holders>();
    const accounts = await makeAccounts(() => held.settings, store, ready.promise, log).catch(async (error) => {
      chosen.backend.close();
      await store.close();
      throw error;
    });
    const services: DaemonServices = new DaemonServices({
      engine: ready.promise,
      chosen,
      tokens: accounts.tokens,
      urls: () => doors.urls,
      tls: () => held.settings.tls,
      defaultExpire: () => held.settings.config.defaultExpire,
      listLimits: () => held.settings.config.listLimits,
    });
    const { figures } = services;
    const doors = new Doors({
      settings: () => held.settings,
      whitelist: () => services.whitelist ?? held.settings.whitelist,
      services,
      backend: chosen.capabilities.summary,
      accounts,
      onShortcoming: (message) => log.warn(message),
      onRefusal: (client, reason) => log.warn({ client }, `Refused: ${reason}`),
      onResponse: (request, reply) => {
        figures.answered(answeredRequest(request, reply));
        logRequest(log, request, reply.statusCode);
      },
    });
    const control = await openControl(settings.config, log, async () =>
      flushRunning(await ready.promise, await recorded.promise),
    );
    try {
      await doors.open(settings, Promise.resolve());
      const onEvent = (event: EngineEvent): void => {
        figures.happened(event);
        logEvent(log, event);
      };
      const protection = protectionOf(settings);
      const holders = await Holders.record(chosen.backend, store, settings.config, systemClock.bootId);
      recorded.resolve(holders);
      const { moving } = holders;
      const backend = withApplyMetrics(chosen.backend, figures);
      const engine = await Engine.start({
        backend,
        store: withCommitMetrics(store, figures),
        clock: systemClock,
        protection,
        onEvent,
        moving,
      });
      warnOfIdleLists(log, chosen, engine);
      // While both are filled nothing is answered: what is deleted now would still be in the former one.
      await emptyFormer(log, holders, engine.size);
      ready.resolve(engine);
      return new Daemon({ log, store, chosen, doors, control, engine, held, accounts, load });
    } catch (error) {
      ready.reject(error);
      recorded.reject(error);
      accounts.logins.release();
      await doors.close();
      await accounts.tokens.close();
      await control?.close();
      chosen.backend.close();
      await store.close();
      throw error;
    }
  }

  get report(): DaemonReport {
    const { chosen, doors, engine } = this.#parts;
    return { urls: doors.urls, backend: `${chosen.capabilities.summary} (${chosen.reason})`, rules: engine.size };
  }

  /**
   * Reads the configuration and the whitelist again and follows them. When they are bad, or can't be followed, those in
   * force stay, and the log says so.
   */
  async reload(): Promise<void> {
    const { log, held, doors, engine } = this.#parts;
    try {
      const next = this.#readAgain();
      const inForce = new Deferred<void>();
      const undo = await doors.open(next, inForce.promise);
      try {
        const displaced = await engine.protect(protectionOf(next));
        held.settings = next;
        inForce.resolve();
        log.info({ removed: displaced.map(ruleKey) }, `Reloaded ${next.config.file}`);
      } catch (error) {
        inForce.reject(error);
        await undo();
        throw error;
      }
    } catch (error) {
      log.error(`Reload failed, the settings in force stay: ${reasonOf(error)}`);
      return;
    }
    await doors.settle(held.settings);
  }

  /** The settings on disk, but for those that can't change while the daemon runs. */
  #readAgain(): Settings {
    const { log, held, load } = this.#parts;
    const now = held.settings.config;
    const next = load();
    for (const name of Object.keys(fixed) as (keyof typeof fixed)[]) {
      if (next.config[name] !== now[name]) log.warn(`A changed ${fixed[name]} takes effect at the next start`);
    }
    const { backend, stateDir, iptablesPath, nftablesCounters, rejectTcpReset, auditKeep, auditLimit } = now;
    const kept = { backend, stateDir, iptablesPath, nftablesCounters, rejectTcpReset, auditKeep, auditLimit };
    return { ...next, config: { ...next.config, ...kept } };
  }

  /** Stops accepting, finishes what was accepted, and leaves the rules enforced. */
  async stop(): Promise<void> {
    const { doors, control, accounts, engine, chosen, store } = this.#parts;
    accounts.logins.release();
    await doors.close();
    await accounts.tokens.close();
    await control?.close();
    const snapshot = await engine.stop();
    chosen.backend.close();
    await store.close(snapshot);
  }
}

/** Lists that came along from another backend are kept where this one can't have any, and that is never kept quiet. */
function warnOfIdleLists(log: Logger, { backend, capabilities }: ChosenBackend, { listing }: Engine): void {
  if (capabilities.lists || listing.all.length === 0) return;
  const lists = listing.all.map(({ name }) => name);
  const example = `delete them with DELETE /v1/lists/${lists[0]}, or take another firewall.backend`;
  log.error({ lists }, `Not enforced, since lists need more than ${backend.name} has on this host: ${example}`);
}

/** What can't be emptied, or forgotten, now has its turn again at the next start. */
async function emptyFormer(log: Logger, holders: Holders, rules: number): Promise<void> {
  try {
    logEmptied(log, await holders.emptyFormer(), holders.current, rules);
  } catch (error) {
    log.error(`The next start will look again for rules in former backends: ${reasonOf(error)}`);
  }
}

/** Opens the door of `rfw --flush`, without which everything else works. */
async function openControl(
  config: Config,
  log: Logger,
  flush: Parameters<typeof ControlSocket.open>[1],
): Promise<ControlSocket | undefined> {
  try {
    return await ControlSocket.open(stateFolder(config), flush);
  } catch (error) {
    log.warn(`rfw --flush can't ask this daemon, which has to be stopped for it: ${reasonOf(error)}`);
    return undefined;
  }
}
