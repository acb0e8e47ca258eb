import { onTestFinished } from 'vitest';
import { Daemon } from './daemon.ts';
import { type Entry, type Folder, makeLog } from './folder.fixture.ts';
import { loadSettings } from './settings.ts';

/** A daemon that runs in this process until the test ends. */
export interface Running {
  readonly daemon: Daemon;
  readonly entries: readonly Entry[];
  lines(): string[];
}

/** A configuration that touches no kernel; with a second port also an outward server. */
export function memoryLines(local: number, outward?: number): string[] {
  const https = [
    'outward.server',
    `outward.server.port = ${outward}`,
    'outward.server.ip = 127.0.0.1',
    'outward.server.certfile = server_127.0.0.1/server.crt',
    'outward.server.keyfile = server_127.0.0.1/server.key',
    'auth.username = alice',
    'auth.password = secret',
  ];
  return [
    'local.server',
    `local.server.port = ${local}`,
    'default.expire = 0',
    'whitelist.file = white.list',
    'firewall.backend = memory',
    'state.dir = state',
    'socket.path = off',
    ...(outward === undefined ? [] : https),
  ];
}

/** Writes the configuration and starts a daemon with it. */
export async function startDaemon(folder: Folder, lines: readonly string[]): Promise<Running> {
  const { log, entries, lines: logLines } = makeLog();
  const daemon = await Daemon.start(loadSettings(folder.config(...lines)), log);
  // A second stop finds a closed store; then the test has stopped the daemon itself.
  onTestFinished(() => daemon.stop().catch(() => {}));
  return { daemon, entries, lines: logLines };
}

/** Status and body of an answer of the local server. */
export async function ask(
  port: number,
  method: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<string> {
  return answerOf(
    await fetch(`http://127.0.0.1:${port}${path}`, { method, headers: { ...headers, connection: 'close' } }),
  );
}

export function put(port: number, path: string): Promise<string> {
  return ask(port, 'PUT', path);
}

export async function get(url: string): Promise<string> {
  return answerOf(await fetch(url, { headers: { connection: 'close' } }));
}

async function answerOf(response: Response): Promise<string> {
  return `${response.status} ${(await response.text()).trimEnd()}`;
}
