import { type Static, Type } from 'typebox';
import { RfwError } from '../../domain/errors.ts';
import { scopes } from '../access/principal.ts';
import type { TokenView } from '../access/tokens.ts';
import { whoAsks } from '../audit.ts';
import { route } from './route.ts';
import { parseTimestamp, timestamp } from './rule-json.ts';
import { Action, Chain, closed, Never, Timestamp } from './schemas.ts';

const Scope = Type.Enum([...scopes], {
  $id: 'Scope',
  description: 'rules:write:any may change the rules of others too; admin may do everything',
});

const Limits = closed(
  {
    actions: Type.Optional(Type.Array(Action, { minItems: 1 })),
    chains: Type.Optional(Type.Array(Chain, { minItems: 1 })),
    shortestPrefix: Type.Optional(
      closed({ '4': Type.Integer({ minimum: 0, maximum: 32 }), '6': Type.Integer({ minimum: 0, maximum: 128 }) }),
    ),
    longestTtl: Type.Optional(Type.Integer({ minimum: 1, description: 'Seconds. Nothing permanent then' })),
    rate: Type.Optional(
      closed({ perSecond: Type.Number({ exclusiveMinimum: 0 }), burst: Type.Integer({ minimum: 1 }) }),
    ),
  },
  { $id: 'Limits', description: 'What a token may ask for at most' },
);

const TokenRequest = closed(
  {
    name: Type.String({ minLength: 1, maxLength: 63, pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$' }),
    scopes: Type.Array(Scope, { minItems: 1 }),
    limits: Type.Optional(Limits),
    clients: Type.Optional(
      Type.Array(Type.String(), {
        maxItems: 100,
        description: 'Addresses and prefixes it may be used from; none is anywhere',
      }),
    ),
    expiresAt: Type.Optional(Type.Union([Timestamp, Never])),
  },
  { $id: 'TokenRequest' },
);

const instant = Type.Union([Timestamp, Never]);

const Token = closed(
  {
    id: Type.String(),
    name: Type.String(),
    scopes: Type.Array(Scope),
    limits: Limits,
    clients: Type.Array(Type.String()),
    createdAt: Timestamp,
    createdBy: Type.String(),
    expiresAt: instant,
    lastUsedAt: instant,
  },
  { $id: 'Token' },
);

const example = {
  id: '0123456789abcdef',
  name: 'detector',
  scopes: ['rules:read' as const, 'rules:write' as const],
  limits: { actions: ['drop' as const], longestTtl: 86_400 },
  clients: ['192.0.2.10/32'],
  createdAt: '2026-01-31T12:00:00.000Z',
  createdBy: 'alice@192.0.2.1',
  expiresAt: null,
  lastUsedAt: null,
};

function tokenJson(view: TokenView): Static<typeof Token> {
  const at = (time: number | null): string | null => (time === null ? null : timestamp(time));
  const { id, name, limits, clients, createdBy } = view;
  return {
    ...{ id, name, scopes: [...view.scopes], clients: [...clients], createdBy },
    limits: limits as Static<typeof Limits>,
    createdAt: timestamp(view.createdAt),
    expiresAt: at(view.expiresAt),
    lastUsedAt: at(view.lastUsedAt),
  };
}

/** What the audit log keeps of a token. */
function audited({ name, scopes: may, limits, clients, expiresAt }: TokenView): unknown {
  return { name, scopes: may, limits, clients, expiresAt };
}

export const listTokens = route({
  method: 'GET',
  path: '/v1/tokens',
  operationId: 'listTokens',
  summary: 'The tokens, eldest first',
  tag: 'Access',
  scope: 'admin',
  answers: {
    200: {
      description: 'All of them, without their secrets',
      schema: closed({ items: Type.Array(Token) }),
      example: { items: [example] },
    },
  },
})(async (_asked, { tokens }) => ({ status: 200, body: { items: tokens.list().map(tokenJson) } }));

export const createToken = route({
  method: 'POST',
  path: '/v1/tokens',
  operationId: 'createToken',
  summary: 'Makes a token',
  description:
    'The answer is the only time that the token is shown: what rfw keeps can not be turned back into it. For the same reason this takes no Idempotency-Key.',
  tag: 'Access',
  scope: 'admin',
  body: { description: 'What it may do', json: TokenRequest, example: { name: 'detector', scopes: ['rules:write'] } },
  problems: ['token-invalid', 'token-exists', 'expire-invalid', 'store-failed'],
  answers: {
    201: {
      description: 'The token',
      schema: closed({ token: Type.String({ description: 'For Authorization: Bearer' }), ...Token.properties }),
      example: { token: 'rfw_0123456789abcdef_oFrV8xjW4G0rkMqkPD9sX1kqv1o2nL5B5w3mYj7cE2Q', ...example },
      headers: { location: 'Where it is' },
    },
  },
})(async ({ body: { expiresAt, limits, ...rest }, principal, request }, { tokens }) => {
  const asked = {
    ...rest,
    ...(limits !== undefined && { limits }),
    expiresAt: typeof expiresAt === 'string' ? parseTimestamp(expiresAt) : null,
  };
  const { token, record } = await tokens.create(
    asked as Parameters<typeof tokens.create>[0],
    principal.name,
    (view) => [
      {
        ...whoAsks(request),
        operation: 'tokens.create',
        target: view.id,
        before: null,
        after: audited(view),
        result: 'created',
      },
    ],
  );
  return {
    status: 201,
    body: { token, ...tokenJson(record) },
    headers: { location: `/v1/tokens/${record.id}` },
  };
});

export const revokeToken = route({
  method: 'DELETE',
  path: '/v1/tokens/{id}',
  operationId: 'revokeToken',
  summary: 'Takes a token back, at once',
  description: 'Its rules stay. Streams that it has open end.',
  tag: 'Access',
  scope: 'admin',
  params: closed({ id: Type.String({ pattern: '^[0-9a-f]{16}$' }) }),
  problems: ['not-found', 'store-failed'],
  answers: { 200: { description: 'What it was', schema: Token, example } },
})(async ({ params: { id }, request }, { tokens }) => {
  const view = await tokens.revoke(id, (before) => [
    {
      ...whoAsks(request),
      operation: 'tokens.revoke',
      target: id,
      before: audited(before),
      after: null,
      result: 'deleted',
    },
  ]);
  if (view === undefined) throw new RfwError('not-found', `There is no token ${id}`);
  return { status: 200, body: tokenJson(view) };
});
