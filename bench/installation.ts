import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run } from './process.ts';

/** Where the doors of everything that is measured listen. */
export const address = '127.0.0.1';
export const port = 7393;

const credentials = { username: 'bench', password: 'a password of the usual length' };

/**
 * rfw as a package installs it: without sources, so that a start doesn't look whether it has to build itself. Keys and
 * certificates come with it, made by rfwgen.
 */
export class Installation {
  readonly #folder: string;
  #files = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @param checkout where the program has been built */
  static async make(checkout: string, folder: string): Promise<Installation> {
    mkdirSync(folder);
    for (const part of ['bin', 'dist', 'package.json']) {
      const filter = (path: string): boolean => !(basename(path) === 'bench' && path.includes('/dist/'));
      cpSync(join(checkout, part), join(folder, part), { recursive: true, filter });
    }
    symlinkSync(join(checkout, 'node_modules'), join(folder, 'node_modules'));
    const keys = join(folder, 'keys');
    mkdirSync(keys);
    await run('sh', [
      '-c',
      'cd "$0" && exec "$1" "$2" "$3"',
      keys,
      process.execPath,
      join(folder, 'bin/rfwgen'),
      address,
    ]);
    return new Installation(folder);
  }

  get program(): string {
    return join(this.#folder, 'bin/rfw');
  }

  /** The program of the client. */
  get client(): string {
    return join(this.#folder, 'bin/rfwc');
  }

  /** Whom the daemon serves, as clients are told. */
  get userAndPassword(): string {
    return `${credentials.username}:${credentials.password}`;
  }

  /** The certificate that clients trust. */
  get authorityFile(): string {
    return join(this.#folder, 'keys/client/ca.crt');
  }

  get authorization(): string {
    return `Basic ${Buffer.from(this.userAndPassword).toString('base64')}`;
  }

  /** A path that nothing has yet, for a folder or a file. */
  fresh(label: string): string {
    return join(this.#folder, `${label}-${++this.#files}`);
  }

  /** Writes a configuration with the outward server. @returns its path */
  configure(stateDir: string, lines: readonly string[]): string {
    const folder = this.fresh('config');
    mkdirSync(folder);
    const keys = join(this.#folder, 'keys', `server_${address}`);
    const text = [
      '[config]',
      'outward.server',
      `outward.server.ip = ${address}`,
      `outward.server.port = ${port}`,
      `outward.server.certfile = ${join(keys, 'server.crt')}`,
      `outward.server.keyfile = ${join(keys, 'server.key')}`,
      `auth.username = ${credentials.username}`,
      `auth.password = ${credentials.password}`,
      'whitelist.file = white.list',
      `state.dir = ${stateDir}`,
      'socket.path = off',
      ...lines,
      '',
    ].join('\n');
    writeFileSync(join(folder, 'rfw.conf'), text);
    writeFileSync(join(folder, 'white.list'), '127.0.0.0/8\n');
    return join(folder, 'rfw.conf');
  }
}
