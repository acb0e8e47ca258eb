import type { DatabaseSyncInstance, StatementSyncInstance } from '@photostructure/sqlite';
import { parsePrefix } from '../../domain/address.ts';
import {
  type ChangePage,
  isRuleChange,
  type NumberedChange,
  type RecordedChange,
  ruleChangeKinds,
} from '../changes.ts';
import { readRule, ruleColumns } from './rows.ts';
import { longestRun, type RuleRun, type RunSide } from './rule-runs.ts';

/**
 * One row for the changes of a transaction, or a few: a row each would double the time of a bulk load. `body` is a JSON array.
 */
export const changeLogSchema = `CREATE TABLE changes (
     first INTEGER PRIMARY KEY,
     count INTEGER NOT NULL,
     at INTEGER NOT NULL,
     body TEXT NOT NULL
   ) STRICT;`;

/** How many changes are kept at least. */
export const keptChanges = 100_000;

/** The recorded changes, numbered without gaps; the oldest are deleted when there are many. */
export class ChangeLog {
  readonly #keep: number;
  /** Changes beyond those that are kept before they are deleted together. */
  readonly #loose: number;
  readonly #insert: StatementSyncInstance;
  readonly #compact: StatementSyncInstance;
  readonly #page: StatementSyncInstance;
  readonly #ends: StatementSyncInstance;
  #oldest: number;

  /** @param keep how many changes stay at least */
  constructor(db: DatabaseSyncInstance, keep = keptChanges) {
    this.#keep = keep;
    this.#loose = Math.ceil(keep / 10);
    this.#insert = db.prepare('INSERT INTO changes VALUES (?, ?, ?, ?)');
    this.#compact = db.prepare('DELETE FROM changes WHERE first + count <= ?');
    this.#page = db.prepare(
      `SELECT first, at, body FROM changes
       WHERE first >= (SELECT coalesce(max(first), 0) FROM changes WHERE first <= ?) ORDER BY first`,
    );
    this.#ends = db.prepare(
      `SELECT (SELECT min(first) FROM changes) AS oldest,
              (SELECT first + count - 1 FROM changes ORDER BY first DESC LIMIT 1) AS last`,
    );
    this.#oldest = this.#readEnds().oldest;
  }

  /** The number of the last change, 0 when there is none. */
  get last(): number {
    return this.#readEnds().last;
  }

  /**
   * Enters the changes of one transaction, which the caller has begun.
   * @param changes numbered one after the other
   * @param runs what of the same transaction is written together
   */
  append(changes: readonly NumberedChange[], runs: readonly RuleRun[] = []): void {
    const first = changes[0];
    if (first === undefined) return;
    let number = first.number;
    for (const { texts, count } of rowsOf(writtenAll(changes, runs))) {
      this.#insert.run(number, count, first.at, `[${texts.join(',')}]`);
      number += count;
    }
    const last = number - 1;
    if (last - this.#oldest < this.#keep + this.#loose) return;
    this.#compact.run(last - this.#keep + 1);
    this.#oldest = last - this.#keep + 1;
  }

  /** At most so many of the changes after the one with this number. */
  page(after: number, limit: number): ChangePage {
    const { oldest, last } = this.#readEnds();
    const changes: NumberedChange[] = [];
    if (after >= last) return { changes, oldest, last };
    for (const row of this.#page.iterate(after + 1)) {
      const { first, at, body } = row as { first: number; at: number; body: string };
      let number = first - 1;
      for (const change of readAll(JSON.parse(body) as unknown[])) {
        if (++number <= after) continue;
        changes.push({ number, at, change });
        if (changes.length === limit) return { changes, oldest, last };
      }
    }
    return { changes, oldest, last };
  }

  /** Where compaction has cut a row in two is not told: the row is there as a whole. */
  #readEnds(): { oldest: number; last: number } {
    const { oldest, last } = this.#ends.get() as { oldest: number | null; last: number | null };
    return { oldest: oldest ?? 1, last: last ?? 0 };
  }
}

/** Changes as JSON: as many as `count`. */
interface Written {
  readonly text: string;
  readonly count: number;
}

/**
 * The changes as JSON texts. The creation of a run of rules is one: in a bulk load a text each would be twice the bytes of the
 * rules themselves.
 */
function* writtenAll(changes: readonly NumberedChange[], runs: readonly RuleRun[]): Generator<Written> {
  const runsByFirst = new Map(runs.filter(({ pays }) => pays).map((run) => [run.first, run]));
  for (let at = 0; at < changes.length; ) {
    const { change } = changes[at] as NumberedChange;
    const run = isRuleChange(change) ? runsByFirst.get(change.rule) : undefined;
    if (run !== undefined && isCreation(run, changes, at)) {
      yield { text: writtenRun(run), count: run.rules.length };
      at += run.rules.length;
    } else {
      yield { text: JSON.stringify(written(change)), count: 1 };
      at++;
    }
  }
}

/** What is written in one row each: no more than a run may be, since a row is read as a whole. */
function* rowsOf(all: Iterable<Written>): Generator<{ texts: string[]; count: number }> {
  let row = { texts: [] as string[], count: 0 };
  for (const { text, count } of all) {
    if (row.count > 0 && row.count + count > longestRun) {
      yield row;
      row = { texts: [], count: 0 };
    }
    row.texts.push(text);
    row.count += count;
  }
  if (row.count > 0) yield row;
}

/** Whether the changes from there on are that the rules of the run were created, by those whom the rules name. */
function isCreation({ rules }: RuleRun, changes: readonly NumberedChange[], from: number): boolean {
  return rules.every((rule, index) => {
    const change = changes[from + index]?.change;
    return change?.kind === 'created' && change.rule === rule && change.by === rule.origin;
  });
}

function writtenRun({ first, side, addresses }: RuleRun): string {
  return `{"created":${JSON.stringify(ruleColumns(first))},"side":"${side}","addresses":${addresses}}`;
}

/** Changes of rules are arrays, which take half the room of objects. */
function written(change: RecordedChange): unknown {
  if (!isRuleChange(change)) return change;
  return [ruleChangeKinds.indexOf(change.kind), change.by, ...ruleColumns(change.rule)];
}

function* readAll(values: readonly unknown[]): Generator<RecordedChange> {
  for (const value of values) {
    if (Array.isArray(value)) yield readChange(value);
    else if (isRun(value)) yield* readRun(value);
    // All else was written as it is.
    else yield value as RecordedChange;
  }
}

function readChange([kind, by, ...columns]: readonly unknown[]): RecordedChange {
  return { kind: ruleChangeKinds[Number(kind)] ?? 'updated', rule: readRule(columns), by: String(by) };
}

interface WrittenRun {
  readonly created: readonly unknown[];
  readonly side: RunSide;
  readonly addresses: readonly string[];
}

function isRun(value: unknown): value is WrittenRun {
  return typeof value === 'object' && value !== null && 'created' in value;
}

function* readRun({ created, side, addresses }: WrittenRun): Generator<RecordedChange> {
  const first = readRule(created);
  for (const [index, address] of addresses.entries()) {
    const rule = { ...first, seq: first.seq + index, [side]: parsePrefix(address) };
    yield { kind: 'created', rule, by: first.origin };
  }
}
