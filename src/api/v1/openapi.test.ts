import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { version } from '../../domain/version.ts';
import { scopes } from '../access/principal.ts';
import { acceptedTypes } from './body.ts';
import { openApiDocument } from './openapi.ts';
import { tags } from './route.ts';
import { echoRoutes } from './routes.fixture.ts';
import { routes } from './routes.ts';
import { checkOf } from './validation.ts';

const golden = fileURLToPath(new URL('../../../docs/openapi.json', import.meta.url));
const update = 'UPDATE=openapi npx vitest run --project unit src/api/v1/openapi.test.ts';

const all = [...routes, ...echoRoutes];
const document = plain(openApiDocument(all, version));

interface Operation {
  readonly operationId: string;
  readonly description: string;
  readonly tags: string[];
  readonly security: Record<string, string[]>[];
  readonly parameters?: {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly schema: object;
  }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: object }> };
  readonly responses: Record<
    string,
    {
      readonly description: string;
      readonly headers: object;
      readonly content?: Record<string, { readonly schema: object }>;
    }
  >;
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** Every object of a document, with its place. */
function* nodesOf(value: unknown, place = '#'): Generator<[string, Record<string, unknown>]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [place, value as Record<string, unknown>];
  for (const [key, part] of Object.entries(value)) yield* nodesOf(part, `${place}/${key}`);
}

/** What stands at a place of the document. */
function resolve(pointer: string): unknown {
  let part: unknown = document;
  for (const step of pointer.slice(2).split('/')) part = (part as Record<string, unknown>)[step];
  return part;
}

const operations = Object.entries(resolve('#/paths') as Record<string, Record<string, Operation>>).flatMap(
  ([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, name: `${method} ${path}`, operation })),
);

describe('the OpenAPI document', () => {
  it('is the one in docs', () => {
    const text = `${JSON.stringify(openApiDocument(routes, version), undefined, 2)}\n`;
    if (process.env['UPDATE'] === 'openapi') writeFileSync(golden, text);
    expect(readFileSync(golden, 'utf8'), `docs/openapi.json is of other routes. Update it with: ${update}`).toBe(text);
  });

  it('has only references that lead somewhere, and no use of a name but by reference', () => {
    const references = [...nodesOf(document)].flatMap(([, node]) =>
      typeof node['$ref'] === 'string' ? [node['$ref']] : [],
    );
    expect(references.length).toBeGreaterThan(20);
    for (const reference of references) expect([reference, typeof resolve(reference)]).toEqual([reference, 'object']);
    expect(JSON.stringify(document)).not.toContain('"$id"');
  });

  it('has the fields that 3.1 asks for, and names that it allows', () => {
    expect(document).toMatchObject({ openapi: '3.1.1', info: { title: 'rfw', version }, components: {} });
    for (const kind of ['schemas', 'headers', 'securitySchemes']) {
      for (const name of Object.keys(resolve(`#/components/${kind}`) as object))
        expect(name).toMatch(/^[a-zA-Z0-9._-]+$/);
    }
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toHaveLength(all.length);
  });

  it('has only keywords of JSON Schema in its schemas', () => {
    const known = new Set(
      'type properties required additionalProperties items anyOf enum const pattern format description default minimum maximum exclusiveMinimum exclusiveMaximum uniqueItems minLength maxLength maxItems minItems $ref'.split(
        ' ',
      ),
    );
    const schemas = [...nodesOf(document)].filter(([place]) =>
      /\/(schema|schemas\/\w+)(\/(properties\/[^/]+|items|anyOf\/\d+))*$/.test(place),
    );
    expect(schemas.length).toBeGreaterThan(50);
    for (const [place, schema] of schemas) {
      expect([place, Object.keys(schema).filter((keyword) => !known.has(keyword))]).toEqual([place, []]);
    }
  });

  it.each(operations)('tells all of $name', ({ path, operation }) => {
    const { parameters = [], responses, security, description } = operation;
    const inPath = parameters.filter((parameter) => parameter.in === 'path');
    expect(inPath.map(({ name }) => name).sort()).toEqual(
      [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort(),
    );
    expect(inPath.every(({ required }) => required)).toBe(true);
    const names = parameters.map((parameter) => `${parameter.in} ${parameter.name}`);
    expect(new Set(names).size).toBe(names.length);
    expect(operation.tags.every((tag) => tag in tags)).toBe(true);
    const needed = /Needs (?:no scope|the scope (\S+))\.$/.exec(description);
    expect(needed).not.toBeNull();
    const scope = needed?.[1];
    expect(scope === undefined || scopes.some((known) => known === scope)).toBe(true);
    for (const requirement of security) {
      const [name = '', roles] = Object.entries(requirement)[0] ?? [];
      expect(resolve(`#/components/securitySchemes/${name}`)).toBeDefined();
      expect(roles).toEqual(scope === undefined || name === 'basic' ? [] : [scope]);
    }
    expect(Object.keys(responses).some((status) => Number(status) < 300)).toBe(true);
  });

  it.each(operations)('has problem details for every error of $name', ({ operation }) => {
    const statuses = Object.keys(operation.responses).filter((status) => Number(status) >= 400);
    expect(statuses).toEqual(expect.arrayContaining(['400', '401', '403', '414', '429', '500', '503']));
    for (const status of statuses) {
      expect(operation.responses[status]).toMatchObject({
        description: expect.stringMatching(/^[a-z-]+: /),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      });
    }
    for (const { headers } of Object.values(operation.responses)) expect(headers).toHaveProperty('X-Request-Id');
  });

  it('has a body where the route takes one, with its types', () => {
    for (const { path, method, body } of all) {
      const operation = operations.find((one) => one.path === path && one.method === method.toLowerCase())?.operation;
      expect(Object.keys(operation?.requestBody?.content ?? {})).toEqual(body === undefined ? [] : acceptedTypes(body));
    }
  });

  it('refuses two schemas of one name', () => {
    const [first] = echoRoutes;
    const other = { ...first, path: '/v1/other', operationId: 'other', query: { properties: { a: { $id: 'Ttl' } } } };
    // A definition that the types don't allow.
    expect(() => openApiDocument([...all, other as unknown as (typeof all)[number]], version)).toThrow(
      'Two schemas have the name Ttl',
    );
  });
});

describe('the examples', () => {
  const examples = all.flatMap(({ operationId, body, answers }) => [
    ...(body?.json === undefined ? [] : [{ name: `${operationId} body`, schema: body.json, example: body.example }]),
    ...Object.entries(answers).flatMap(([status, { schema, example }]) =>
      schema === undefined || example === undefined ? [] : [{ name: `${operationId} ${status}`, schema, example }],
    ),
  ]);

  it.each(examples.filter(({ example }) => example !== undefined))(
    'of $name are what the schema says',
    ({ schema, example }) => {
      expect(checkOf(schema)(example)).toEqual([]);
    },
  );
});
