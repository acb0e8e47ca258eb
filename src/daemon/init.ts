import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { formatAddress, parseAddress } from '../domain/address.ts';
import { RfwError, reasonOf } from '../domain/errors.ts';

const shipped = new URL('../../config/', import.meta.url);

/**
 * Writes a first configuration and whitelist, each only where there is none: with a random password, loopback and
 * the ssh client that the caller sits at.
 * @returns what was done and what is left to do, for people
 * @throws RfwError `config-invalid` when a file can't be written
 */
export function initialise(file: string): string {
  const configFile = resolve(file);
  const folder = dirname(configFile);
  const whitelistFile = join(folder, 'white.list');
  const client = sshClient();
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const wroteConfig = writeNew(configFile, firstConfig(whitelistFile), 0o600);
    const wroteWhitelist = writeNew(whitelistFile, firstWhitelist(client), 0o644);
    return report({ configFile, whitelistFile, wroteConfig, wroteWhitelist, client });
  } catch (error) {
    throw new RfwError('config-invalid', `Could not write a first configuration in ${folder}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

/** Writes a file that doesn't exist yet, durably. @returns whether it did */
function writeNew(file: string, text: string, mode: number): boolean {
  if (existsSync(file)) return false;
  const descriptor = openSync(file, 'wx', mode);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  syncFolder(dirname(file));
  return true;
}

/** Makes the name of a new file durable, as fsync(2) asks for. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The configuration that ships, with its own password. */
function firstConfig(whitelistFile: string): string {
  return readFileSync(new URL('rfw.conf', shipped), 'utf8')
    .replace(/^#?\s*auth\.password\s*=.*$/m, `auth.password = ${randomBytes(18).toString('base64url')}`)
    .replace(/^#?\s*auth\.username\s*=.*$/m, 'auth.username = rfw')
    .replace(/^whitelist\.file\s*=.*$/m, `whitelist.file = ${whitelistFile}`);
}

function firstWhitelist(client: string | undefined): string {
  const text = readFileSync(new URL('white.list', shipped), 'utf8');
  return client === undefined
    ? text
    : `${text.trimEnd()}\n\n# The ssh client that this file was made from\n${client}\n`;
}

/**
 * The address of the ssh client that the caller sits at, by SSH_CONNECTION (ssh(1)) of this process or, since sudo takes
 * it out of the environment, of the ones that started it.
 */
function sshClient(): string | undefined {
  for (let pid = 'self'; pid !== '0'; pid = parentOf(pid)) {
    const environment = readProc(pid, 'environ').split('\0');
    const connection = environment.find(
      (entry) => entry.startsWith('SSH_CONNECTION=') || entry.startsWith('SSH_CLIENT='),
    );
    const address = connection?.split('=')[1]?.split(' ')[0]?.replace(/%.*/, '');
    if (address !== undefined && isIP(address) !== 0) return formatAddress(parseAddress(address));
  }
  return undefined;
}

/** The process that started the process, by proc(5). */
function parentOf(pid: string): string {
  return /^PPid:\s*(\d+)$/m.exec(readProc(pid, 'status'))?.[1] ?? '0';
}

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // It ended, or belongs to somebody else.
    return '';
  }
}

interface Initialised {
  readonly configFile: string;
  readonly whitelistFile: string;
  readonly wroteConfig: boolean;
  readonly wroteWhitelist: boolean;
  readonly client: string | undefined;
}

function report({ configFile, whitelistFile, wroteConfig, wroteWhitelist, client }: Initialised): string {
  const state = (wrote: boolean): string => (wrote ? 'written' : 'was there already and is unchanged');
  return `${configFile}: ${state(wroteConfig)}
${whitelistFile}: ${state(wroteWhitelist)}${wroteWhitelist ? `, with loopback${client === undefined ? '' : ` and your ssh client ${client}`}` : ''}

Left to do
  1. Look through ${whitelistFile}: ${client === undefined && wroteWhitelist ? 'add the address you administer this host from, and ' : ''}add every client that may use rfw
  2. For clients on other hosts: make a certificate with rfwgen <address of this host>, put server.crt and server.key
     into /etc/rfw/ssl, and turn on outward.server in ${configFile}
  3. rfw --check -f ${configFile}, then rfw -f ${configFile}
`;
}
