import { Readable } from 'node:stream';
import { Type } from 'typebox';
import { chunksOf } from '../../domain/chunks.ts';
import { RfwError } from '../../domain/errors.ts';
import { nextTurn } from '../../domain/turn.ts';
import type { Engine } from '../../engine/engine.ts';
import { may } from '../access/principal.ts';
import { RequestError } from '../errors.ts';
import { Change, changeJson } from './change-json.ts';
import { EventStream } from './event-stream.ts';
import { listJson } from './list-json.ts';
import { route } from './route.ts';
import { ruleJson, timestamp } from './rule-json.ts';
import { closed } from './schemas.ts';

/** Rules of a snapshot that are written at once. */
const pageLength = 500;

const example = {
  number: 4711,
  at: '2026-01-31T12:00:00.000Z',
  by: 'token:detector',
  kind: 'rule-created' as const,
  rule: {
    id: 'drop~input~any~any~198.51.100.7_32~any',
    action: 'drop' as const,
    chain: 'input' as const,
    in: 'any',
    out: 'any',
    source: '198.51.100.7/32',
    destination: 'any',
    expiresAt: '2026-01-31T14:00:00.000Z',
    createdAt: '2026-01-31T12:00:00.000Z',
    origin: 'token:detector',
    comment: 'ssh brute force',
  },
};

/** The changes since a number, in pages. */
export const listChanges = route({
  method: 'GET',
  path: '/v1/changes',
  operationId: 'listChanges',
  summary: 'What has changed since a change',
  description:
    'Every change of rules, lists and whitelist, expiries too, in the order in which they took effect, also over restarts. Ask again with since = next. Of the oldest changes no record is kept: for those the answer is 410, and GET /v1/snapshot is the way to begin anew.',
  tag: 'Changes',
  scope: 'rules:read',
  query: closed({
    since: Type.Integer({ minimum: 0, description: 'The number of the last change that you have; 0 is none' }),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 500 })),
  }),
  problems: ['compacted', 'store-failed'],
  answers: {
    200: {
      description: 'The changes, oldest first',
      schema: closed({
        items: Type.Array(Change),
        next: Type.Integer({ description: 'For since, to go on' }),
        last: Type.Integer({ description: 'The number of the last change that there is' }),
      }),
      example: { items: [example], next: 4711, last: 4711 },
    },
  },
})(async ({ query: { since, limit = 500 } }, { engine }) => {
  refuseFuture(engine, since, 'since');
  const { changes, oldest, last } = await engine.history.changes(since, limit);
  if (since + 1 < oldest) throw compacted(since, oldest);
  return { status: 200, body: { items: changes.map(changeJson), next: changes.at(-1)?.number ?? since, last } };
});

/** The same as a stream of server-sent events. */
export const streamEvents = route({
  method: 'GET',
  path: '/v1/events',
  operationId: 'streamEvents',
  summary: 'What changes, as it does',
  description:
    'Server-sent events: the id is the number of the change, the event its kind, the data the change in JSON. With Last-Event-ID, or since, it begins after that change; without, with the next one. An event reset says that changes before its number are not recorded any more: read GET /v1/snapshot and go on from there. The stream ends when rfw stops or the rights of the principal do.',
  tag: 'Changes',
  scope: 'rules:read',
  query: closed({
    since: Type.Optional(
      Type.Integer({ minimum: 0, description: 'As Last-Event-ID, for clients that can not set headers' }),
    ),
  }),
  problems: ['store-failed'],
  answers: {
    200: {
      description: 'The stream',
      type: 'text/event-stream; charset=utf-8',
      example: `id: 4711\nevent: rule-created\ndata: ${JSON.stringify(example)}\n\n`,
    },
  },
})(async ({ query, request, principal }, { engine, followers }) => {
  const header = lastEventId(request.headers['last-event-id']);
  const after = header ?? query.since ?? engine.lastChange;
  refuseFuture(engine, after, header === undefined ? 'since' : 'last-event-id');
  const body = new EventStream({
    engine,
    after,
    end: request.server.ending,
    stillMay: () => may(request.principalNow(), 'rules:read'),
    socket: request.raw.socket,
    ended: followers.add(principal.name),
  });
  return {
    status: 200,
    body,
    headers: {
      // So that a proxy in between hands on what comes, as it comes.
      'x-accel-buffering': 'no',
      // So that a server that closes needn't wait for the connection when the stream has ended.
      connection: 'close',
    },
  };
});

/** All that stands, and the change after which that is so. */
export const snapshot = route({
  method: 'GET',
  path: '/v1/snapshot',
  operationId: 'getSnapshot',
  summary: 'All rules and lists at once, to follow changes from',
  description:
    'A line of JSON each: first the number of the last change, with the entries that were added to the whitelist, then the rules, newest first, then the lists without their entries, at last how many there were of both. Whoever applies the changes since that number to these, in their order, has what stands; of a list that has changed GET /v1/lists/{name} says how it is. Where the last line is missing, something went wrong.',
  tag: 'Changes',
  scope: 'rules:read',
  answers: {
    200: {
      description: 'The lines',
      type: 'application/x-ndjson',
      example: `{"change":4711,"at":"2026-01-31T12:00:00.000Z","whitelist":["192.0.2.0/24"]}\n${JSON.stringify(example.rule)}\n{"rules":1,"lists":0}\n`,
    },
  },
})(async (_asked, { engine }) => ({
  status: 200,
  body: Readable.from(snapshotLines(engine), { objectMode: false }),
}));

function lastEventId(header: string | string[] | undefined): number | undefined {
  if (header === undefined || header === '') return undefined;
  if (typeof header === 'string' && /^(?:0|[1-9][0-9]{0,14})$/.test(header)) return Number(header);
  const message = 'must be the number of a change, as the id of an event';
  throw new RequestError('request-invalid', `The header Last-Event-ID ${message}`, [
    { parameter: 'last-event-id', message },
  ]);
}

/** A number that was never given is one of another host, or of a database that was replaced. */
function refuseFuture({ lastChange }: Engine, since: number, parameter: 'since' | 'last-event-id'): void {
  if (since <= lastChange) return;
  const message = `is after the last change, ${lastChange}: it is not from this database`;
  const what = parameter === 'since' ? 'parameter since' : 'header Last-Event-ID';
  throw new RequestError('request-invalid', `The ${what} ${message}`, [{ parameter, message }]);
}

function compacted(since: number, oldest: number): RfwError {
  return new RfwError(
    'compacted',
    `The changes after ${since} are not all recorded any more, only those from ${oldest} on: read GET /v1/snapshot and go on from the number in it`,
  );
}

async function* snapshotLines(engine: Engine): AsyncGenerator<string> {
  const whitelist = engine.whitelisting.added.map(({ entry }) => entry.text);
  yield `${JSON.stringify({ change: engine.lastChange, at: timestamp(Date.now()), whitelist })}\n`;
  let rules = 0;
  for (const page of chunksOf(engine.reader.all(), pageLength)) {
    rules += page.length;
    yield page.map((rule) => `${JSON.stringify(ruleJson(rule))}\n`).join('');
    await nextTurn();
  }
  const lists = engine.listing.all;
  yield lists.map((list) => `${JSON.stringify({ list: listJson(list) })}\n`).join('');
  yield `${JSON.stringify({ rules, lists: lists.length })}\n`;
}
