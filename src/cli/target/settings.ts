import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { usageFailure } from '../failure.ts';
import type { Credentials } from './endpoint.ts';

/** Daemons and credentials under a name. */
export interface ContextSettings extends Credentials {
  /** Each as `parseEndpoint` reads it; none is the daemon of this machine. */
  readonly hosts?: readonly string[];
}

/** What `~/.config/rfw/config.json` holds. */
export interface ClientSettings {
  /** The context that is used when none is named. */
  readonly current?: string;
  readonly contexts: Readonly<Record<string, ContextSettings>>;
  /** Hosts under a name, for `--group`. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
}

const empty: ClientSettings = { contexts: {}, groups: {} };

/** Where the settings are: `RFW_CONFIG`, or in the folder for configuration of the user (XDG Base Directory). */
export function settingsFile(env: NodeJS.ProcessEnv): string {
  const folder = env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config');
  return env['RFW_CONFIG'] || join(folder, 'rfw', 'config.json');
}

/**
 * Reads the settings; there are none where there is no file.
 * @throws Failure `usage` when others may read the file, which has passwords, or it isn't what it should be
 */
export function readSettings(file: string): ClientSettings {
  let text: string;
  try {
    if ((statSync(file).mode & 0o077) !== 0)
      throw usageFailure(`Others may read ${file}, and it has credentials in it: chmod 600 ${file}`);
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return empty;
    throw error instanceof Error && 'exit' in error ? error : usageFailure(`${(error as Error).message}`, error);
  }
  return parseSettings(text, file);
}

/** Writes the settings, for the user alone, as a whole or not at all. @throws Failure `usage` */
export function writeSettings(file: string, settings: ClientSettings): void {
  const aside = `${file}.${process.pid}.new`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(aside, `${JSON.stringify(settings, null, 2)}\n`, { mode: 0o600 });
    // A mask may have taken more away, and a file that was there keeps its mode.
    chmodSync(aside, 0o600);
    renameSync(aside, file);
  } catch (error) {
    throw usageFailure(`Could not write ${file}: ${(error as Error).message}`, error);
  }
}

function parseSettings(text: string, file: string): ClientSettings {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw usageFailure(`${file} is not JSON: ${(error as Error).message}`, error);
  }
  const settings = { ...empty, ...objectOf(value, file, 'all of it') } as ClientSettings;
  if (settings.current !== undefined && typeof settings.current !== 'string') throw wrong(file, 'current', 'a text');
  for (const [name, context] of Object.entries(objectOf(settings.contexts, file, 'contexts'))) {
    const where = `contexts.${name}`;
    for (const [key, given] of Object.entries(objectOf(context, file, where))) {
      if (key === 'hosts') requireTexts(given, file, `${where}.hosts`);
      else if (!contextTexts.has(key))
        throw wrong(file, `${where}.${key}`, `one of hosts, ${[...contextTexts].join(', ')}`);
      else if (typeof given !== 'string') throw wrong(file, `${where}.${key}`, 'a text');
    }
  }
  for (const [name, hosts] of Object.entries(objectOf(settings.groups, file, 'groups')))
    requireTexts(hosts, file, `groups.${name}`);
  return settings;
}

const contextTexts = new Set(['token', 'user', 'password', 'cacert', 'cert', 'key']);

function objectOf(value: unknown, file: string, where: string): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw wrong(file, where, 'an object');
}

function requireTexts(value: unknown, file: string, where: string): void {
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return;
  throw wrong(file, where, 'a list of texts');
}

function wrong(file: string, where: string, expected: string): Error {
  return usageFailure(`In ${file} ${where} must be ${expected}`);
}
