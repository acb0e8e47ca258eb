import type { DatabaseSyncInstance, StatementSyncInstance } from '@photostructure/sqlite';
import type { Rule } from '../../domain/rule.ts';
import { groups } from './groups.ts';
import { ruleColumns } from './rows.ts';
import { type RuleRun, runsOf } from './rule-runs.ts';
import type { Mutation } from './store.ts';

/** What a transaction has written into the table of rules. */
export interface Written {
  /** The rules that are new. */
  readonly runs: readonly RuleRun[];
  /** The highest place in the order among them; 0 when there are none. */
  readonly lastSeq: number;
}

/** The table `rules`. It is written within a transaction that the caller has begun. */
export class RuleTable {
  readonly #insert: StatementSyncInstance;
  readonly #insertRun: Readonly<Record<RuleRun['side'], StatementSyncInstance>>;
  readonly #update: StatementSyncInstance;
  readonly #delete: StatementSyncInstance;

  constructor(db: DatabaseSyncInstance) {
    this.#insert = db.prepare('INSERT INTO rules VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
    // All columns are those of the first rule, but for the place in the order, which is counted on, and one address.
    const run = (source: string, destination: string): StatementSyncInstance =>
      db.prepare(
        `INSERT INTO rules SELECT ?1 + key, ?2, ?3, ?4, ?5, ${source}, ${destination}, ?8, ?9, ?10, ?11 FROM json_each(?12)`,
      );
    this.#insertRun = { source: run('value', '?7'), destination: run('?6', 'value') };
    this.#update = db.prepare(
      'UPDATE rules SET expires_at = ?, comment = ? WHERE seq IN (SELECT value FROM json_each(?))',
    );
    this.#delete = db.prepare('DELETE FROM rules WHERE seq IN (SELECT value FROM json_each(?))');
  }

  /** Writes mutations in their order, those that follow one another and are alike together. */
  write(mutations: readonly Mutation[]): Written {
    const written: RuleRun[] = [];
    for (const { kind, rules } of byKind(mutations)) {
      if (kind === 'delete') this.#delete.run(placesOf(rules));
      else if (kind === 'update') this.#updateAll(rules);
      else for (const run of runsOf(rules)) written.push(this.#insertAll(run));
    }
    return { runs: written, lastSeq: written.reduce((last, { rules }) => Math.max(last, rules.at(-1)?.seq ?? 0), 0) };
  }

  #updateAll(rules: readonly Rule[]): void {
    for (const alike of groups(rules, (a, b) => a.expiresAt === b.expiresAt && a.comment === b.comment)) {
      const [{ expiresAt, comment }] = alike;
      this.#update.run(expiresAt, comment, placesOf(alike));
    }
  }

  #insertAll(run: RuleRun): RuleRun {
    if (run.pays) this.#insertRun[run.side].run(...ruleColumns(run.first), run.addresses);
    else for (const rule of run.rules) this.#insert.run(...ruleColumns(rule));
    return run;
  }
}

/** The places of rules in the order, as a JSON array. */
function placesOf(rules: readonly Rule[]): string {
  return `[${rules.map(({ seq }) => seq).join(',')}]`;
}

interface OfOneKind {
  readonly kind: Mutation['kind'];
  readonly rules: readonly Rule[];
}

/** The rules of mutations that follow one another and are of one kind. */
function byKind(mutations: readonly Mutation[]): OfOneKind[] {
  return groups(mutations, (a, b) => a.kind === b.kind).map((group) => ({
    kind: group[0].kind,
    rules: group.map(({ rule }) => rule),
  }));
}
