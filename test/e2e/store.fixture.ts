import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';

/** A rule as it is stored. */
export interface StoredRule {
  readonly source: string;
  /** Milliseconds since the epoch; null is never. */
  readonly expires_at: number | null;
}

/** Reads the stored rules of one family, as an operator does while rfw runs, in the order in which a packet meets them. */
export function storedRules(stateDir: string, family: 4 | 6): StoredRule[] {
  const db = new DatabaseSync(join(stateDir, 'rfw.db'), { readOnly: true, timeout: 5000 });
  try {
    const rows = db.prepare('SELECT source, expires_at FROM rules ORDER BY seq DESC').all() as StoredRule[];
    return rows.filter(({ source }) => source.includes(':') === (family === 6));
  } finally {
    db.close();
  }
}

/** Changes the database as an operator does with sqlite3 while rfw doesn't run. */
export function changeStored(stateDir: string, statement: string): void {
  const db = new DatabaseSync(join(stateDir, 'rfw.db'));
  try {
    db.exec(statement);
  } finally {
    db.close();
  }
}
