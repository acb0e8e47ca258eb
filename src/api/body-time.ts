import type { FastifyInstance, FastifyRequest } from 'fastify';
import { hangUp } from './broken.ts';
import { isV1 } from './errors.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body may take as long as it keeps coming: for those that are large. */
    stream?: boolean;
  }
}

/** How long clients may take to send a body, in milliseconds. */
export interface BodyTimes {
  /** For all of it. */
  readonly whole: number;
  /** For the next bytes of one that is a stream. */
  readonly pause: number;
}

/**
 * Hangs up on clients that are slow with a body: Node has one bound for all requests, and a million rules take longer than what
 * is enough for one. A client that is made to wait, because what it sent is still being worked on, isn't slow.
 */
export function limitBodyTime(server: FastifyInstance, { whole, pause }: BodyTimes): void {
  server.addHook('onRequest', async (request, reply) => {
    if (!announcesBody(request)) return;
    const { raw } = request;
    const { socket } = raw;
    const stream = request.routeOptions.config.stream === true;
    let seen = socket.bytesRead;
    const timer = setInterval(
      () => {
        const answered = reply.raw.writableEnded;
        const goesOn = stream && !answered && (socket.bytesRead > seen || raw.readableLength > 0);
        seen = socket.bytesRead;
        if (goesOn) return;
        clearInterval(timer);
        // Whoever reads the body must not wait for more of it.
        if (reply.raw.headersSent) socket.destroy();
        else hangUp(socket, 'request-timeout', isV1(request.url)).once('finish', () => socket.destroy());
      },
      stream ? pause : whole,
    );
    const done = (): void => {
      clearInterval(timer);
      // The connection may carry thousands of requests.
      socket.off('close', done);
    };
    raw.once('end', done);
    raw.once('close', done);
    socket.once('close', done);
  });
}

function announcesBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
