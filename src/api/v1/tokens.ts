import { type Static, Type } from 'typebox';
import { RfwError } from '../../domain/errors.ts';
import { scopes } from '../access/principal.ts';
import type { Chosen, TokenRequest } from '../access/token-request.ts';
import type { TokenView } from '../access/tokens.ts';
import { recordRefusal, whoAsks } from '../audit.ts';
import { dryRunHeader } from './mutation.ts';
import { mutationQuery } from './parameters.ts';
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

const TokenRequestBody = closed(
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

const ChosenToken = closed(
  {
    name: Type.String(),
    scopes: Type.Array(Scope),
    limits: Limits,
    clients: Type.Array(Type.String()),
    expiresAt: instant,
  },
  { $id: 'ChosenToken' },
);

const Token = closed(
  {
    id: Type.String(),
    ...ChosenToken.properties,
    createdAt: Timestamp,
    createdBy: Type.String(),
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
  const { id, createdAt, createdBy, lastUsedAt } = view;
  return {
    id,
    ...chosenJson(view),
    createdAt: timestamp(createdAt),
    createdBy,
    lastUsedAt: lastUsedAt === null ? null : timestamp(lastUsedAt),
  };
}

/** What of a token somebody has chosen. */
function chosenJson({ name, scopes: may, limits, clients, expiresAt }: Chosen): Static<typeof ChosenToken> {
  return {
    ...{ name, scopes: [...may], clients: [...clients] },
    limits: limits as Static<typeof Limits>,
    expiresAt: expiresAt === null ? null : timestamp(expiresAt),
  };
}

const dryRunQuery = closed({ dryRun: mutationQuery.dryRun });

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
    'The answer is the only time that the token is shown: what rfw keeps can not be turned back into it. For the same reason this takes no Idempotency-Key, and there is nothing to confirm.',
  tag: 'Access',
  scope: 'admin',
  query: dryRunQuery,
  body: {
    description: 'What it may do',
    json: TokenRequestBody,
    example: { name: 'detector', scopes: ['rules:write'] },
  },
  problems: ['token-invalid', 'token-exists', 'expire-invalid', 'store-failed'],
  answers: {
    201: {
      description: 'The token',
      schema: closed({ token: Type.String({ description: 'For Authorization: Bearer' }), ...Token.properties }),
      example: { token: 'rfw_0123456789abcdef_oFrV8xjW4G0rkMqkPD9sX1kqv1o2nL5B5w3mYj7cE2Q', ...example },
      headers: { location: 'Where it is' },
    },
    200: { description: 'With dryRun: what it would be', schema: ChosenToken },
  },
})(async ({ body, query: { dryRun = false }, principal, request }, { tokens, engine }) => {
  const who = { ...whoAsks(request), operation: 'tokens.create' };
  const wanted = requestOf(body);
  if (dryRun) return { status: 200, body: chosenJson(tokens.preview(wanted)), headers: { [dryRunHeader]: 'true' } };
  const auditOf = (view: TokenView) => [
    { ...who, target: view.id, before: null, after: chosenJson(view), result: 'created' },
  ];
  try {
    const { token, record } = await tokens.create(wanted, principal.name, auditOf);
    return { status: 201, body: { token, ...tokenJson(record) }, headers: { location: `/v1/tokens/${record.id}` } };
  } catch (error) {
    await recordRefusal(engine, { ...who, target: body.name }, error);
    throw error;
  }
});

/** What is asked for. The limits are checked where all tokens are made. */
function requestOf({ expiresAt, limits, ...rest }: Static<typeof TokenRequestBody>): TokenRequest {
  return {
    ...rest,
    ...(limits !== undefined && { limits: limits as NonNullable<TokenRequest['limits']> }),
    expiresAt: typeof expiresAt === 'string' ? parseTimestamp(expiresAt) : null,
  };
}

export const revokeToken = route({
  method: 'DELETE',
  path: '/v1/tokens/{id}',
  operationId: 'revokeToken',
  summary: 'Takes a token back, at once',
  description: 'Its rules stay. Streams that it has open end.',
  tag: 'Access',
  scope: 'admin',
  params: closed({ id: Type.String({ pattern: '^[0-9a-f]{16}$' }) }),
  query: dryRunQuery,
  problems: ['not-found', 'store-failed'],
  answers: { 200: { description: 'What it was', schema: Token, example } },
})(async ({ params: { id }, query: { dryRun = false }, request }, { tokens, engine }) => {
  const asked = { ...whoAsks(request), operation: 'tokens.revoke', target: id };
  const auditOf = (before: TokenView) => [{ ...asked, before: chosenJson(before), after: null, result: 'deleted' }];
  try {
    const view = dryRun ? tokens.get(id) : await tokens.revoke(id, auditOf);
    if (view !== undefined)
      return { status: 200, body: tokenJson(view), headers: dryRun ? { [dryRunHeader]: 'true' } : {} };
  } catch (error) {
    await recordRefusal(engine, asked, error);
    throw error;
  }
  throw new RfwError('not-found', `There is no token ${id}`);
});
