import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { parseRoles, type Roles } from '../api/access/certificates.ts';
import type { Credentials } from '../api/credentials.ts';
import { formatAddress, parseAddress } from '../domain/address.ts';
import { parseDuration } from '../domain/duration.ts';
import { RfwError, reasonOf } from '../domain/errors.ts';
import type { ListLimits } from '../domain/list-entries.ts';
import { groupId, type LoginConfig, parseBlock, parseFailures } from './access-values.ts';
import { type IniEntry, parseIni } from './ini.ts';
import { listKeys, listLimitsOf } from './list-values.ts';

export const backendChoices = ['auto', 'iptables', 'nftables', 'memory'] as const;
export type BackendChoice = (typeof backendChoices)[number];

/** Which rules count what they meet: all, none, or so many that the kernel doesn't suffer from it. */
const counterChoices = ['auto', 'on', 'off'] as const;
export type CounterChoice = (typeof counterChoices)[number];

/** The configuration file, checked and with all defaults filled in. */
export interface Config {
  readonly file: string;
  readonly outward: OutwardConfig | undefined;
  readonly local: LocalConfig | undefined;
  readonly socket: SocketConfig | undefined;
  readonly logins: LoginConfig;
  /** How long an address is blocked that fails to log in too often. Seconds. */
  readonly block: number;
  readonly nonRestful: boolean;
  /** Set whenever a server asks for them. */
  readonly credentials: Credentials | undefined;
  /** Seconds; 0 is permanent. */
  readonly defaultExpire: number;
  readonly whitelistFile: string;
  readonly backend: BackendChoice;
  readonly iptablesPath: string;
  /** Whether nftables counts packets and bytes for each rule. */
  readonly nftablesCounters: CounterChoice;
  /** Whether reject answers TCP with a reset, where the backend is nftables. */
  readonly rejectTcpReset: boolean;
  readonly stateDir: string;
  readonly listLimits: ListLimits;
  /** Seconds that an entry of the audit log is kept; 0 is for ever. */
  readonly auditKeep: number;
  /** How many entries it has at most; 0 is any number. */
  readonly auditLimit: number;
}

export interface OutwardConfig {
  readonly port: number;
  /** The address to listen on. */
  readonly ip: string;
  readonly certfile: string;
  readonly keyfile: string;
  /** Undefined when clients aren't asked for a certificate. */
  readonly certificates: CertificateConfig | undefined;
}

/** Which certificates of clients count, and for what. */
export interface CertificateConfig {
  readonly authority: string;
  readonly roles: Roles;
}

export interface LocalConfig {
  readonly port: number;
  readonly authentication: boolean;
}

/** The socket for programs on this host. */
export interface SocketConfig {
  readonly path: string;
  /** Whether the path stands in the file. */
  readonly chosen: boolean;
  /** A gid; undefined is that of the daemon. */
  readonly group: number | undefined;
}

const knownKeys = [
  'outward.server',
  'outward.server.port',
  'outward.server.ip',
  'outward.server.certfile',
  'outward.server.keyfile',
  'outward.server.clientca',
  'outward.server.clientroles',
  'local.server',
  'local.server.port',
  'local.server.authentication',
  'non.restful',
  'auth.username',
  'auth.password',
  'auth.failures',
  'auth.block',
  'socket.path',
  'socket.group',
  'default.expire',
  'whitelist.file',
  'firewall.backend',
  'iptables.path',
  'nftables.counters',
  'reject.tcp.reset',
  'state.dir',
  ...listKeys,
  'audit.keep',
  'audit.limit',
] as const;
type Key = (typeof knownKeys)[number];

/**
 * Reads a configuration file.
 * @throws RfwError `config-invalid`: one message with file, line and what is allowed
 */
export function loadConfig(file: string): Config {
  return parseConfig(readText(file, 'the configuration file', '. rfw --init writes a first one'), file);
}

/** The text of a file. @param hint what to do when there is none @throws RfwError `config-invalid` */
export function readText(file: string, what: string, hint = ''): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new RfwError('config-invalid', `Could not read ${what} ${file}: ${reasonOf(error)}${hint}`, { cause: error });
  }
}

/** As `loadConfig`, from text. @param file where the text stands: paths in it are looked up from there */
export function parseConfig(text: string, file: string): Config {
  const settings = new KeyReader(parseIni(text, file), file);
  const outward = settings.flag('outward.server')
    ? {
        port: settings.value('outward.server.port', '7393', port),
        ip: settings.value('outward.server.ip', '0.0.0.0', ip),
        certfile: settings.file('outward.server.certfile'),
        keyfile: settings.file('outward.server.keyfile'),
        certificates: settings.has('outward.server.clientca')
          ? {
              authority: settings.file('outward.server.clientca'),
              roles: settings.value('outward.server.clientroles', undefined, parseRoles),
            }
          : undefined,
      }
    : undefined;
  const local = settings.flag('local.server')
    ? {
        port: settings.value('local.server.port', '7390', port),
        authentication: settings.flag('local.server.authentication'),
      }
    : undefined;
  const socket = socketOf(settings, file);
  if (outward === undefined && local === undefined && socket?.chosen !== true) {
    throw new RfwError(
      'config-invalid',
      `${file}: no server is on. Allowed: outward.server, local.server, socket.path, or several`,
    );
  }
  if (outward !== undefined && outward.port === local?.port) {
    throw settings.error('local.server.port', `= ${local.port}: outward.server.port is the same; the servers need two`);
  }
  if (settings.has('outward.server.clientroles') && !settings.has('outward.server.clientca')) {
    throw settings.error(
      'outward.server.clientroles',
      'needs outward.server.clientca, the authority of the certificates',
    );
  }
  const asks = outward !== undefined || local?.authentication === true;
  return {
    file,
    outward,
    local,
    socket,
    logins: settings.value('auth.failures', '10/10m', parseFailures),
    block: settings.value('auth.block', '1h', parseBlock),
    nonRestful: settings.flag('non.restful'),
    credentials: asks
      ? {
          username: settings.value('auth.username', undefined, username),
          password: settings.value('auth.password', undefined, notEmpty),
        }
      : undefined,
    defaultExpire: settings.value('default.expire', '24h', parseDuration),
    whitelistFile: settings.file('whitelist.file'),
    backend: settings.value('firewall.backend', 'auto', backendChoice),
    iptablesPath: settings.value('iptables.path', 'iptables', notEmpty),
    nftablesCounters: settings.value('nftables.counters', 'auto', counterChoice),
    rejectTcpReset: settings.flag('reject.tcp.reset'),
    stateDir: settings.value('state.dir', '/var/lib/rfw', (text) => resolve(dirname(file), notEmpty(text))),
    listLimits: listLimitsOf((key, fallback, parse) => settings.value(key, fallback, parse)),
    auditKeep: settings.value('audit.keep', '90d', parseDuration),
    auditLimit: settings.value('audit.limit', '1000000', count),
  };
}

function socketOf(settings: KeyReader, file: string): SocketConfig | undefined {
  const path = settings.value('socket.path', '/run/rfw/rfw.sock', notEmpty);
  const group = settings.has('socket.group') ? settings.value('socket.group', undefined, groupId) : undefined;
  if (path.toLowerCase() === 'off') return undefined;
  return { path: resolve(dirname(file), path), chosen: settings.has('socket.path'), group };
}

/** Reads the values of keys, and says what is wrong with them. */
class KeyReader {
  readonly #entries: ReadonlyMap<string, IniEntry>;
  readonly #file: string;

  constructor(entries: ReadonlyMap<string, IniEntry>, file: string) {
    this.#entries = entries;
    this.#file = file;
    for (const [key, { line }] of entries) {
      if (!(knownKeys as readonly string[]).includes(key)) {
        throw new RfwError(
          'config-invalid',
          `${file}, line ${line}: unknown key ${key}. Allowed: ${knownKeys.join(', ')}`,
        );
      }
    }
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  /** A flag is on when its key stands in the file, alone. */
  flag(key: Key): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    if (entry.value === null) return true;
    throw this.error(key, 'is a flag. Allowed: the key alone on its line turns it on; remove the line to turn it off');
  }

  value<T>(key: Key, fallback: string | undefined, parse: (text: string) => T): T {
    const text = this.#entries.has(key) ? this.#entries.get(key)?.value : fallback;
    if (text === null) throw this.error(key, `needs a value: ${key} = …`);
    if (text === undefined) throw this.error(key, `is missing: add a line "${key} = …"`);
    try {
      return parse(text);
    } catch (error) {
      throw this.error(key, `= ${text}: ${reasonOf(error)}`);
    }
  }

  /** The path of a file that exists: relative ones are looked up beside the configuration, then, as in 2014, from here. */
  file(key: Key): string {
    return this.value(key, undefined, (text) => {
      const candidates = isAbsolute(text) ? [text] : [resolve(dirname(this.#file), text), resolve(text)];
      const found = candidates.find((candidate) => existsSync(candidate));
      if (found !== undefined) return found;
      const hint = key.startsWith('outward.')
        ? '. Make keys and certificates with rfwgen, see config/deploy/README.md'
        : '';
      throw new RfwError('config-invalid', `there is no such file${hint}`);
    });
  }

  /** An error that names the line of the key. */
  error(key: Key, problem: string): RfwError {
    const line = this.#entries.get(key)?.line;
    return new RfwError(
      'config-invalid',
      `${this.#file}${line === undefined ? '' : `, line ${line}`}: ${key} ${problem}`,
    );
  }
}

function port(text: string): number {
  const number = Number(text);
  if (/^\d{1,5}$/.test(text) && number >= 1 && number <= 65_535) return number;
  throw new RfwError('config-invalid', 'it must be a number from 1 to 65535');
}

function count(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new RfwError('config-invalid', 'it must be a number of at most nine digits; 0 is no limit');
}

function ip(text: string): string {
  return formatAddress(parseAddress(text));
}

function notEmpty(text: string): string {
  if (text !== '') return text;
  throw new RfwError('config-invalid', 'it must not be empty');
}

/** Basic authentication puts a colon after the name (RFC 7617). */
function username(text: string): string {
  if (!text.includes(':')) return notEmpty(text);
  throw new RfwError('config-invalid', 'it must not contain a colon');
}

function counterChoice(text: string): CounterChoice {
  const choice = counterChoices.find((candidate) => candidate === text.toLowerCase());
  if (choice) return choice;
  throw new RfwError('config-invalid', `it must be one of ${counterChoices.join(', ')}`);
}

function backendChoice(text: string): BackendChoice {
  const choice = backendChoices.find((candidate) => candidate === text.toLowerCase());
  if (choice) return choice;
  throw new RfwError('config-invalid', `it must be one of ${backendChoices.join(', ')}`);
}
