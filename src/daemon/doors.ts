import type { Server as HttpsServer } from 'node:https';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Accounts } from '../api/access/authentication.ts';
import { type CompatOptions, compatRoutes } from '../api/compat/routes.ts';
import type { ServerFacts } from '../api/compat/usage.ts';
import { sendError } from '../api/errors.ts';
import {
  guardLocal,
  guardOutward,
  guardSocket,
  type LocalPolicy,
  type OnRefusal,
  type OutwardPolicy,
} from '../api/guards.ts';
import { closeServer, makeServer, tlsOptions } from '../api/server.ts';
import { v1Routes } from '../api/v1/plugin.ts';
import { routes } from '../api/v1/routes.ts';
import type { Services } from '../api/v1/services.ts';
import { RfwError, reasonOf } from '../domain/errors.ts';
import { version } from '../domain/version.ts';
import type { Whitelist } from '../domain/whitelist.ts';
import { isInTheWay, keyOf, type Place, placesOf, schemeOf, urlOf } from './places.ts';
import type { Settings } from './settings.ts';
import { listenAt, type OpenSocket } from './unix-socket.ts';

export interface DoorsOptions {
  /** The settings in force. */
  readonly settings: () => Settings;
  /** The whitelist in force. */
  readonly whitelist: () => Whitelist;
  /** What stands behind the routes; most of them wait until it has started. */
  readonly services: Services;
  /** The backend, for people. */
  readonly backend: string;
  /** Who may do what. */
  readonly accounts: Accounts;
  readonly onRefusal: OnRefusal;
  readonly onResponse: (request: FastifyRequest, reply: FastifyReply) => void;
  /** Told of what the daemon does without. */
  readonly onShortcoming: (message: string) => void;
}

/** A server that listens. */
interface OpenDoor {
  readonly place: Place;
  readonly server: FastifyInstance;
  /** Of a unix socket. */
  readonly socket: OpenSocket | undefined;
}

/** The servers that are open, by where they listen. */
export class Doors {
  readonly #options: DoorsOptions;
  readonly #open = new Map<string, OpenDoor>();

  constructor(options: DoorsOptions) {
    this.#options = options;
  }

  /** The addresses that are listened on, as URLs. */
  get urls(): string[] {
    return [...this.#open.values()].map(({ place }) => urlOf(place));
  }

  /**
   * Opens what the settings ask for and isn't open. When one can't be opened, all is as it was before.
   * @param inForce when the settings are; requests to what is opened wait for it
   * @returns brings back what was open before
   * @throws RfwError `config-invalid` when an address is taken
   */
  async open(settings: Settings, inForce: Promise<unknown>): Promise<() => Promise<void>> {
    const before = new Map([...this.#open].map(([key, { place }]) => [key, place]));
    const undo = async (): Promise<void> => {
      for (const key of [...this.#open.keys()]) if (!before.has(key)) await this.#close(key);
      for (const [key, place] of before)
        if (!this.#open.has(key)) await this.#listen(place, this.#options.settings(), Promise.resolve());
    };
    try {
      await this.#makeWay(settings);
      for (const place of placesOf(settings)) {
        if (!this.#open.has(keyOf(place))) await this.#listen(place, settings, inForce);
      }
    } catch (error) {
      await undo();
      throw error;
    }
    return undo;
  }

  /** Closes those of the open servers that aren't wanted any more and hold what another one is to have. */
  async #makeWay(settings: Settings): Promise<void> {
    const wanted = placesOf(settings);
    for (const [key, { place }] of [...this.#open]) {
      const stays = wanted.some((other) => keyOf(other) === key);
      if (!stays && wanted.some((other) => isInTheWay(place, other))) await this.#close(key);
    }
  }

  /** Closes what the settings don't ask for, and has the others take up the new certificate and authority. */
  async settle(settings: Settings): Promise<void> {
    const wanted = new Set(placesOf(settings).map(keyOf));
    for (const [key, { place, server }] of this.#open) {
      if (!wanted.has(key)) await this.#close(key);
      else if (settings.tls && place.kind === 'outward')
        (server.server as unknown as HttpsServer).setSecureContext(tlsOptions(settings.tls));
    }
  }

  /** Stops accepting and finishes what was accepted. */
  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((key) => this.#close(key)));
  }

  async #close(key: string): Promise<void> {
    const door = this.#open.get(key);
    this.#open.delete(key);
    if (door === undefined) return;
    door.socket?.remove();
    await closeServer(door.server);
    door.socket?.letGo();
  }

  async #listen(place: Place, settings: Settings, inForce: Promise<unknown>): Promise<void> {
    const server = this.#build(place, settings, inForce);
    try {
      this.#open.set(keyOf(place), { place, server, socket: await listen(server, place) });
    } catch (error) {
      await server.close();
      const hint = place.kind === 'socket' ? '. socket.path sets another path, or off' : '';
      const message = `Could not listen on ${urlOf(place)}: ${reasonOf(error)}${hint}`;
      if (!isDispensable(place, error)) throw new RfwError('config-invalid', message, { cause: error });
      if (place.kind === 'socket') this.#options.onShortcoming(message);
    }
  }

  #build(place: Place, settings: Settings, inForce: Promise<unknown>): FastifyInstance {
    const { settings: current, whitelist, accounts, onRefusal, onResponse } = this.#options;
    const server = makeServer(place.kind === 'outward' ? settings.tls : undefined);
    server.addHook('onRequest', async (_request, reply) => {
      await inForce.catch((error) => sendError(reply, 'starting', reasonOf(error)));
    });
    server.addHook('onResponse', async (request, reply) => onResponse(request, reply));
    if (place.kind === 'outward')
      guardOutward(server, () => outwardPolicy(current(), whitelist()), accounts, onRefusal);
    else if (place.kind === 'local') guardLocal(server, () => localPolicy(current(), place.port), accounts, onRefusal);
    else guardSocket(server, accounts, onRefusal);
    v1Routes(server, routes, this.#options.services);
    compatRoutes(server, (request) => this.#compatOptions(place, request));
    return server;
  }

  async #compatOptions(place: Place, request: FastifyRequest): Promise<CompatOptions> {
    await this.#options.services.started;
    const { engine } = this.#options.services;
    const { nonRestful, defaultExpire, local } = this.#options.settings().config;
    const facts = {
      version,
      scheme: schemeOf(place),
      ...whereabouts(place, request),
      authentication: place.kind === 'outward' || (place.kind === 'local' && local?.authentication === true),
      nonRestful,
      defaultExpire,
      backend: this.#options.backend,
      rules: engine.size,
      drifts: engine.drifts,
    };
    return { engine, nonRestful, defaultExpire, facts };
  }
}

/** Where the client reached the server. */
function whereabouts(place: Place, request: FastifyRequest): Pick<ServerFacts, 'host' | 'port' | 'socket'> {
  if (place.kind === 'socket') return { host: 'localhost', port: 80, socket: place.path };
  const host = request.raw.socket.localAddress?.replace(/^::ffff:/, '') ?? place.host;
  return { host, port: place.port, socket: undefined };
}

async function listen(server: FastifyInstance, place: Place): Promise<OpenSocket | undefined> {
  if (place.kind === 'socket') return listenAt(server, place);
  await server.listen({ host: place.host, port: place.port, ipv6Only: place.kind === 'local' });
  return undefined;
}

function outwardPolicy({ config }: Settings, whitelist: Whitelist): OutwardPolicy {
  if (config.credentials === undefined) throw new Error('The outward server runs without credentials');
  return { whitelist, credentials: config.credentials, roles: config.outward?.certificates?.roles ?? new Map() };
}

function localPolicy({ config }: Settings, port: number): LocalPolicy {
  return { port, credentials: config.local?.authentication === true ? config.credentials : undefined };
}

/** Whether the daemon does without: IPv6 may be off, the loopback interface without its address, or /run not to be written. */
function isDispensable(place: Place, error: unknown): boolean {
  if (!place.optional || place.kind === 'socket') return place.optional;
  return error instanceof Error && 'code' in error && (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT');
}
