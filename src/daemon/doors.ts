import type { Server as HttpsServer } from 'node:https';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type CompatOptions, compatRoutes } from '../api/compat/routes.ts';
import { sendError } from '../api/errors.ts';
import { guardLocal, guardOutward, type LocalPolicy, type OnRefusal, type OutwardPolicy } from '../api/guards.ts';
import { closeServer, makeServer, tlsOptions } from '../api/server.ts';
import { v1Routes } from '../api/v1/plugin.ts';
import { routes } from '../api/v1/routes.ts';
import type { Services } from '../api/v1/services.ts';
import { RfwError, reasonOf } from '../domain/errors.ts';
import type { Settings } from './settings.ts';
import { version } from './version.ts';

/** Where a server listens. */
interface Place {
  readonly kind: 'outward' | 'local';
  readonly host: string;
  readonly port: number;
  /** The host may lack this address; then the server does without. */
  readonly optional: boolean;
}

export interface DoorsOptions {
  /** The settings in force. */
  readonly settings: () => Settings;
  /** What stands behind the routes; most of them wait until it has started. */
  readonly services: Services;
  /** The backend, for people. */
  readonly backend: string;
  readonly onRefusal: OnRefusal;
  readonly onResponse: (request: FastifyRequest, status: number) => void;
}

/** The servers that are open, by where they listen. */
export class Doors {
  readonly #options: DoorsOptions;
  readonly #open = new Map<string, FastifyInstance>();
  readonly #places = new Map<string, Place>();

  constructor(options: DoorsOptions) {
    this.#options = options;
  }

  /** The addresses that are listened on, as URLs. */
  get urls(): string[] {
    return [...this.#open.keys()];
  }

  /**
   * Opens what the settings ask for and isn't open. When one can't be opened, all is as it was before.
   * @param inForce when the settings are; requests to what is opened wait for it
   * @returns brings back what was open before
   * @throws RfwError `config-invalid` when an address is taken
   */
  async open(settings: Settings, inForce: Promise<unknown>): Promise<() => Promise<void>> {
    const before = new Map(this.#places);
    const undo = async (): Promise<void> => {
      for (const url of [...this.#open.keys()]) if (!before.has(url)) await this.#close(url);
      for (const place of before.values())
        if (!this.#open.has(urlOf(place))) await this.#listen(place, this.#options.settings(), Promise.resolve());
    };
    try {
      await this.#makeWay(settings);
      for (const place of placesOf(settings)) {
        if (!this.#open.has(urlOf(place))) await this.#listen(place, settings, inForce);
      }
    } catch (error) {
      await undo();
      throw error;
    }
    return undo;
  }

  /** Closes those of the open servers that aren't wanted any more and hold a port that another one is to have. */
  async #makeWay(settings: Settings): Promise<void> {
    const wanted = placesOf(settings);
    for (const [url, place] of [...this.#places]) {
      const stays = wanted.some((other) => urlOf(other) === url);
      if (!stays && wanted.some(({ port }) => port === place.port)) await this.#close(url);
    }
  }

  /** Closes what the settings don't ask for, and has the others take up the new certificate. */
  async settle(settings: Settings): Promise<void> {
    const wanted = new Set(placesOf(settings).map(urlOf));
    for (const [url, server] of this.#open) {
      if (!wanted.has(url)) await this.#close(url);
      else if (settings.tls && url.startsWith('https:'))
        (server.server as unknown as HttpsServer).setSecureContext(tlsOptions(settings.tls));
    }
  }

  /** Stops accepting and finishes what was accepted. */
  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((url) => this.#close(url)));
  }

  async #close(url: string): Promise<void> {
    const server = this.#open.get(url);
    this.#open.delete(url);
    this.#places.delete(url);
    if (server) await closeServer(server);
  }

  async #listen(place: Place, settings: Settings, inForce: Promise<unknown>): Promise<void> {
    const server = this.#build(place, settings, inForce);
    try {
      await server.listen({ host: place.host, port: place.port, ipv6Only: place.kind === 'local' });
      this.#open.set(urlOf(place), server);
      this.#places.set(urlOf(place), place);
    } catch (error) {
      await server.close();
      if (place.optional && isMissingAddress(error)) return;
      throw new RfwError('config-invalid', `Could not listen on ${urlOf(place)}: ${reasonOf(error)}`, { cause: error });
    }
  }

  #build(place: Place, settings: Settings, inForce: Promise<unknown>): FastifyInstance {
    const { settings: current, onRefusal, onResponse } = this.#options;
    const server = makeServer(place.kind === 'outward' ? settings.tls : undefined);
    server.addHook('onRequest', async (_request, reply) => {
      await inForce.catch((error) => sendError(reply, 'starting', reasonOf(error)));
    });
    server.addHook('onResponse', async (request, reply) => onResponse(request, reply.statusCode));
    if (place.kind === 'outward') guardOutward(server, () => outwardPolicy(current()), onRefusal);
    else guardLocal(server, () => localPolicy(current(), place.port), onRefusal);
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
      host: request.raw.socket.localAddress?.replace(/^::ffff:/, '') ?? place.host,
      port: place.port,
      authentication: place.kind === 'outward' || local?.authentication === true,
      nonRestful,
      defaultExpire,
      backend: this.#options.backend,
      rules: engine.size,
      drifts: engine.drifts,
    };
    return { engine, nonRestful, defaultExpire, facts };
  }
}

function outwardPolicy({ config, whitelist }: Settings): OutwardPolicy {
  if (config.credentials === undefined) throw new Error('The outward server runs without credentials');
  return { whitelist, credentials: config.credentials };
}

function localPolicy({ config }: Settings, port: number): LocalPolicy {
  return { port, credentials: config.local?.authentication === true ? config.credentials : undefined };
}

function placesOf({ config: { outward, local } }: Settings): Place[] {
  return [
    ...(local === undefined
      ? []
      : [
          { kind: 'local', host: '127.0.0.1', port: local.port, optional: false } as const,
          { kind: 'local', host: '::1', port: local.port, optional: true } as const,
        ]),
    ...(outward === undefined
      ? []
      : [{ kind: 'outward', host: outward.ip, port: outward.port, optional: false } as const]),
  ];
}

function schemeOf({ kind }: Place): 'http' | 'https' {
  return kind === 'outward' ? 'https' : 'http';
}

function urlOf(place: Place): string {
  return formatUrl(schemeOf(place), place.host, place.port);
}

/** The URL of a server; an IPv6 address is put in brackets (RFC 3986, section 3.2.2). */
export function formatUrl(scheme: 'http' | 'https', host: string, port: number): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** IPv6 may be off, or the loopback interface without its address. */
function isMissingAddress(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT');
}
