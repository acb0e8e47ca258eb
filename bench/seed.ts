import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { readClock, systemClock } from '../src/engine/clock.ts';
import { SqliteStore } from '../src/engine/store/sqlite.ts';
import { ruleOf } from './addresses.ts';
import type { Context } from './context.ts';

/** Rules in a transaction. */
const transaction = 50_000;

/**
 * A state folder with a million rules, as a daemon would have left it before the machine was restarted. Written once a run and copied after that.
 * @returns the folder for `state.dir`
 */
export async function seededState({ folder, installation, million, backend, say }: Context): Promise<string> {
  const template = join(folder, 'seed');
  if (!existsSync(template)) {
    say(`writing ${million} rules into a store`);
    const store = new SqliteStore(template);
    const now = Date.now();
    for (let first = 0; first < million; first += transaction) {
      const length = Math.min(transaction, million - first);
      await store.append(Array.from({ length }, (_, index) => ({ kind: 'insert', rule: ruleOf(first + index, now) })));
    }
    // From an earlier start of the machine: with one of this the missing table would be somebody's doing, and reported.
    await store.moveExpiries(0, { ...readClock(systemClock), bootId: 'earlier' });
    await store.close();
  }
  const state = installation.fresh('state');
  // The daemon keeps what was only tried out in memory in a folder of its own.
  cpSync(template, backend === 'memory' ? join(state, 'memory') : state, { recursive: true });
  return state;
}
