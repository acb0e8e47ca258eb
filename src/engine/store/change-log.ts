import type { DatabaseSyncInstance, StatementSyncInstance } from '@photostructure/sqlite';
import {
  type ChangePage,
  isRuleChange,
  type NumberedChange,
  type RecordedChange,
  ruleChangeKinds,
} from '../changes.ts';
import { readRule, ruleColumns } from './rows.ts';

/** One row for all changes of a transaction: a row each would double the time of a bulk load. */
export const changeLogSchema = `CREATE TABLE changes (
     first INTEGER PRIMARY KEY,
     count INTEGER NOT NULL,
     at INTEGER NOT NULL,
     body TEXT NOT NULL
   ) STRICT;`;

/** How many changes are kept at least. */
export const keptChanges = 100_000;

/** Changes beyond those that are kept before they are deleted together. */
const looseChanges = 10_000;

/** The recorded changes, numbered without gaps; the oldest are deleted when there are many. */
export class ChangeLog {
  readonly #keep: number;
  readonly #insert: StatementSyncInstance;
  readonly #compact: StatementSyncInstance;
  readonly #page: StatementSyncInstance;
  readonly #ends: StatementSyncInstance;
  #oldest: number;

  /** @param keep how many changes stay at least */
  constructor(db: DatabaseSyncInstance, keep = keptChanges) {
    this.#keep = keep;
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
   * @param changes not empty, numbered one after the other
   */
  append(changes: readonly NumberedChange[]): void {
    const first = changes[0];
    if (first === undefined) return;
    const body = JSON.stringify(changes.map(({ change }) => written(change)));
    this.#insert.run(first.number, changes.length, first.at, body);
    const last = first.number + changes.length - 1;
    if (last - this.#oldest < this.#keep + looseChanges) return;
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
      for (const [index, text] of (JSON.parse(body) as unknown[]).entries()) {
        const number = first + index;
        if (number <= after) continue;
        changes.push({ number, at, change: read(text) });
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

/** Changes of rules are arrays, which take half the room of objects. */
function written(change: RecordedChange): unknown {
  if (!isRuleChange(change)) return change;
  return [ruleChangeKinds.indexOf(change.kind), change.by, ...ruleColumns(change.rule)];
}

function read(value: unknown): RecordedChange {
  // What isn't an array was written as it is.
  if (!Array.isArray(value)) return value as RecordedChange;
  const [kind, by, ...columns] = value as [number, string, ...unknown[]];
  return { kind: ruleChangeKinds[kind] ?? 'updated', rule: readRule(columns), by };
}
