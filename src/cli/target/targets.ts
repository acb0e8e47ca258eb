import { existsSync, readFileSync } from 'node:fs';
import { usageFailure } from '../failure.ts';
import { type Credentials, type Endpoint, formatEndpoint, parseEndpoint, type Target } from './endpoint.ts';
import { type ClientSettings, type ContextSettings, readSettings, settingsFile } from './settings.ts';

/** What the command line says about whom to ask, and as whom. */
export interface TargetOptions {
  readonly host?: readonly string[];
  readonly hosts?: string;
  readonly group?: readonly string[];
  readonly context?: string;
  readonly socket?: string;
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly user?: string;
  readonly token?: string;
}

const usualSocket = '/run/rfw/rfw.sock';

/**
 * The daemons that a command is for, each once: those of the command line, else of the environment, else of the context, else
 * the one of this machine. Credentials are looked for in the same order, each for itself.
 * @throws Failure `usage`
 */
export function targetsOf(options: TargetOptions, env: NodeJS.ProcessEnv): readonly Target[] {
  const settings = readSettings(settingsFile(env));
  const context = contextOf(settings, options.context ?? env['RFW_CONTEXT']);
  const credentials = credentialsOf(options, env, context);
  const endpoints = endpointsOf(options, env, settings, context);
  const named = new Map(endpoints.map((endpoint) => [formatEndpoint(endpoint), endpoint]));
  return [...named].map(([name, endpoint]) => {
    // Whoever may use the socket is an administrator already; a password would be sent for nothing.
    const asWhom = endpoint.kind === 'socket' ? (credentials.token ? { token: credentials.token } : {}) : credentials;
    if (endpoint.kind === 'http' && !isLoopback(endpoint.hostname) && Object.keys(asWhom).length > 0)
      throw usageFailure(`${name} is not encrypted, and others would read the credentials: ask by https`);
    return { name, endpoint, credentials: asWhom };
  });
}

function endpointsOf(
  options: TargetOptions,
  env: NodeJS.ProcessEnv,
  settings: ClientSettings,
  context: ContextSettings,
): readonly Endpoint[] {
  const groups = (options.group ?? []).flatMap((name) => {
    const hosts = settings.groups[name];
    if (hosts === undefined) throw usageFailure(`There is no group ${name}: ${known(Object.keys(settings.groups))}`);
    return hosts;
  });
  const fromFile = options.hosts === undefined ? [] : hostsIn(options.hosts);
  const socket = options.socket === undefined ? [] : [options.socket];
  const asked = [...socket, ...(options.host ?? []), ...fromFile, ...groups];
  if (asked.length > 0) return asked.map(parseEndpoint);
  if (options.hosts !== undefined || options.group !== undefined) throw usageFailure('No host is named there');
  // A context of the command line is nearer than the environment.
  const ofEnvironment = options.context === undefined ? (env['RFW_HOST'] ?? env['RFW_SOCKET'] ?? '') : '';
  const hosts = ofEnvironment === '' ? (context.hosts ?? []) : ofEnvironment.split(/[\s,]+/).filter(Boolean);
  return hosts.length > 0 ? hosts.map(parseEndpoint) : [here()];
}

/** The daemon of this machine: its socket where there is one, else its local server. */
function here(): Endpoint {
  return existsSync(usualSocket)
    ? { kind: 'socket', path: usualSocket }
    : { kind: 'http', hostname: '127.0.0.1', port: 7390 };
}

function contextOf({ contexts, current }: ClientSettings, asked: string | undefined): ContextSettings {
  const name = asked ?? current;
  if (name === undefined) return {};
  const context = contexts[name];
  if (context !== undefined) return context;
  throw usageFailure(`There is no context ${name}: ${known(Object.keys(contexts))}`);
}

function known(names: readonly string[]): string {
  return names.length === 0 ? 'none is made yet (rfwc context set)' : `there are ${names.join(', ')}`;
}

function credentialsOf(options: TargetOptions, env: NodeJS.ProcessEnv, context: ContextSettings): Credentials {
  const [user, password] = parted(options.user ?? env['RFW_USER'] ?? context.user);
  const token = options.token ?? env['RFW_TOKEN'];
  // Whoever names a user doesn't mean the token of the context.
  const tokenOfContext = options.user === undefined && env['RFW_USER'] === undefined ? context.token : undefined;
  const given = {
    token: token ?? tokenOfContext,
    user,
    password: password ?? env['RFW_PASSWORD'] ?? (context.user === user ? context.password : undefined),
    cacert: options.cacert ?? env['RFW_CACERT'] ?? context.cacert,
    cert: options.cert ?? env['RFW_CERT'] ?? context.cert,
    key: options.key ?? env['RFW_KEY'] ?? context.key,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** `name:password` in its parts. */
function parted(user: string | undefined): readonly [user: string | undefined, password: string | undefined] {
  const [, name, password] = /^([^:]*):(.*)$/s.exec(user ?? '') ?? [];
  return name === undefined ? [user, undefined] : [name, password];
}

/** The hosts of a file: one a line, `#` begins a comment. */
function hostsIn(file: string): readonly string[] {
  try {
    const text = readFileSync(file === '-' ? 0 : file, 'utf8');
    return text.split('\n').flatMap((line) => line.replace(/#.*/, '').trim().split(/\s+/).filter(Boolean));
  } catch (error) {
    throw usageFailure(`Could not read the hosts: ${(error as Error).message}`, error);
  }
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '::1' || /^127\./.test(hostname);
}
