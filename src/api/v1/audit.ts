import { Type } from 'typebox';
import type { AuditRecord } from '../../engine/audit.ts';
import { route } from './route.ts';
import { parseTimestamp, timestamp } from './rule-json.ts';
import { closed, Timestamp } from './schemas.ts';

const AuditEntry = closed(
  {
    number: Type.Integer({ minimum: 1 }),
    at: Timestamp,
    principal: Type.String(),
    address: Type.String({ description: 'From where; empty over the unix socket' }),
    door: Type.Enum(['outward', 'local', 'socket', 'control', 'engine']),
    requestId: Type.String({ description: 'The X-Request-Id of the answer' }),
    operation: Type.String(),
    target: Type.String({ description: 'What it was done to' }),
    before: Type.Any({ description: 'How that was; null where there was nothing' }),
    after: Type.Any({ description: 'How it is since; null where there is nothing' }),
    result: Type.String({ description: 'What became of it, or the code of the error' }),
    hash: Type.String({ description: 'SHA-256 over the hash before and this entry' }),
  },
  { $id: 'AuditEntry' },
);

/** In the order of the documentation: as it is stored it is in that of the names. */
function auditJson(record: AuditRecord) {
  const { number, at, principal, address, door, requestId, operation, target, before, after, result, hash } = record;
  return {
    ...{ number, at: timestamp(at), principal, address, door, requestId },
    ...{ operation, target, before, after, result, hash },
  };
}

/** Who did what. */
export const listAudit = route({
  method: 'GET',
  path: '/v1/audit',
  operationId: 'listAudit',
  summary: 'Who did what, newest first',
  description:
    'Every change that was made or refused. Entries are chained by hashes: rfw --verify-audit says whether the log is what was written.',
  tag: 'Access',
  scope: 'audit:read',
  query: closed({
    principal: Type.Optional(Type.String({ maxLength: 200 })),
    operation: Type.Optional(Type.String({ maxLength: 64, description: 'rules.put, lists.replace, …' })),
    since: Type.Optional(Timestamp),
    until: Type.Optional(Timestamp),
    before: Type.Optional(
      Type.Integer({ minimum: 1, description: 'Only entries with a smaller number: next of the page before' }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
  }),
  problems: ['store-failed', 'expire-invalid'],
  answers: {
    200: {
      description: 'A page',
      schema: closed({
        items: Type.Array(AuditEntry),
        next: Type.Union([Type.Integer(), Type.Null({ description: 'There are no more' })]),
      }),
      example: {
        items: [
          {
            number: 12,
            at: '2026-01-31T12:00:00.000Z',
            principal: 'token:detector',
            address: '192.0.2.10',
            door: 'outward',
            requestId: '5f0c1a52-8d5f-4e0e-9a55-1c7f6b3e2d10',
            operation: 'rules.delete',
            target: 'drop~input~any~any~198.51.100.7_32~any',
            before: {
              id: 'drop~input~any~any~198.51.100.7_32~any',
              expiresAt: null,
              origin: 'token:detector',
              comment: '',
            },
            after: null,
            result: 'deleted',
            hash: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
          },
        ],
        next: null,
      },
    },
  },
})(async ({ query: { since, until, limit = 100, ...filter } }, { engine }) => {
  const records = await engine.history.audit({
    ...filter,
    since: since === undefined ? undefined : parseTimestamp(since),
    until: until === undefined ? undefined : parseTimestamp(until),
    limit,
  });
  const next = records.length < limit ? null : (records.at(-1)?.number ?? null);
  return { status: 200, body: { items: records.map(auditJson), next } };
});
