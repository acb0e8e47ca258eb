import type { FastifyInstance } from 'fastify';
import { RfwError } from '../domain/errors.ts';
import { sendError } from './errors.ts';

/** What became of a flush, line by line, for whoever asked for it. */
export interface FlushReport {
  readonly lines: readonly string[];
  /** What could not be taken out, and why. */
  readonly failures: readonly string[];
}

/** The route by which `rfw --flush` asks a daemon that runs. Who may ask, the permissions of the socket decide. */
export function controlRoutes(server: FastifyInstance, flush: () => Promise<FlushReport>): void {
  server.post('/flush', async (_request, reply) => {
    try {
      await reply.send(await flush());
    } catch (error) {
      if (!(error instanceof RfwError)) throw error;
      await sendError(reply, error.code, error.message);
    }
  });
}
