import { asRfwError, RfwError } from '../../domain/errors.ts';
import type { Result } from '../../engine/decide.ts';
import type { Group, Recording } from '../../engine/pending.ts';
import { stoppingError } from '../../engine/pending.ts';
import { manyEffect, whoAsks } from '../audit.ts';
import { RequestError } from '../errors.ts';
import { ItemChunk } from './batch-items.ts';
import { BatchReport, type PlaceKind } from './batch-report.ts';
import type { BatchSummary } from './batch-schemas.ts';
import { type AskedMutation, mutate, requireStill } from './mutation.ts';
import type { Services } from './services.ts';

/** Items of NDJSON that are done as a whole at most. */
const mostAtOnce = 100_000;

const operation = 'rules.batch';

/** A batch whose items are about to be done. */
export interface Batching {
  readonly asked: AskedMutation;
  readonly services: Services;
  readonly places: PlaceKind;
  /** What the request asks for, as `Mutation` has it. */
  readonly body: unknown;
  /** Told of items that were read, and that are done. */
  readonly progress: Progress;
}

/** How far a batch is. */
export interface Progress {
  received: number;
  done: number;
}

export interface BatchAnswer {
  readonly status: 200;
  readonly body: BatchSummary;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Reads all items, which are then done at once. @throws RequestError when they are too many */
export async function readAll(chunks: AsyncIterable<ItemChunk>, progress: Progress): Promise<ItemChunk> {
  const all = new ItemChunk();
  for await (const chunk of chunks) {
    all.append(chunk);
    progress.received = all.length;
    if (all.length <= mostAtOnce) continue;
    throw new RequestError(
      'body-too-large',
      `More than ${mostAtOnce} items can't be done as a whole: send less, or leave out mode=atomic, confirm and dryRun`,
    );
  }
  return all;
}

/** Does all items at once. @param atomic whether all of them are done or none */
export function writeAsOne(batching: Batching, chunk: ItemChunk, atomic: boolean): Promise<BatchAnswer> {
  const { asked, services, places, body, progress } = batching;
  const { engine } = services;
  const group: Group = { commands: chunk.commands, atomic };
  const requireWhole = (report: BatchReport): BatchReport => {
    if (atomic && report.refused > 0) throw refusedAsWhole(report);
    return report;
  };
  const report = (results: readonly Result[]): BatchReport => new BatchReport(places).count(chunk, results);
  return mutate<readonly Result[], BatchAnswer>(asked, services, {
    operation,
    target: `${chunk.length} items`,
    body,
    preview: async () => {
      requireWhole(report([]));
      return engine.preview(group);
    },
    make: async (record, confirm) => {
      requireWhole(report([]));
      const results = await engine.bulk.write({ ...group, record }, confirm);
      progress.done = chunk.length;
      return results;
    },
    answer: (results) => ({ status: 200, body: requireWhole(report(results)).summary() }),
    effect: (results) => manyEffect(all(chunk, results)),
  });
}

/**
 * Does items some thousand at a time, and reads the next ones meanwhile. What kernel or disk refuse ends it, and so does the end
 * of the request before its time; what was done until then stays.
 */
export function writeInChunks(batching: Batching, chunks: AsyncIterable<ItemChunk>): Promise<BatchAnswer> {
  const { asked, services, places, body, progress } = batching;
  const { bulk } = services.engine;
  return mutate<BatchReport, BatchAnswer>(asked, services, {
    operation,
    target: 'application/x-ndjson',
    body,
    // What is only tried is tried as one.
    preview: () => Promise.reject(new Error('Chunks have no preview')),
    make: async (record) => {
      const report = new BatchReport(places);
      const who = whoAsks(asked.request);
      let last = 0;
      const write = async (chunk: ItemChunk): Promise<void> => {
        const target = `lines ${last + 1} to ${chunk.lastPlace}`;
        const recording = (results: readonly Result[]): Recording => {
          const effect = manyEffect(all(chunk, results));
          return { audit: effect === undefined ? [] : [{ ...who, at: Date.now(), operation, target, ...effect }] };
        };
        report.count(chunk, await bulk.write({ commands: chunk.commands, atomic: false, record: recording }));
        last = chunk.lastPlace;
        progress.done = report.received;
      };
      try {
        await eachInTurn(received(chunks, batching), write);
        await bulk.write({ commands: [], atomic: true, record: () => record(report) });
      } catch (error) {
        throw unfinished(asked.request.server.ending.aborted ? stoppingError() : asRfwError(error), last);
      }
      return report;
    },
    answer: (report) => ({ status: 200, body: report.summary() }),
    // Each chunk has an entry of its own.
    effect: () => undefined,
  });
}

/** Chunks until there is a reason to take no more. @throws RfwError that says which */
async function* received(chunks: AsyncIterable<ItemChunk>, { asked, progress }: Batching): AsyncGenerator<ItemChunk> {
  for await (const chunk of chunks) {
    if (asked.request.server.ending.aborted) throw stoppingError();
    requireStill(asked);
    progress.received += chunk.length;
    yield chunk;
  }
}

/** Works on items one after the other, and waits for the next one meanwhile. All that has begun has ended when this settles. */
async function eachInTurn<T>(items: AsyncIterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  let working: Promise<void> = Promise.resolve();
  try {
    for await (const item of items) {
      await working;
      working = work(item);
      // It is awaited later, and must not count as unhandled until then.
      working.catch(() => {});
    }
  } finally {
    await working;
  }
}

/** What became of the items, those included that the engine hasn't seen. */
function all({ refused }: ItemChunk, results: readonly Result[]): Result[] {
  return [...results, ...refused.map(({ error }) => error)];
}

function unfinished(error: RfwError, last: number): RfwError {
  const done = last === 0 ? 'Nothing was done' : `Lines 1 to ${last} are done, and none after that`;
  return new RfwError(error.code, `${error.message}. ${done}`, { cause: error });
}

function refusedAsWhole(report: BatchReport): RequestError {
  const { received, refusals } = report.summary();
  const refused = report.refused - (refusals['not-applied'] ?? 0);
  return new RequestError(
    'batch-refused',
    `Nothing was done, because ${refused} of ${received} items were refused: mend or leave out those, or send the batch without mode=atomic`,
    report.errors,
  );
}
