import { type Static, Type } from 'typebox';
import { BatchItem } from './batch-items.ts';
import { closed } from './schemas.ts';

/** The most items of a JSON body. */
export const mostItems = 10_000;

export const BatchMode = Type.Enum(['best-effort', 'atomic'], {
  $id: 'BatchMode',
  default: 'best-effort',
  description: 'best-effort does what can be done; atomic does all or nothing',
});

export const Batch = closed(
  {
    mode: Type.Optional(BatchMode),
    items: Type.Array(BatchItem, {
      minItems: 1,
      maxItems: mostItems,
      description: 'In the order in which they are done',
    }),
  },
  { $id: 'Batch' },
);

const Count = Type.Integer({ minimum: 0 });

const BatchError = closed(
  {
    line: Type.Optional(Type.Integer({ minimum: 1, description: 'Of NDJSON, counted from 1' })),
    pointer: Type.Optional(Type.String({ description: 'Of a JSON body: where the item is (RFC 6901)' })),
    code: Type.String(),
    message: Type.String(),
  },
  { $id: 'BatchError' },
);

export const BatchSummary = closed(
  {
    received: Count,
    created: Count,
    updated: Count,
    exists: Type.Integer({ minimum: 0, description: 'Put, but stood already as it was asked for' }),
    deleted: Count,
    absent: Type.Integer({ minimum: 0, description: 'To be deleted, but not there' }),
    refused: Count,
    refusals: Type.Unsafe<Readonly<Record<string, number>>>({
      type: 'object',
      additionalProperties: { type: 'integer', minimum: 1 },
      description: 'How many of them have each code',
    }),
    errors: Type.Array(BatchError, { description: 'The first 1,000 of them' }),
  },
  { $id: 'BatchSummary' },
);
export type BatchSummary = Static<typeof BatchSummary>;
