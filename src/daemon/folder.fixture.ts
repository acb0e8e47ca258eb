import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino, { type Logger } from 'pino';
import { onTestFinished } from 'vitest';
import { generate } from '../certs/generation.ts';
import { parseSubjectNames } from '../certs/subject.ts';

/** A folder with a configuration, which goes when the test ends. */
export interface Folder {
  readonly path: string;
  /** The path of a file in it. */
  at(name: string): string;
  /** Writes a file. @returns its path */
  write(name: string, text: string): string;
  /** Writes `rfw.conf`: the lines, after the section's. @returns its path */
  config(...lines: string[]): string;
  /** Makes key and certificate of a server on 127.0.0.1 under `server_127.0.0.1/`, their authority in `client/ca.crt`. */
  certify(): Promise<void>;
}

/** A new folder that has a whitelist. */
export function makeFolder(whitelist = '127.0.0.0/8\n::1\n'): Folder {
  const path = mkdtempSync(join(tmpdir(), 'rfw-daemon-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  const at = (name: string): string => join(path, name);
  const write = (name: string, text: string): string => {
    writeFileSync(at(name), text);
    return at(name);
  };
  write('white.list', whitelist);
  const names = parseSubjectNames('127.0.0.1', []);
  return {
    path,
    at,
    write,
    config: (...lines) => write('rfw.conf', ['[config]', ...lines, ''].join('\n')),
    certify: async () => {
      await generate({ names, algorithm: 'ecdsa', days: 2, force: true }, { directory: path, now: new Date() });
    },
  };
}

/** A port that is free on both loopback addresses. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await tryPort(0, '127.0.0.1');
    if (port !== undefined && (await tryPort(port, '::1')) === port) return port;
  }
}

/** Listens for a moment. @returns the port; undefined when it is taken */
function tryPort(port: number, host: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(undefined));
    server.listen(port, host, () => {
      const address = server.address();
      const bound = address === null || typeof address === 'string' ? undefined : address.port;
      server.close(() => resolve(bound));
    });
  });
}

/** One line of a log. */
export type Entry = Readonly<Record<string, unknown>> & { readonly level: string; readonly msg: string };

/** A log that is kept. */
export function makeLog(): { readonly log: Logger; readonly entries: Entry[]; lines(): string[] } {
  const entries: Entry[] = [];
  const formatters = { level: (level: string) => ({ level }) };
  const log = pino(
    { level: 'debug', base: null, timestamp: false, formatters },
    { write: (line) => entries.push(JSON.parse(line)) },
  );
  return { log, entries, lines: () => entries.map(({ level, msg }) => `${level}: ${msg}`) };
}
