import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import fastify, { type ConnectionError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { type Address, parseAddress } from '../domain/address.ts';
import { sendError } from './compat/routes.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks, as the door found out. */
    principal: string;
  }
}

/** Certificate and key of an HTTPS server, PEM. */
export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Bounds on what a client may send and how long it may take. Bytes and milliseconds. */
const limits = {
  /** Above the longest path, so that a long one can be answered with 414. */
  headers: 32_768,
  body: 65_536,
  headersTimeout: 10_000,
  requestTimeout: 20_000,
  handshakeTimeout: 10_000,
  keepAliveTimeout: 30_000,
  connections: 20_000,
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
    // Before any route sees them: paths that can't be decoded, the only error of the framework's own.
    frameworkErrors: (error, _request, reply) => {
      void sendError(reply as FastifyReply, 400, `Incorrect path: ${error.message}`);
    },
    serverFactory: (handler) => listener(tls, handler),
  });
  server.decorateRequest('principal', '');
  // The API of 2014 has no bodies; clients that send one anyway, of whatever type, mean nothing by it.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume();
    payload.on('end', () => done(null));
    payload.on('error', done);
  });
  return server;
}

function listener(tls: TlsFiles | undefined, handler: RequestListener): HttpServer | HttpsServer {
  const options = {
    maxHeaderSize: limits.headers,
    headersTimeout: limits.headersTimeout,
    requestTimeout: limits.requestTimeout,
    keepAliveTimeout: limits.keepAliveTimeout,
    connectionsCheckingInterval: limits.interval,
  };
  const server =
    tls === undefined
      ? createHttpServer(options, handler)
      : createHttpsServer(
          { ...options, ...tls, minVersion: 'TLSv1.2', handshakeTimeout: limits.handshakeTimeout },
          handler,
        );
  server.maxConnections = limits.connections;
  return server;
}

/** Answers what isn't even HTTP, or too much of it, and hangs up. */
function answerBrokenRequest(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = brokenStatus(error);
  const body = `ERROR: ${status.slice(4)}\r\n`;
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function brokenStatus(error: ConnectionError): string {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return '408 Request Timeout';
  if (error.code !== 'HPE_HEADER_OVERFLOW') return '400 Bad Request';
  const packet: unknown = error.rawPacket;
  const endOfLine = Buffer.isBuffer(packet) ? packet.indexOf('\r\n') : -1;
  return endOfLine < 0 || endOfLine > 8192 ? '414 URI Too Long' : '431 Request Header Fields Too Large';
}

/** The address of the client that a request came from. */
export function clientAddress(request: FastifyRequest): Address {
  // A link-local address carries its zone, which is no part of the address.
  return parseAddress((request.raw.socket.remoteAddress ?? '').replace(/%.*/, ''));
}

/** Milliseconds that requests under way may take to finish when a server closes. */
const closingPatience = 3000;

/** Stops accepting, finishes what was accepted, and cuts off clients that take too long. */
export async function closeServer(server: FastifyInstance): Promise<void> {
  const cutOff = setTimeout(() => server.server.closeAllConnections(), closingPatience);
  try {
    await server.close();
  } finally {
    clearTimeout(cutOff);
  }
}
