import { Type } from 'typebox';
import { scopes } from '../access/principal.ts';
import { type Route, route } from './route.ts';
import { closed, pageOf, pageQuery, Rule, RuleInput, Ttl } from './schemas.ts';

const Echo = closed({
  name: Type.String({ maxLength: 20 }),
  count: Type.Optional(Type.Integer({ minimum: 1 })),
  ttl: Type.Optional(Ttl),
  kind: Type.Optional(Type.Enum(['a', 'b'])),
  inner: Type.Optional(Type.Array(closed({ 'x/y~z': Type.Boolean() }))),
});

const text = { 200: { description: 'What was asked', schema: Type.Any() } };

/** Routes that answer what they were asked, with everything that a definition can say. */
export const echoRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/v1/test',
    operationId: 'echo',
    summary: 'Answers what it is sent',
    tag: 'Service',
    scope: 'rules:write',
    body: { description: 'A name', json: Echo, example: { name: 'x' } },
    mutation: true,
    answers: { 201: { description: 'What was sent', schema: Type.Any(), headers: { location: 'Where it is' } } },
  })(async ({ body, mutation, principal }) => {
    if (body.name === 'fail') throw new TypeError('secret of the insides');
    return { status: 201, body: { body, mutation, by: principal.name }, headers: { location: '/v1/test/1' } };
  }),
  route({
    method: 'DELETE',
    path: '/v1/test',
    operationId: 'echoNothing',
    summary: 'Has no body and no answer',
    tag: 'Service',
    scope: 'public',
    answers: { 204: { description: 'Done' } },
  })(async () => ({ status: 204, body: undefined })),
  route({
    method: 'GET',
    path: '/v1/test/{id}',
    operationId: 'echoQuery',
    summary: 'Answers its parameters',
    tag: 'Service',
    scope: 'public',
    params: closed({ id: Type.Integer() }),
    query: closed({
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
      share: Type.Optional(Type.Number({ minimum: 0 })),
      all: Type.Optional(Type.Boolean()),
      q: Type.Optional(Type.String({ maxLength: 10 })),
    }),
    answers: text,
  })(async ({ params, query }) => ({ status: 200, body: { ...params, ...query } })),
  route({
    method: 'PUT',
    path: '/v1/test/{id}',
    operationId: 'echoStream',
    summary: 'Answers how much it was sent',
    tag: 'Service',
    scope: 'public',
    params: closed({ id: Type.String() }),
    body: {
      description: 'Anything',
      json: Type.Array(Type.Integer()),
      streams: { 'text/plain': { description: 'Lines' }, 'application/x-ndjson': { description: 'Values' } },
      limit: 200_000,
    },
    answers: { 200: { description: 'Type and bytes', type: 'text/plain; charset=utf-8' } },
  })(async ({ body }) => {
    if ('json' in body) return { status: 200, body: `json ${body.json.length}` };
    let bytes = 0;
    for await (const chunk of body.content) bytes += (chunk as Buffer).length;
    return { status: 200, body: `${body.type} ${bytes}` };
  }),
  route({
    method: 'POST',
    path: '/v1/test/rules',
    operationId: 'echoRule',
    summary: 'Answers the rule that it is sent',
    tag: 'Rules',
    scope: 'public',
    body: { description: 'A rule', json: RuleInput },
    answers: { 200: { description: 'The same', schema: RuleInput } },
  })(async ({ body }) => ({ status: 200, body })),
  route({
    method: 'GET',
    path: '/v1/test/rules',
    operationId: 'echoPage',
    summary: 'Answers an empty page',
    tag: 'Rules',
    scope: 'public',
    query: closed(pageQuery),
    answers: { 200: { description: 'A page', schema: pageOf('TestPage', Rule) } },
  })(async ({ query: { cursor } }) => ({
    status: 200,
    body: cursor === undefined ? { items: [] } : { items: [], next: cursor },
  })),
  ...scopes.map((scope) =>
    route({
      method: 'GET',
      path: `/v1/scope/${scope.replaceAll(':', '-')}`,
      operationId: `needs:${scope}`,
      summary: 'Needs a scope',
      tag: 'Service',
      scope,
      answers: { 204: { description: 'It is there' } },
    })(async () => ({ status: 204, body: undefined })),
  ),
];
