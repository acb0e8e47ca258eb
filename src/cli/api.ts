import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Operations, operations, type Problem } from './api-types.ts';
import type { Connection, Question } from './connection.ts';
import { asFailure, type ExitCode, exitCodes, Failure } from './failure.ts';

/** Seconds before a request is sent again, at first and at most, where the daemon doesn't say. */
const [firstWait, longestWait] = [0.25, 8];

export type OperationId = keyof Operations;

type Query<Id extends OperationId> = Operations[Id]['query'];

/** What an operation is asked for with. */
export interface Asked<Id extends OperationId> {
  /** Of the path. */
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Query<Id>;
  readonly body?: Operations[Id]['body'];
  /** In place of `body`, with its type. */
  readonly raw?: { readonly type: string; readonly content: string | Buffer | Readable };
  readonly headers?: Readonly<Record<string, string>>;
  readonly fresh?: boolean;
  readonly signal?: AbortSignal;
}

/** An answer, with what it says beside its body. */
export interface Answered<Id extends OperationId> {
  readonly value: Operations[Id]['answer'];
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
}

/** The operations of /v1 at one daemon. */
export class Api {
  readonly #connection: Connection;
  readonly #retries: number;

  /** @param retries how often a request is sent again that had no answer, or one that says to come later */
  constructor(connection: Connection, retries = 0) {
    this.#connection = connection;
    this.#retries = retries;
  }

  /** @throws Failure with what the daemon says, or that it can't be reached */
  async call<Id extends OperationId>(id: Id, asked: Asked<Id> = {}): Promise<Operations[Id]['answer']> {
    return (await this.answer(id, asked)).value;
  }

  /** The same with status and headers. */
  async answer<Id extends OperationId>(id: Id, asked: Asked<Id> = {}): Promise<Answered<Id>> {
    const response = await this.open(id, asked);
    const body = await bodyOf(response);
    const value = (body === '' ? undefined : parse(body)) as Operations[Id]['answer'];
    return { value, status: response.statusCode ?? 0, headers: response.headers };
  }

  /** The answer as it comes, of which the head has told that it is one. */
  async open<Id extends OperationId>(id: Id, asked: Asked<Id> = {}): Promise<IncomingMessage> {
    const { params = {}, query = {}, body, raw, headers = {}, fresh = false, signal } = asked;
    const content = raw?.content ?? (body === undefined ? undefined : JSON.stringify(body));
    const type = raw?.type ?? (body === undefined ? undefined : 'application/json');
    const question: Question = {
      method: operations[id].method,
      path: pathOf(operations[id].path, params, query),
      headers: { accept: 'application/json', ...headers, ...(type && { 'content-type': type }) },
      fresh,
      ...(content !== undefined && { body: content }),
      ...(signal && { signal }),
    };
    // What has been read to its end can't be sent again.
    if (this.#retries === 0 || isStream(content)) return this.#ask(question);
    return this.#askAgain(isRepeatable(id) ? withKey(question) : question);
  }

  async #ask(question: Question): Promise<IncomingMessage> {
    const response = await this.#connection.ask(question);
    if ((response.statusCode ?? 0) < 300) return response;
    throw await failureOf(response);
  }

  async #askAgain(question: Question): Promise<IncomingMessage> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#ask(question);
      } catch (error) {
        const failure = asFailure(error);
        if (attempt === this.#retries || failure.exit !== exitCodes.unreachable) throw failure;
        const wait = failure.retryAfter ?? Math.min(firstWait * 2 ** attempt, longestWait);
        await sleep(1000 * wait, undefined, question.signal && { signal: question.signal });
      }
    }
  }

  close(): void {
    this.#connection.close();
  }
}

function isStream(content: string | Buffer | Readable | undefined): boolean {
  return content !== undefined && typeof content !== 'string' && !Buffer.isBuffer(content);
}

/** Operations that take no `Idempotency-Key`. */
const keyless: ReadonlySet<OperationId> = new Set(['confirm', 'createToken', 'revokeToken']);

function isRepeatable(id: OperationId): boolean {
  return operations[id].method !== 'GET' && !keyless.has(id);
}

/** Whatever has become of the first time, the answer is the one of that. */
function withKey(question: Question): Question {
  return { ...question, headers: { 'idempotency-key': randomUUID(), ...question.headers } };
}

function pathOf(path: string, params: Readonly<Record<string, string>>, query: object): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  if (given.length === 0) return filled;
  return `${filled}?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]))}`;
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  try {
    return await text(response);
  } catch (error) {
    throw new Failure(
      exitCodes.unreachable,
      'The answer was cut off: whether it is done is not known, so do it again',
      {
        cause: error,
      },
    );
  }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new Failure(exitCodes.unreachable, 'The answer is not JSON: is this really the address of an rfw of today?', {
      cause: error,
    });
  }
}

async function failureOf(response: IncomingMessage): Promise<Failure> {
  const body = await bodyOf(response);
  const status = response.statusCode ?? 0;
  const wait = Number(response.headers['retry-after']);
  const retryAfter = Number.isFinite(wait) ? { retryAfter: wait } : {};
  if (response.headers['content-type'] !== 'application/problem+json') {
    const advice = 'is this really the address of an rfw of today?';
    const exit = status === 401 || status === 403 ? exitCodes.forbidden : exitCodes.unreachable;
    return new Failure(exit, `The answer is ${status} ${response.statusMessage}: ${advice}`, retryAfter);
  }
  return problemFailure(parse(body) as Problem, retryAfter.retryAfter);
}

/** What a problem of the daemon is to the caller. */
export function problemFailure(problem: Problem, retryAfter?: number): Failure {
  const { code, status, detail, errors = [] } = problem;
  const places = errors.map(({ line, pointer, parameter, message }) => {
    const place = line === undefined ? (parameter ?? pointer ?? '') : `line ${line}`;
    return `\n  ${place}${place === '' ? '' : ': '}${message}`;
  });
  // Where there is one, the sentence says it.
  const told = errors.length === 1 && errors[0]?.line === undefined ? [] : places.slice(0, 20);
  const message = `${detail ?? problem.title}${told.join('')}${places.length > 20 ? '\n  …' : ''}`;
  return new Failure(exitOf(code, status), message, { code, ...(retryAfter !== undefined && { retryAfter }) });
}

const guards = new Set(['whitelist-conflict', 'self-exclusion', 'entry-fixed', 'list-refused', 'batch-refused']);
const forbidden = new Set(['unauthenticated', 'forbidden', 'beyond-limits', 'not-owner', 'not-whitelisted']);
const negative = new Set([
  'not-found',
  'precondition-failed',
  'compacted',
  'token-exists',
  'key-reused',
  'same-connection',
]);

/** How a run ends for which this was the answer. @param status of HTTP, where the code doesn't say it by itself */
export function exitOf(code: string, status = 400): ExitCode {
  if (guards.has(code)) return exitCodes.refused;
  if (negative.has(code)) return exitCodes.negative;
  if (status === 401 || status === 403 || forbidden.has(code)) return exitCodes.forbidden;
  return status >= 500 || status === 429 || status === 408 ? exitCodes.unreachable : exitCodes.usage;
}
