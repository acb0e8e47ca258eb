import { join } from 'node:path';
import { version } from '../domain/version.ts';
import { SqliteStore } from '../engine/store/sqlite.ts';
import type { Store } from '../engine/store/store.ts';
import type { Config } from './config.ts';

/** Where the rules are kept. Those that were only tried out in memory are kept apart, and so never get into a kernel. */
export function stateFolder(config: Config): string {
  return config.backend === 'memory' ? join(config.stateDir, 'memory') : config.stateDir;
}

/** The file that they are in. */
export function storeFile(config: Config): string {
  return join(stateFolder(config), 'rfw.db');
}

/** Opens the store of the configuration. @throws RfwError `state-in-use`, `store-failed` */
export function openStore(config: Config): Store {
  return new SqliteStore(stateFolder(config), `rfw ${version}`, { keep: config.auditKeep, limit: config.auditLimit });
}
