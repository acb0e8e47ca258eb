import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, RfwError } from '../domain/errors.ts';
import { problems, problemType } from './problem.ts';

/** The longest path with its query, in bytes. */
export const longestUrl = 8192;

declare module 'fastify' {
  interface FastifyRequest {
    /** With which error the request was answered; undefined when it wasn't. */
    refusal: ErrorCode | undefined;
  }
}

/** One thing that is wrong with a request. */
export interface FieldError {
  /** Where it is in the body, a JSON pointer (RFC 6901); the empty one is the body as a whole. */
  readonly pointer?: string;
  /** Which parameter of the path, the query or the headers it is. */
  readonly parameter?: string;
  /** Which line of the body it is, from 1. */
  readonly line?: number;
  /** What kind of error it is, where that isn't the one of the request. */
  readonly code?: string;
  readonly message: string;
}

/** A request that is wrong in itself, and where. */
export class RequestError extends RfwError {
  readonly errors: readonly FieldError[];

  constructor(code: ErrorCode, message: string, errors: readonly FieldError[] = []) {
    super(code, message);
    this.name = 'RequestError';
    this.errors = errors;
  }
}

/** Whether a path is one of those that the API of 2014 never had: they are answered in the form of /v1. */
export function isV1(path: string): boolean {
  return /^\/(?:v1|metrics|openapi\.json|docs)(?:[/?]|$)/.test(path);
}

/** Sends an error in the form of the API that was asked: text for that of 2014, problem details (RFC 9457) for /v1. */
export async function sendError(
  reply: FastifyReply,
  code: ErrorCode,
  message: string,
  errors: readonly FieldError[] = [],
): Promise<void> {
  const { status } = problems[code];
  reply.request.refusal = code;
  reply.code(status);
  if (code === 'overloaded') reply.header('retry-after', '1');
  // A client that is still sending would hold up the end.
  if (code === 'stopping') reply.header('connection', 'close');
  if (isV1(reply.request.url)) {
    // Nothing that is answered so lasts long (RFC 9110, section 10.2.3).
    if (status === 503 && !reply.hasHeader('retry-after')) reply.header('retry-after', '1');
    const details = problemDetails(reply.request, code, message, errors);
    // As bytes: to a text the framework adds a charset, which JSON doesn't have.
    await reply.type('application/problem+json').send(Buffer.from(JSON.stringify(details)));
  } else {
    await reply.type('text/plain; charset=utf-8').send(`ERROR: ${message}\r\n`);
  }
}

/** Problem details for an error that comes to light when the status has been sent. */
export function problemOf(request: FastifyRequest, error: RfwError): Record<string, unknown> {
  request.refusal = error.code;
  return problemDetails(request, error.code, error.message, error instanceof RequestError ? error.errors : []);
}

/** Problem details as RFC 9457 has them, with the code and, for a request that is wrong in itself, where. */
function problemDetails(
  request: FastifyRequest,
  code: ErrorCode,
  detail: string,
  errors: readonly FieldError[],
): Record<string, unknown> {
  return {
    type: problemType(code),
    ...problems[code],
    code,
    detail,
    instance: `urn:rfw:request:${request.id}`,
    ...(errors.length > 0 ? { errors } : {}),
  };
}
