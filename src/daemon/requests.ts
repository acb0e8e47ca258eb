import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { reasonOf } from '../domain/errors.ts';
import type { AnsweredRequest } from '../metrics/metrics.ts';

/** A request that was answered, as the metrics count it. */
export function answeredRequest(request: FastifyRequest, reply: FastifyReply): AnsweredRequest {
  return {
    method: request.method,
    route: request.routeOptions.config.template ?? 'none',
    status: reply.statusCode,
    seconds: reply.elapsedTime / 1000,
    refusal: request.refusal,
  };
}

/** Writes a request to the log, and what went wrong in the program while it was answered. */
export function logRequest(log: Logger, request: FastifyRequest, status: number): void {
  const { id, failure } = request;
  if (failure !== undefined) {
    const stack = failure instanceof Error ? failure.stack : undefined;
    log.error({ id, error: stack }, `A request failed: ${reasonOf(failure)}`);
  }
  log.debug(
    {
      id,
      client: request.ip,
      principal: request.principal.name,
      method: request.method,
      url: request.url,
      status,
    },
    'Request',
  );
}
