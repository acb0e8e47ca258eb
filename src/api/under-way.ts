import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { sendError } from './errors.ts';

/** Requests by their connection: those of one that breaks are over, whether or not anybody says so. */
export class RequestsUnderWay {
  readonly #requests = new WeakSet<FastifyRequest>();
  readonly #counts = new Map<Socket, number>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  begin(request: FastifyRequest): void {
    const { socket } = request.raw;
    const count = this.#counts.get(socket);
    // Of one that is closed already nobody will say so.
    if (socket.destroyed) return;
    if (count === undefined) socket.once('close', () => this.#forget(socket));
    this.#counts.set(socket, (count ?? 0) + 1);
    this.#requests.add(request);
    this.#size++;
  }

  /** Nothing happens where it hasn't begun, or is over. */
  end(request: FastifyRequest): void {
    const { socket } = request.raw;
    const count = this.#counts.get(socket);
    if (count === undefined || !this.#requests.delete(request)) return;
    this.#counts.set(socket, count - 1);
    this.#size--;
  }

  #forget(socket: Socket): void {
    this.#size -= this.#counts.get(socket) ?? 0;
    this.#counts.delete(socket);
  }
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** It is answered at once, whatever the state of the daemon: whoever asks whether it lives is never refused. */
    early?: boolean;
  }
}

/**
 * Refuses requests when so many others are not answered yet, whatever these wait for: each takes some 8 KB of memory, and one
 * connection may send any number of them.
 */
export function limitRequests(server: FastifyInstance, most: number): void {
  const underWay = new RequestsUnderWay();
  server.addHook('onRequest', async (request, reply) => {
    underWay.begin(request);
    if (underWay.size > most && request.routeOptions.config.early !== true)
      await sendError(reply, 'overloaded', `${most} requests are not answered yet: try again in a moment`);
  });
  server.addHook('onResponse', async (request) => underWay.end(request));
}
