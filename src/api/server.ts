import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer, METHODS, type RequestListener } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { type Address, parseAddress } from '../domain/address.ts';
import { RfwError, reasonOf } from '../domain/errors.ts';
import { type Door, nobody, type Principal } from './access/principal.ts';
import { limitBodyTime } from './body-time.ts';
import { answerBrokenRequest } from './broken.ts';
import { isV1, RequestError, sendError } from './errors.ts';
import { codeOfStatus } from './problem.ts';
import { limitRequests, RequestsUnderWay } from './under-way.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Aborted when the server begins to close: answers that would go on for ever end then. */
    readonly ending: AbortSignal;
  }
  interface FastifyContextConfig {
    /** What all requests to a route have in common, for the metrics: its path with names in the place of values. */
    template?: string;
  }
  interface FastifyRequest {
    /** Who asks, as the door found out. */
    principal: Principal;
    /** Who the door would find now, for answers that go on; `nobody` where it would turn the request away. */
    principalNow: () => Principal;
    /** Which door that was. Set by the door, before anything else. */
    door: Door;
    /** What was thrown that isn't the fault of the client, for the log. */
    failure: unknown;
  }
}

/** Certificate and key of an HTTPS server, PEM. */
export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** The authorities whose certificates clients may show; undefined when they aren't asked for one. */
  readonly clientCa?: Buffer | undefined;
}

/** How TLS is spoken with a certificate: 1.2 and 1.3 only, whatever Node was told on its command line. */
export function tlsOptions({ cert, key, clientCa }: TlsFiles): SecureContextOptions {
  return { cert, key, ...(clientCa && { ca: clientCa }), minVersion: 'TLSv1.2' };
}

/** Bounds on what a client may send and how long it may take. Bytes and milliseconds. */
const limits = {
  /** Above the longest path, so that a long one can be answered with 414. */
  headers: 32_768,
  body: 65_536,
  headersTimeout: 10_000,
  bodyTimes: { whole: 20_000, pause: 20_000 },
  handshakeTimeout: 10_000,
  keepAliveTimeout: 30_000,
  connections: 20_000,
  /** That aren't answered yet. */
  requests: 10_000,
  /** How often the timeouts are looked after. */
  interval: 1000,
} as const;

/** Makes an HTTP server, or with a certificate an HTTPS server, that has limits and no routes. */
export function makeServer(tls: TlsFiles | undefined): FastifyInstance {
  const server = fastify({
    bodyLimit: limits.body,
    forceCloseConnections: 'idle',
    clientErrorHandler: answerBrokenRequest,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    // The id of a rule has all of its addresses and interfaces in it.
    routerOptions: { maxParamLength: 256 },
    rewriteUrl: ({ url = '/' }) => routableUrl(url),
    genReqId: ({ headers }) => requestId(headers['x-request-id']),
    serverFactory: (handler) => listener(tls, handler),
  });
  // Every method finds its route, and the route says whether it is allowed.
  for (const method of METHODS) {
    if (!server.supportedMethods.includes(method)) server.addHttpMethod(method, { hasBody: true });
  }
  server.decorateRequest('principal');
  server.decorateRequest('principalNow');
  server.decorateRequest('door');
  const ending = new AbortController();
  // Each answer that goes on listens to it.
  setMaxListeners(0, ending.signal);
  endings.set(server, ending);
  server.decorate('ending', ending.signal);
  server.decorateRequest('refusal');
  server.decorateRequest('failure');
  server.addHook('onRequest', async (request) => {
    request.principal = nobody;
    request.principalNow = () => nobody;
  });
  server.addHook('onRequest', async (request, reply) => {
    if (isV1(request.url)) reply.headers(securityHeaders).header('x-request-id', request.id);
  });
  limitRequests(server, limits.requests);
  limitBodyTime(server, limits.bodyTimes);
  keepCount(server);
  server.addHook('onRequest', async (_request, reply) => {
    if (!closing.has(server)) return;
    await sendError(reply, 'stopping', 'rfw is stopping: try again in a moment');
  });
  // A request that was under way is the last of its connection, which else would be kept for another one.
  server.addHook('onSend', (_request, reply, _payload, done) => {
    if (closing.has(server)) reply.header('connection', 'close');
    done();
  });
  server.setErrorHandler(async (error, _request, reply) => answerFailure(reply, error));
  return server;
}

/**
 * A path that the router can take apart. A target in the absolute form is as good as its path (RFC 9112, section 3.2.2). The
 * routes of 2014 see what was sent by `originalUrl`.
 */
function routableUrl(sent: string): string {
  const url = sent.replace(/^https?:\/\/[^/?]*(?=\/)/i, '');
  if (!url.startsWith('/')) return '/';
  try {
    decodeURI(url);
    return url;
  } catch {
    return isV1(url) ? '/v1/' : '/';
  }
}

/** The id that the client gave the request, when it is one that fits into a log and a header; else a new one. */
function requestId(given: string | string[] | undefined): string {
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
}

/**
 * What every answer of /v1 says. Nothing of it is for a cache, for a page of another site, or for anything but its type;
 * the policy lets a browser that shows an answer load and run nothing.
 */
const securityHeaders = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
} as const;

/** What the framework refuses, and failures of the program itself, which are nobody else's business. */
async function answerFailure(reply: FastifyReply, error: unknown): Promise<void> {
  if (error instanceof RfwError) {
    return sendError(reply, error.code, error.message, error instanceof RequestError ? error.errors : []);
  }
  const code = error instanceof Error && 'statusCode' in error ? codeOfStatus(Number(error.statusCode)) : undefined;
  if (code !== undefined) return sendError(reply, code, reasonOf(error));
  reply.request.failure = error;
  await sendError(reply, 'internal', 'Internal error, see the log of rfw');
}

function listener(tls: TlsFiles | undefined, handler: RequestListener): HttpServer | HttpsServer {
  const options = {
    maxHeaderSize: limits.headers,
    headersTimeout: limits.headersTimeout,
    // `limitBodyTime` is there for the rest: what is enough for one rule isn't for a million.
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveTimeout,
    connectionsCheckingInterval: limits.interval,
  };
  const server =
    tls === undefined
      ? createHttpServer(options, handler)
      : createHttpsServer(
          {
            ...options,
            ...tlsOptions(tls),
            handshakeTimeout: limits.handshakeTimeout,
            // Whether a certificate is good the door looks at: a client without one may log in otherwise.
            ...(tls.clientCa && { requestCert: true, rejectUnauthorized: false }),
          },
          handler,
        );
  server.maxConnections = limits.connections;
  return server;
}

/** The addresses of clients: a socket that was closed doesn't know it any more, and the audit log still wants it. */
const addresses = new WeakMap<Socket, Address>();

/**
 * The address of the client that a request came from; undefined over a unix socket, and where it had hung up before its door
 * asked.
 */
export function clientAddress({ raw: { socket } }: FastifyRequest): Address | undefined {
  const known = addresses.get(socket);
  if (known !== undefined || socket.remoteAddress === undefined) return known;
  // A link-local address carries its zone, which is no part of the address.
  const address = parseAddress(socket.remoteAddress.replace(/%.*/, ''));
  addresses.set(socket, address);
  return address;
}

/**
 * Milliseconds that a closing server waits: for requests that are still being sent, and for those that have come in whole. The
 * latter may wait for the xtables lock.
 */
const closingPatience = { sending: 3000, answering: 12_000 };

/** The servers that take no more requests, also not over the connections that they have. */
const closing = new WeakSet<FastifyInstance>();

/** The requests of each server that have come in whole and aren't answered yet. */
const underWay = new WeakMap<FastifyInstance, RequestsUnderWay>();

function keepCount(server: FastifyInstance): void {
  const requests = new RequestsUnderWay();
  underWay.set(server, requests);
  server.addHook('preHandler', async (request) => requests.begin(request));
  server.addHook('onResponse', async (request) => requests.end(request));
}

/** Ends the answers of each server that would go on for ever. */
const endings = new WeakMap<FastifyInstance, AbortController>();

/** Stops accepting, finishes what was accepted, and cuts off clients that take too long. */
export async function closeServer(server: FastifyInstance): Promise<void> {
  closing.add(server);
  endings.get(server)?.abort();
  const began = performance.now();
  const watch = setInterval(() => {
    const waited = performance.now() - began;
    const idle = underWay.get(server)?.size === 0;
    if (waited > (idle ? closingPatience.sending : closingPatience.answering)) server.server.closeAllConnections();
  }, 100);
  try {
    await server.close();
  } finally {
    clearInterval(watch);
  }
}
