import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import type { Static, TObject, TSchema } from 'typebox';
import type { ErrorCode } from '../../domain/errors.ts';
import type { Principal, Scope } from '../access/principal.ts';
import type { Answer } from './answer.ts';
import type { Services } from './services.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A body that isn't read before the handler has it. */
export interface StreamDefinition {
  readonly description: string;
  readonly example?: string;
  /** Bytes; that of the route where it isn't set. */
  readonly limit?: number;
}

/** An answer that comes line by line. */
export interface StreamAnswer {
  readonly type: string;
  readonly description: string;
  readonly example?: string;
}

/** What bodies a route takes. */
export interface BodyDefinition {
  readonly description: string;
  /** What a body of type application/json must be. It is parsed and checked before the handler is called. */
  readonly json?: TSchema;
  readonly example?: unknown;
  /** Bodies that the handler reads itself, by content type. */
  readonly streams?: Readonly<Record<string, StreamDefinition>>;
  /** Bytes. 64 KiB where it isn't set. */
  readonly limit?: number;
}

/** One of the answers of a route that aren't errors. */
export interface AnswerDefinition {
  readonly description: string;
  /** What the body is; without it, and without a type, there is none. */
  readonly schema?: TSchema;
  /** The content type of a body that isn't JSON. The handler gives it as text or as a stream. */
  readonly type?: string;
  readonly example?: unknown;
  /** What the handler may answer instead, as a stream. */
  readonly stream?: StreamAnswer;
  /** The headers that this answer has besides those that all have, and what they say. */
  readonly headers?: Readonly<Record<string, string>>;
}

export type AnswerDefinitions = Readonly<Record<number, AnswerDefinition>>;

/** The tags of the routes, and what is said of each in the documentation, in its order. */
export const tags = {
  Rules: 'What is dropped, rejected or accepted. The newest rule that matches a packet decides.',
  Lists: 'Named sets of many prefixes that are replaced as a whole. They come after the rules.',
  Whitelist: 'What no rule and no list may touch.',
  Changes: 'What has changed, in order, as a stream and as pages.',
  Access: 'Tokens, and what was done with them.',
  Service: 'How rfw is, and what it offers.',
} as const;

/** A route of /v1 as the documentation, the checks and the server see it. */
export interface RouteDefinition {
  readonly method: Method;
  /** As OpenAPI writes it: `/v1/rules/{id}`. */
  readonly path: `/${string}`;
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tag: keyof typeof tags;
  /** What the principal must be allowed to do; `public` is for everybody that a door lets in. */
  readonly scope: Scope | 'public';
  readonly params?: TObject;
  readonly query?: TObject;
  readonly body?: BodyDefinition;
  readonly answers: AnswerDefinitions;
  /** The errors that this route may answer besides those that follow from its definition. */
  readonly problems?: readonly ErrorCode[];
  /** It changes something: then it takes dryRun, confirm and Idempotency-Key. */
  readonly mutation?: true;
  /** The headers by which it depends on how things are, and what each of them does here. */
  readonly conditions?: Readonly<Partial<Record<'If-Match' | 'If-None-Match', string>>>;
  /** It answers while rfw is still starting; all others wait. */
  readonly early?: true;
}

/** How a change is to be made. */
export interface MutationOptions {
  /** Only say what would change. */
  readonly dryRun: boolean;
  /** Seconds in which the change must be confirmed, or it is undone. */
  readonly confirm: number | undefined;
  readonly idempotencyKey: string | undefined;
}

/** A body as it comes in, not yet read. */
export interface StreamBody {
  /** The content type, one of those of the route. */
  readonly type: string;
  /** Ends with RequestError `body-too-large` beyond the limit of the route. */
  readonly content: Readable;
}

type Checked<S> = S extends TSchema ? Static<S> : undefined;
type Json<R extends RouteDefinition> = R['body'] extends { readonly json: infer S extends TSchema } ? Static<S> : never;
type Stream<R extends RouteDefinition> = R['body'] extends { readonly streams: object } ? StreamBody : never;
type BodyOf<R extends RouteDefinition> = R['body'] extends BodyDefinition
  ? [Stream<R>] extends [never]
    ? Json<R>
    : [Json<R>] extends [never]
      ? StreamBody
      : { readonly json: Json<R> } | StreamBody
  : undefined;

/** What the handler of a route is asked: all of it is checked. */
export interface Asked<R extends RouteDefinition = RouteDefinition> {
  readonly params: Checked<R['params']>;
  readonly query: Checked<R['query']>;
  /** The value of a JSON body, or a stream; where the route takes both, `{ json }` or a stream. */
  readonly body: BodyOf<R>;
  readonly mutation: R['mutation'] extends true ? MutationOptions : undefined;
  readonly principal: Principal;
  /** For its headers, id, door and socket. */
  readonly request: FastifyRequest;
}

type AnswerBody<A extends AnswerDefinition> = PlainBody<A> | (A extends { readonly stream: object } ? Readable : never);

type PlainBody<A extends AnswerDefinition> = A extends { readonly type: string }
  ? string | Readable
  : A extends { readonly schema: infer S extends TSchema }
    ? Static<S>
    : undefined;

/** One of the answers that the definition of a route names. */
export type AnswerOf<A extends AnswerDefinitions> = {
  [S in keyof A & number]: {
    readonly status: S;
    readonly body: AnswerBody<A[S]>;
    readonly headers?: Readonly<Record<string, string>>;
  };
}[keyof A & number];

/** A route with what it does. */
export interface Route extends RouteDefinition {
  readonly handler: (asked: Asked, services: Services) => Promise<Answer>;
}

/**
 * Defines a route of /v1: its checks, its types, its place in the OpenAPI document and its documentation.
 * @returns takes what the route does: a handler, which may throw any RfwError whose code the definition has among its problems
 */
export function route<const R extends RouteDefinition>(
  definition: R,
): (handler: (asked: Asked<R>, services: Services) => Promise<AnswerOf<R['answers']>>) => Route {
  // What is asked has been checked against this very definition before the handler is called.
  return (handler) => ({ ...definition, handler: handler as unknown as Route['handler'] });
}
