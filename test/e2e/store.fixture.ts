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

/** Reads all stored rules: when each ends, by what it says, as the kernel is read too. */
export function storedExpiries(stateDir: string): Map<string, number | null> {
  const db = new DatabaseSync(join(stateDir, 'rfw.db'), { readOnly: true, timeout: 5000 });
  try {
    const key = `action || ' ' || chain || ' ' || "in" || ' ' || "out" || ' ' || source || ' ' || destination`;
    const rows = db.prepare(`SELECT ${key} AS key, expires_at FROM rules`).all();
    return new Map((rows as { key: string; expires_at: number | null }[]).map((row) => [row.key, row.expires_at]));
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
