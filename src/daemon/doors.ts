import type { Server as HttpsServer } from 'node:https';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type CompatOptions, compatRoutes } from '../api/compat/routes.ts';
import { guardLocal, guardOutward, type LocalPolicy, type OnRefusal, type OutwardPolicy } from '../api/doors.ts';
import { closeServer, makeServer } from '../api/server.ts';
import { RfwError, reasonOf } from '../domain/errors.ts';
import type { Engine } from '../engine/engine.ts';
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
  /** Requests wait for it. */
  readonly engine: Promise<Engine>;
  /** The backend, for people. */
  readonly backend: string;
  readonly onRefusal: OnRefusal;
  readonly onResponse: (request: FastifyRequest, status: number) => void;
}

/** The servers that are open, by where they listen. */
export class Doors {
  readonly #options: DoorsOptions;
  readonly #open = new Map<string, FastifyInstance>();

  constructor(options: DoorsOptions) {
    this.#options = options;
  }

  /** The addresses that are listened on, as URLs. */
  get urls(): string[] {
    return [...this.#open.keys()];
  }

  /**
   * Opens what the settings ask for and isn't open. Nothing stays open of it when one can't be.
   * @returns closes again what was opened
   * @throws RfwError `config-invalid` when an address is taken
   */
  async open(settings: Settings): Promise<() => Promise<void>> {
    const opened: string[] = [];
    const undo = async (): Promise<void> => {
      await Promise.all(opened.map((url) => this.#close(url)));
    };
    for (const place of placesOf(settings)) {
      const url = urlOf(place);
      if (this.#open.has(url)) continue;
      try {
        if (await this.#listen(place, settings)) opened.push(url);
      } catch (error) {
        await undo();
        throw error;
      }
    }
    return undo;
  }

  /** Closes what the settings don't ask for, and has the others take up the new certificate. */
  async settle(settings: Settings): Promise<void> {
    const wanted = new Set(placesOf(settings).map(urlOf));
    for (const [url, server] of this.#open) {
      if (!wanted.has(url)) await this.#close(url);
      else if (settings.tls && url.startsWith('https:'))
        (server.server as unknown as HttpsServer).setSecureContext(settings.tls);
    }
  }

  /** Stops accepting and finishes what was accepted. */
  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((url) => this.#close(url)));
  }

  async #close(url: string): Promise<void> {
    const server = this.#open.get(url);
    this.#open.delete(url);
    if (server) await closeServer(server);
  }

  async #listen(place: Place, settings: Settings): Promise<boolean> {
    const server = this.#build(place, settings);
    try {
      await server.listen({ host: place.host, port: place.port, ipv6Only: place.kind === 'local' });
      this.#open.set(urlOf(place), server);
      return true;
    } catch (error) {
      await server.close();
      if (place.optional && isMissingAddress(error)) return false;
      throw new RfwError('config-invalid', `Could not listen on ${urlOf(place)}: ${reasonOf(error)}`, { cause: error });
    }
  }

  #build(place: Place, settings: Settings): FastifyInstance {
    const { settings: current, onRefusal, onResponse } = this.#options;
    const server = makeServer(place.kind === 'outward' ? settings.tls : undefined);
    server.addHook('onResponse', async (request, reply) => onResponse(request, reply.statusCode));
    if (place.kind === 'outward') guardOutward(server, () => outwardPolicy(current()), onRefusal);
    else guardLocal(server, () => localPolicy(current(), place.port), onRefusal);
    compatRoutes(server, (request) => this.#compatOptions(place, request));
    return server;
  }

  async #compatOptions(place: Place, request: FastifyRequest): Promise<CompatOptions> {
    const engine = await this.#options.engine;
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
  return `${schemeOf(place)}://${place.host.includes(':') ? `[${place.host}]` : place.host}:${place.port}`;
}

/** IPv6 may be off, or the loopback interface without its address. */
function isMissingAddress(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT');
}
