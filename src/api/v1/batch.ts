import { addAbortSignal } from 'node:stream';
import { type Static, Type } from 'typebox';
import { stoppingError } from '../../engine/pending.ts';
import { RequestError } from '../errors.ts';
import { ItemChunk, ItemReader } from './batch-items.ts';
import { chunksOfLines } from './batch-lines.ts';
import { progressStream } from './batch-progress.ts';
import { Batch, BatchMode, BatchSummary, mostItems } from './batch-schemas.ts';
import { type BatchAnswer, type Batching, type Progress, readAll, writeAsOne, writeInChunks } from './batch-writing.ts';
import { BodyDigest } from './body-digest.ts';
import { holding } from './body-room.ts';
import { type Asked, type RouteDefinition, route } from './route.ts';
import { closed } from './schemas.ts';
import type { Services } from './services.ts';

type Mode = Static<typeof BatchMode>;

const ndjson = 'application/x-ndjson';

/** Bytes: ten thousand items of JSON, and ten million lines. */
const [jsonLimit, linesLimit] = [4 * 1024 * 1024, 1024 * 1024 * 1024];

const example = {
  received: 4,
  created: 1,
  updated: 0,
  exists: 1,
  deleted: 1,
  absent: 0,
  refused: 1,
  refusals: { 'whitelist-conflict': 1 },
  errors: [{ line: 3, code: 'whitelist-conflict', message: 'Ignoring the request conflicting with the whitelist' }],
};

const definition = {
  method: 'POST',
  path: '/v1/rules/batch',
  operationId: 'batchRules',
  summary: 'Puts and deletes many rules',
  description: `Items are done in their order. best-effort does what can be done, and says of each other item why not. atomic does all or, when one item is refused, nothing. JSON takes ${mostItems} items. NDJSON takes millions: one item a line, which are done while the rest is still being sent; what was done stays when the body breaks off. mode=atomic, confirm and dryRun take at most 100,000 lines. With progress=true, or Accept: ${ndjson}, the answer is a stream: a line twice a second that says how far it is, and a last one that says how it went.`,
  tag: 'Rules',
  scope: 'rules:write',
  mutation: true,
  query: closed({
    mode: Type.Optional(BatchMode),
    progress: Type.Optional(
      Type.Boolean({ default: false, description: 'Answer with a stream that tells how far it is' }),
    ),
  }),
  body: {
    description: 'What is to be done',
    json: Batch,
    example: {
      mode: 'atomic',
      items: [
        { action: 'drop', chain: 'input', source: '203.0.113.7', ttl: '1h' },
        { op: 'delete', action: 'drop', chain: 'input', source: '203.0.113.8' },
      ],
    },
    limit: jsonLimit,
    streams: {
      [ndjson]: {
        description: 'An item a line, each at most 64 KiB. Empty lines are skipped',
        example:
          '{"action":"drop","chain":"input","source":"203.0.113.7","ttl":"1h"}\n{"op":"delete","action":"drop","chain":"input","source":"203.0.113.8"}\n',
        limit: linesLimit,
      },
    },
  },
  answers: {
    200: {
      description: 'What became of the items',
      schema: BatchSummary,
      example,
      stream: {
        type: ndjson,
        description: 'How far it is, line by line, and in the last line a summary, or a problem',
        example: `{"progress":{"received":8000,"done":4000}}\n{"summary":${JSON.stringify(example)}}\n`,
      },
    },
  },
  problems: ['batch-refused', 'key-reused', 'unsupported', 'kernel-refused', 'kernel-unavailable', 'store-failed'],
} as const satisfies RouteDefinition;

type AskedBatch = Asked<typeof definition>;

/** Puts and deletes many rules. */
export const batchRules = route(definition)(async (asked, services) => {
  const progress: Progress = { received: 0, done: 0 };
  const answer = run(asked, services, progress);
  if (!wantsProgress(asked)) return answer;
  return { status: 200, body: progressStream(asked.request, progress, answer) };
});

function wantsProgress({ query, request }: AskedBatch): boolean {
  const accepted = (request.headers.accept ?? '').split(',').map((type) => type.split(';')[0]?.trim().toLowerCase());
  return query.progress ?? accepted.includes(ndjson);
}

async function run(asked: AskedBatch, services: Services, progress: Progress): Promise<BatchAnswer> {
  const { body, query, mutation } = asked;
  const items = new ItemReader(asked.principal, services.defaultExpire());
  const common = { asked, services, progress };
  if ('json' in body) {
    const { json } = body;
    const chunk = new ItemChunk();
    for (const [index, item] of json.items.entries()) chunk.attempt(index, () => items.command(item));
    progress.received = chunk.length;
    return writeAsOne({ ...common, places: 'pointer', body: json }, chunk, modeOf(query.mode, json.mode) === 'atomic');
  }
  const { ending } = asked.request.server;
  const atomic = query.mode === 'atomic';
  const atOnce = atomic || mutation.dryRun || mutation.confirm !== undefined;
  const stream = addAbortSignal(ending, body.content);
  const content = atOnce ? holding(asked.request, stream) : stream;
  // Nobody asks for the digest of a body without a key.
  const digest = mutation.idempotencyKey === undefined ? undefined : new BodyDigest(content);
  const chunks = chunksOfLines(digest?.content() ?? content, items, () => services.engine.bulk.length);
  const batching: Batching = { ...common, places: 'line', body: digest };
  if (!atOnce) return writeInChunks(batching, chunks);
  try {
    return await writeAsOne(batching, await readAll(chunks, progress), atomic);
  } catch (error) {
    throw ending.aborted ? stoppingError() : error;
  }
}

/** @throws RequestError when query and body say different things */
function modeOf(query: Mode | undefined, body: Mode | undefined): Mode | undefined {
  if (query === undefined || body === undefined || query === body) return query ?? body;
  const message = `says ${query}, and the body ${body}: give one of them`;
  throw new RequestError('request-invalid', `The parameter mode ${message}`, [{ parameter: 'mode', message }]);
}
