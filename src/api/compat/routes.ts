import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { RuleState } from '../../backends/backend.ts';
import { quote } from '../../domain/address.ts';
import { RfwError } from '../../domain/errors.ts';
import type { RuleSpec } from '../../domain/rule.ts';
import type { AskedCommand } from '../../engine/decide.ts';
import type { Engine } from '../../engine/engine.ts';
import { ownOnly, type Principal, refuseBeyondLimits, requireScope, usualTtl } from '../access/principal.ts';
import { submitAudited, whoAsks } from '../audit.ts';
import { longestUrl, sendError } from '../errors.ts';
import { parsePath, type Resource } from './path.ts';
import { parseQuery, type Query } from './query.ts';
import { renderOutcome, renderState } from './render.ts';
import { type ServerFacts, usage } from './usage.ts';

/** What the routes need to know. */
export interface CompatOptions {
  readonly engine: Engine;
  readonly nonRestful: boolean;
  /** Seconds; 0 is permanent. */
  readonly defaultExpire: number;
  readonly facts: ServerFacts;
}

/**
 * The routes of 2014: every path that no other API has taken.
 * @param options asked anew for each request, since a reload may change them
 */
export function compatRoutes(
  server: FastifyInstance,
  options: (request: FastifyRequest) => Promise<CompatOptions>,
): void {
  server.register(async (scope) => {
    ignoreBodies(scope);
    scope.all('*', { config: { template: 'compat' } }, async (request, reply) => {
      try {
        await answer(request, reply, await options(request));
      } catch (error) {
        if (!(error instanceof RfwError)) throw error;
        await sendError(reply, error.code, error.message);
      }
    });
  });
}

/** The API of 2014 has no bodies; clients that send one anyway, of whatever type, mean nothing by it. */
export function ignoreBodies(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null));
  scope.addHook('onRequest', async (request) => {
    // A type that isn't one would be refused before the body is looked at.
    if (request.headers['content-type'] !== undefined) request.headers['content-type'] = 'application/octet-stream';
  });
}

async function answer(request: FastifyRequest, reply: FastifyReply, options: CompatOptions): Promise<void> {
  // A target in the absolute form is as good as its path (RFC 9112, section 3.2.2).
  const url = request.originalUrl.replace(/^https?:\/\/[^/?]*/i, '');
  if (Buffer.byteLength(url) > longestUrl)
    return sendError(reply, 'url-too-long', `The path and query are longer than ${longestUrl} bytes`);
  const question = url.indexOf('?');
  const path = question < 0 ? url : url.slice(0, question);
  const resource = parseResource(path);
  const allowed = allowedMethods(resource, options.nonRestful);
  if (!allowed.includes(request.method)) {
    reply.header('allow', allowed.join(', '));
    return sendError(reply, 'method-not-allowed', `${request.method} is not allowed here, but ${allowed.join(', ')}`);
  }
  if (resource.kind === 'usage') {
    // The page says how to use rfw, also while the kernel can't be asked.
    const totals = await options.engine.totals().catch(() => []);
    return void (await reply.type('text/plain; charset=utf-8').send(usage(options.facts, totals)));
  }
  if (resource.kind === 'list') {
    requireScope(request.principal, 'rules:read');
    return list(reply, resource, options.engine);
  }
  const query = parseQuery(question < 0 ? '' : url.slice(question + 1));
  await modify(reply, resource.spec, intention(request.method, query), query, options, request.principal);
}

function parseResource(path: string): Resource {
  try {
    return parsePath(path);
  } catch (error) {
    if (!(error instanceof RfwError)) throw error;
    throw new RfwError(error.code, `Incorrect path: ${quote(path)}. ${error.message}`, { cause: error });
  }
}

function allowedMethods(resource: Resource, nonRestful: boolean): readonly string[] {
  if (resource.kind !== 'rule') return ['GET', 'HEAD'];
  return nonRestful ? ['GET', 'PUT', 'DELETE'] : ['PUT', 'DELETE'];
}

/** What a request wants to happen to its rule. */
function intention(method: string, query: Query): 'insert' | 'delete' {
  if (method === 'PUT') return 'insert';
  if (method === 'DELETE') return 'delete';
  if (query.modify !== undefined) return query.modify;
  throw new RfwError('query-invalid', 'GET on a rule needs modify=insert or modify=delete');
}

/** So many rules are answered as a whole. */
const fewRules = 1000;

/** Answers page by page: a million rules are some 200 MB of text, which never are in memory as a whole. */
async function list(reply: FastifyReply, { chain }: { chain?: RuleSpec['chain'] }, engine: Engine): Promise<void> {
  const pages = engine.reader.list(chain);
  const first: RuleState[] = [];
  for (let next = await pages.next(); !next.done; next = await pages.next()) {
    first.push(...next.value);
    if (first.length < fewRules) continue;
    reply.type('application/json; charset=utf-8');
    return void (await reply.send(Readable.from(rows(first, pages))));
  }
  await reply.send(first.map(renderState));
}

/** The text of a listing. Where the first rows are there, whatever goes wrong after them cuts the answer off. */
async function* rows(first: readonly RuleState[], rest: AsyncIterable<readonly RuleState[]>): AsyncGenerator<string> {
  const text = (page: readonly RuleState[]): string =>
    page.map((state) => JSON.stringify(renderState(state))).join(',');
  yield `[${text(first)}`;
  for await (const page of rest) if (page.length > 0) yield `,${text(page)}`;
  yield ']';
}

async function modify(
  reply: FastifyReply,
  spec: RuleSpec,
  intent: 'insert' | 'delete',
  query: Query,
  { engine, defaultExpire }: CompatOptions,
  principal: Principal,
): Promise<void> {
  const expire = query.expire ?? usualTtl(principal, defaultExpire);
  requireScope(principal, 'rules:write');
  const asked = { spec, origin: principal.name, ownOnly: ownOnly(principal) };
  const command: AskedCommand = intent === 'insert' ? { kind: 'put', expire, ...asked } : { kind: 'delete', ...asked };
  const operation = intent === 'insert' ? 'rules.put' : 'rules.delete';
  const allow = (): void => refuseBeyondLimits(principal, spec, intent === 'insert' ? expire : 'unchanged');
  const outcome = await submitAudited(engine, command, { ...whoAsks(reply.request), operation }, allow);
  await reply.send(renderOutcome(outcome));
}
