import { METHODS } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { requireScope } from '../access/principal.ts';
import { longestUrl, RequestError, sendError } from '../errors.ts';
import { acceptedTypes, type BodyReader, bodyReader, type ReadBody } from './body.ts';
import { releaseBody } from './body-room.ts';
import { mutationOptions, mutationQuery, type ParameterReader, parameterReader } from './parameters.ts';
import type { Asked, Route } from './route.ts';
import type { Services } from './services.ts';

/** Serves the routes of /v1, and answers all that isn't one under it. */
export function v1Routes(server: FastifyInstance, routes: readonly Route[], services: Services): void {
  server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addHook('onRequest', async (request) => {
      if (Buffer.byteLength(request.originalUrl) > longestUrl)
        throw new RequestError('url-too-long', `The path and query are longer than ${longestUrl} bytes`);
    });
    // What is left of a body that was refused is read and thrown away: the client is still sending it, and then sees the answer.
    scope.addHook('onResponse', async ({ raw }) => void raw.resume());
    for (const route of routes) await scope.register(async (own) => serve(own, route, services));
    for (const [path, methods] of methodsByPath(routes)) refuseOthers(scope, path, methods);
    for (const path of ['/v1', '/v1/*', '/metrics/*', '/openapi.json/*', '/docs/*']) {
      refuseAll(scope, path, METHODS, async (request, reply) => {
        await sendError(reply, 'not-found', `${request.url.split('?')[0]} is no path of this API`);
      });
    }
  });
}

/** What takes a request of a route apart. */
interface Readers {
  readonly params: ParameterReader;
  readonly query: ParameterReader;
  readonly body: BodyReader;
}

/** Compiled once, for all doors: that takes most of the time of opening one. */
const readers = new WeakMap<Route, Readers>();

function readersOf(route: Route): Readers {
  const known = readers.get(route);
  if (known !== undefined) return known;
  const made = {
    params: parameterReader(route.params),
    query: parameterReader(route.query, route.mutation ? mutationQuery : {}),
    body: bodyReader(route.body),
  };
  readers.set(route, made);
  return made;
}

function serve(scope: FastifyInstance, route: Route, services: Services): void {
  const { params, query, body: read } = readersOf(route);
  scope.addContentTypeParser('*', (request, payload, done) => {
    read(request, payload).then(
      (body) => done(null, body),
      (error) => {
        releaseBody(request);
        done(error);
      },
    );
  });
  scope.route({
    method: route.method === 'GET' ? ['GET', 'HEAD'] : route.method,
    url: routerPath(route.path),
    config: { template: route.path, stream: route.body?.streams !== undefined, early: route.early === true },
    // Before any of the body is read.
    onRequest: async ({ principal }) => {
      if (route.scope !== 'public') requireScope(principal, route.scope);
    },
    handler: async (request, reply) => {
      try {
        const asked = ask(route, request, params, query);
        if (route.early !== true) await services.started;
        await answer(request, reply, route, await route.handler(asked, services));
      } finally {
        releaseBody(request);
      }
    },
  });
}

function ask(route: Route, request: FastifyRequest, params: ParameterReader, query: ParameterReader): Asked {
  const given = query(request.query as Record<string, unknown>);
  if (!route.mutation) refuseKey(route, request);
  const asked = {
    params: params(request.params as Record<string, unknown>),
    query: given,
    body: bodyOf(route, request.body as ReadBody | undefined),
    mutation: route.mutation ? mutationOptions(given, request.headers) : undefined,
    principal: request.principal,
    request,
  };
  // `route` gives the handler the types that these values were checked against.
  return asked as unknown as Asked;
}

/** Who sends a key relies on it. @throws RequestError `request-invalid` */
function refuseKey({ method }: Route, { headers }: FastifyRequest): void {
  if (method === 'GET' || headers['idempotency-key'] === undefined) return;
  const message = 'has no meaning here: what is sent twice is done twice';
  throw new RequestError('request-invalid', `The header Idempotency-Key ${message}`, [
    { parameter: 'idempotency-key', message },
  ]);
}

function bodyOf({ body: definition }: Route, body: ReadBody | undefined): unknown {
  if (definition === undefined) return undefined;
  if (body === undefined)
    throw new RequestError('body-missing', `A body is needed here: ${acceptedTypes(definition).join(' or ')}`);
  return 'json' in body && definition.streams === undefined ? body.json : body;
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  route: Route,
  { status, body, headers = {} }: Awaited<ReturnType<Route['handler']>>,
): Promise<void> {
  reply.code(status).headers(headers);
  if (body === undefined) return void (await reply.send());
  const { type: plain, stream } = route.answers[status] ?? {};
  const type = body instanceof Readable ? (stream?.type ?? plain) : plain;
  reply.type(type ?? 'application/json; charset=utf-8');
  if (type === undefined) return void (await reply.send(JSON.stringify(body)));
  // A stream that nobody is to have isn't begun.
  if (request.method === 'HEAD' && typeof body !== 'string') {
    (body as Readable).destroy();
    return void (await reply.send());
  }
  await reply.send(body);
}

/** The methods of each path, in the form of the router. */
function methodsByPath(routes: readonly Route[]): Map<string, string[]> {
  const methods = new Map<string, string[]>();
  for (const { path, method } of routes) {
    const more = method === 'GET' ? ['GET', 'HEAD'] : [method];
    methods.set(routerPath(path), [...(methods.get(routerPath(path)) ?? []), ...more]);
  }
  return methods;
}

function refuseOthers(scope: FastifyInstance, path: string, methods: readonly string[]): void {
  const allow = methods.join(', ');
  const others = METHODS.filter((method) => !methods.includes(method));
  refuseAll(scope, path, others, async (request, reply) => {
    reply.header('allow', allow);
    await sendError(reply, 'method-not-allowed', `${request.method} is not allowed here, but ${allow}`);
  });
}

/** Answers before any of the body is looked at. */
function refuseAll(
  scope: FastifyInstance,
  url: string,
  methods: readonly string[],
  refuse: (request: FastifyRequest, reply: FastifyReply) => Promise<void>,
): void {
  const method = methods.filter((name) => scope.supportedMethods.includes(name));
  const template = url.replace(/:(\w+)/g, '{$1}');
  scope.route({ method, url, config: { template }, onRequest: refuse, handler: refuse });
}

/** A path as the router writes it: `/v1/rules/:id`. */
function routerPath(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1');
}
