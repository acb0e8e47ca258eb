import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type ExitCode, exitCodes, Failure, usageFailure } from '../failure.ts';
import { table } from '../output/table.ts';
import type { Run } from '../program.ts';
import type { Session } from '../session.ts';
import { formatEndpoint, parseEndpoint } from '../target/endpoint.ts';
import {
  type ClientSettings,
  type ContextSettings,
  readSettings,
  settingsFile,
  writeSettings,
} from '../target/settings.ts';

/** `context`: daemons and credentials under a name, and groups of hosts. */
export function addContextCommands(program: Command, run: Run): void {
  const context = program.command('context').description('hosts and credentials under a name, for --context');
  context
    .command('ls')
    .description('list them; * is the one in use')
    .action(run(async (session) => list(session)));
  context
    .command('set <name>')
    .description(
      'make or change one by the options of where to and as whom, --host, --user, --token, --cacert, --cert, --key',
    )
    .action(run(async (session, name: string) => set(session, name)));
  context
    .command('use <name>')
    .description('take it wherever none is named')
    .action(run(async (session, name: string) => use(session, name)));
  context
    .command('rm <name>')
    .description('forget it')
    .action(run(async (session, name: string) => remove(session, 'contexts', name)));
  const group = program.command('group').description('hosts under a name, for --group');
  group
    .command('ls')
    .description('list them')
    .action(run(async (session) => listGroups(session)));
  group
    .command('set <name> <host...>')
    .description('make or change one')
    .action(run(async (session, name: string, hosts: string[]) => setGroup(session, name, hosts)));
  group
    .command('rm <name>')
    .description('forget it')
    .action(run(async (session, name: string) => remove(session, 'groups', name)));
}

function read(session: Session): ClientSettings {
  return readSettings(settingsFile(session.env));
}

function write(session: Session, settings: ClientSettings, message: string): ExitCode {
  if (session.dryRun) {
    session.output.note(`Would write ${settingsFile(session.env)}`);
    return exitCodes.done;
  }
  writeSettings(settingsFile(session.env), settings);
  session.output.note(message);
  return exitCodes.done;
}

interface Row extends ContextSettings {
  readonly name: string;
  readonly current: boolean;
}

function list(session: Session): ExitCode {
  const { contexts, current } = read(session);
  const rows = Object.entries(contexts).map(([name, context]) => ({
    name,
    current: name === current,
    ...hidden(context),
  }));
  const { output } = session;
  if (output.isJson) output.items(rows);
  else if (rows.length === 0) output.data('No contexts\n');
  else {
    const columns = [
      { title: ' ', cell: (row: Row) => (row.current ? '*' : '') },
      { title: 'NAME', cell: ({ name }: Row) => name },
      { title: 'HOSTS', cell: ({ hosts = [] }: Row) => hosts.join(' ') || 'this machine' },
      { title: 'AS', cell: ({ user, token, cert }: Row) => user ?? token ?? cert ?? '' },
    ];
    output.data(table(columns, rows, output.width));
  }
  return exitCodes.done;
}

/** A context that can be shown: its secrets only so far that they are told from others. */
function hidden({ password, token, ...rest }: ContextSettings): ContextSettings {
  return {
    ...rest,
    ...(password !== undefined && { password: '…' }),
    ...(token !== undefined && { token: `${token.slice(0, 8)}…` }),
  };
}

function set(session: Session, name: string): ExitCode {
  requireName(name);
  const settings = read(session);
  const { host, socket, user, token, cacert, cert, key } = session.given;
  const [, account = user, password] = /^([^:]*):(.*)$/s.exec(user ?? '') ?? [];
  const hosts = [...(socket === undefined ? [] : [socket]), ...(host ?? [])].map((text) =>
    formatEndpoint(parseEndpoint(text)),
  );
  const path = (file: string | undefined): string | undefined => (file === undefined ? undefined : resolve(file));
  const given = {
    hosts: hosts.length === 0 ? undefined : hosts,
    ...{ user: account, password, token },
    ...{ cacert: path(cacert), cert: path(cert), key: path(key) },
  };
  const changed = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  if (Object.keys(changed).length === 0)
    throw usageFailure(
      'Say what is in the context: --host, --user, --token, --cacert, --cert and --key, before or after the name',
    );
  const contexts = { ...settings.contexts, [name]: { ...settings.contexts[name], ...changed } };
  const isFirst = Object.keys(settings.contexts).length === 0;
  const next = isFirst ? { ...settings, current: name, contexts } : { ...settings, contexts };
  return write(
    session,
    next,
    `The context ${name} is kept${isFirst ? ', and in use' : `: rfwc context use ${name} takes it`}`,
  );
}

function use(session: Session, name: string): ExitCode {
  const settings = read(session);
  if (!Object.hasOwn(settings.contexts, name)) throw missing('context', name);
  return write(session, { ...settings, current: name }, `The context ${name} is in use`);
}

function remove(session: Session, kind: 'contexts' | 'groups', name: string): ExitCode {
  const settings = read(session);
  const word = kind.slice(0, -1);
  if (!Object.hasOwn(settings[kind], name)) throw missing(word, name);
  const { [name]: _, ...left } = settings[kind] as Readonly<Record<string, never>>;
  const { current, ...rest } = settings;
  const wasCurrent = kind === 'contexts' && current === name;
  const next = { ...rest, ...(current !== undefined && !wasCurrent && { current }), [kind]: left };
  const after = wasCurrent ? ': it was in use, and now the daemon of this machine is asked' : '';
  return write(session, next, `The ${word} ${name} is forgotten${after}`);
}

function listGroups(session: Session): ExitCode {
  const { groups } = read(session);
  const rows = Object.entries(groups).map(([name, hosts]) => ({ name, hosts }));
  const { output } = session;
  if (output.isJson) output.items(rows);
  else if (rows.length === 0) output.data('No groups\n');
  else
    output.data(
      table(
        [
          { title: 'NAME', cell: ({ name }) => name },
          { title: 'HOSTS', cell: ({ hosts }) => hosts.join(' ') },
        ],
        rows,
        output.width,
      ),
    );
  return exitCodes.done;
}

function setGroup(session: Session, name: string, hosts: readonly string[]): ExitCode {
  requireName(name);
  const settings = read(session);
  const group = hosts.map((host) => formatEndpoint(parseEndpoint(host)));
  return write(session, { ...settings, groups: { ...settings.groups, [name]: group } }, `The group ${name} is kept`);
}

function requireName(name: string): void {
  if (/^[A-Za-z0-9][\w.-]{0,63}$/.test(name) && name !== '__proto__') return;
  throw usageFailure(`"${name}" is not a name: letters, digits, ., _ and -`);
}

function missing(kind: string, name: string): Failure {
  return new Failure(exitCodes.negative, `There is no ${kind} ${name}`);
}
