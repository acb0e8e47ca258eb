import { type TSchema, Type } from 'typebox';
import type { ErrorCode } from '../../domain/errors.ts';
import { problems } from '../problem.ts';
import { SchemaBook } from './components.ts';
import { idempotencyKey, mutationQuery } from './parameters.ts';
import { type AnswerDefinition, type BodyDefinition, type RouteDefinition, type StreamAnswer, tags } from './route.ts';
import { Problem } from './schemas.ts';

/** Any part of an OpenAPI document. */
type Part = Readonly<Record<string, unknown>>;

const about =
  'Blocks and allows IP addresses and networks in the kernel of a Linux host. An answer to a change means that it is enforced and on disk. ' +
  'HEAD is answered wherever GET is. Every answer has X-Request-Id. The paths of the API of 2014 are not part of this document.';

/** The OpenAPI 3.1 document of the routes. */
export function openApiDocument(routes: readonly RouteDefinition[], version: string): Part {
  const book = new SchemaBook();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route, book) };
  }
  return {
    openapi: '3.1.1',
    info: { title: 'rfw', version, description: about, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/', description: 'The host that this document was read from' }],
    tags: Object.entries(tags)
      .filter(([name]) => routes.some(({ tag }) => tag === name))
      .map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: book.components(),
      headers: {
        RequestId: {
          description: 'The id of the request: what the client sent as X-Request-Id, or a new one',
          schema: { type: 'string' },
        },
      },
      securitySchemes: {
        basic: { type: 'http', scheme: 'basic', description: 'The user of rfw.conf, who may do everything' },
        bearer: { type: 'http', scheme: 'bearer', description: 'A token, which has scopes and limits' },
        certificate: { type: 'mutualTLS', description: 'A client certificate of an authority that rfw.conf names' },
      },
    },
  };
}

function operation(route: RouteDefinition, book: SchemaBook): Part {
  const { operationId, summary, tag, body } = route;
  return {
    operationId,
    summary,
    description: descriptionOf(route),
    tags: [tag],
    security: securityOf(route),
    ...(parametersOf(route, book).length > 0 ? { parameters: parametersOf(route, book) } : {}),
    ...(body === undefined ? {} : { requestBody: requestBody(body, book) }),
    responses: { ...answersOf(route, book), ...refusalsOf(route, book) },
  };
}

/** What is said of a route, with the scope that it needs. */
function descriptionOf({ description, scope }: RouteDefinition): string {
  const needed = scope === 'public' ? 'Needs no scope.' : `Needs the scope ${scope}.`;
  return description === undefined ? needed : `${description} ${needed}`;
}

function securityOf({ scope }: RouteDefinition): Part[] {
  const needed = scope === 'public' ? [] : [scope];
  return [{ basic: [] }, { bearer: needed }, { certificate: needed }];
}

function parametersOf({ params, query, mutation, conditions = {} }: RouteDefinition, book: SchemaBook): Part[] {
  const queries = { ...query?.properties, ...(mutation ? mutationQuery : {}) };
  return [
    ...Object.entries(params?.properties ?? {}).map(([name, schema]) => parameter('path', name, schema, true, book)),
    ...Object.entries(queries).map(([name, schema]) =>
      parameter('query', name, schema, query?.required?.includes(name) === true, book),
    ),
    ...(mutation ? [parameter('header', 'Idempotency-Key', idempotencyKey, false, book)] : []),
    ...Object.entries(conditions).map(([name, description]) =>
      parameter('header', name, Type.String({ description }), false, book),
    ),
  ];
}

function parameter(place: string, name: string, schema: TSchema, required: boolean, book: SchemaBook): Part {
  const { description, ...rest } = schema as TSchema & { readonly description?: string };
  const named = '$id' in schema;
  return {
    name,
    in: place,
    ...(required ? { required } : {}),
    ...(description === undefined ? {} : { description }),
    schema: book.enter(named ? schema : (rest as TSchema)),
  };
}

function requestBody({ description, json, example, streams = {} }: BodyDefinition, book: SchemaBook): Part {
  const content: Record<string, Part> = {};
  if (json !== undefined) content['application/json'] = { schema: book.enter(json), ...exampleOf(example) };
  for (const [type, stream] of Object.entries(streams)) {
    content[type] = { schema: { type: 'string', description: stream.description }, ...exampleOf(stream.example) };
  }
  return { required: true, description, content };
}

function exampleOf(example: unknown): Part {
  return example === undefined ? {} : { example };
}

const requestIdHeader = { 'X-Request-Id': { $ref: '#/components/headers/RequestId' } };

function answersOf({ answers }: RouteDefinition, book: SchemaBook): Record<string, Part> {
  return Object.fromEntries(
    Object.entries(answers).map(([status, answer]: [string, AnswerDefinition]) => {
      const { description, headers = {}, schema, type, example, stream } = answer;
      const named = Object.entries(headers).map(([name, text]) => [
        name,
        { description: text, schema: { type: 'string' } },
      ]);
      const content = { schema: schema === undefined ? { type: 'string' } : book.enter(schema), ...exampleOf(example) };
      return [
        status,
        {
          description,
          headers: { ...requestIdHeader, ...Object.fromEntries(named) },
          ...((schema ?? type) ? { content: { [type ?? 'application/json']: content, ...streamContent(stream) } } : {}),
        },
      ];
    }),
  );
}

function streamContent(stream: StreamAnswer | undefined): Part {
  if (stream === undefined) return {};
  const { type, description, example } = stream;
  return { [type]: { schema: { type: 'string', description }, ...exampleOf(example) } };
}

/** One answer for each status, with the codes that have it. */
function refusalsOf(route: RouteDefinition, book: SchemaBook): Record<string, Part> {
  const codes = problemsOf(route);
  const statuses = new Set(codes.map((code) => problems[code].status));
  const byStatus = [...statuses]
    .sort()
    .map((status): [number, ErrorCode[]] => [status, codes.filter((code) => problems[code].status === status)]);
  return Object.fromEntries(
    byStatus.map(([status, those]) => [
      status,
      {
        description: those.map((code) => `${code}: ${problems[code].title}`).join('; '),
        headers: requestIdHeader,
        content: { 'application/problem+json': { schema: book.enter(Problem) } },
      },
    ]),
  );
}

/** Every error that a route may answer: its own, and those that follow from its definition. */
export function problemsOf({ method, scope, body, early, problems: own = [] }: RouteDefinition): ErrorCode[] {
  const ofBody: readonly ErrorCode[] =
    body === undefined
      ? method === 'GET'
        ? []
        : ['body-unexpected']
      : [
          'body-missing',
          ...(body.json === undefined ? [] : (['json-malformed'] as const)),
          'body-too-large',
          'content-type-unsupported',
        ];
  return [
    ...new Set<ErrorCode>([
      'request-invalid',
      'url-too-long',
      ...ofBody,
      'unauthenticated',
      'not-whitelisted',
      'cross-site',
      ...(scope === 'public' ? [] : (['forbidden'] as const)),
      'rate-limited',
      ...own,
      'internal',
      ...(early ? [] : (['starting', 'overloaded'] as const)),
      'stopping',
    ]),
  ];
}
