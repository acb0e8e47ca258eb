import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Limits, Scope, Token, TokenRequest } from '../api-types.ts';
import { change } from '../changes.ts';
import { millisecondsOf } from '../duration.ts';
import { type ExitCode, exitCodes, Failure } from '../failure.ts';
import { harmless, table } from '../output/table.ts';
import { formatAge, formatRest } from '../output/time.ts';
import { durationOf, type Run } from '../program.ts';
import { outcomeOf, type Session } from '../session.ts';

const scopes = [
  'rules:read',
  'rules:write',
  'rules:write:any',
  'lists:read',
  'lists:write',
  'whitelist:write',
  'audit:read',
  'metrics:read',
  'admin',
] as const satisfies readonly Scope[];

interface CreateOptions {
  readonly scope: readonly Scope[];
  readonly action?: Limits['actions'];
  readonly chain?: Limits['chains'];
  readonly shortestPrefix?: Limits['shortestPrefix'];
  readonly longest?: string;
  readonly rate?: Limits['rate'];
  readonly client?: readonly string[];
  readonly for?: string;
}

/** `token`: what others may do, and with which secret. */
export function addTokenCommands(program: Command, run: Run): void {
  const token = program.command('token').description('tokens with which others may do just what each needs');
  token
    .command('ls')
    .description('list them')
    .action(run((session) => list(session)));
  token
    .command('create <name>')
    .description('make one, and write it to standard output: it is shown this once')
    .addOption(new Option('--scope <scope...>', 'what it may').choices(scopes).makeOptionMandatory())
    .addOption(new Option('--action <action...>', 'only these').choices(['drop', 'reject', 'accept']))
    .addOption(new Option('--chain <chain...>', 'only in these').choices(['input', 'output', 'forward']))
    .option('--shortest-prefix <lengths>', 'nothing wider, in IPv4 and IPv6: 24/48', lengthsOf)
    .option('--longest <time>', 'nothing that lasts longer', durationOf)
    .option('--rate <n/burst>', 'so many requests a second, and so many at once after a pause: 5/50', rateOf)
    .option('--client <address...>', 'only from these addresses and networks')
    .option('--for <time>', 'how long it can be used', durationOf)
    .action(run((session, name: string, options: CreateOptions) => create(session, name, options)));
  token
    .command('revoke <token...>')
    .description('take tokens back, by name or id')
    .action(run((session, names: string[]) => revoke(session, names)));
}

function lengthsOf(text: string): Limits['shortestPrefix'] {
  const [, four, six] = /^(\d{1,2})\/(\d{1,3})$/.exec(text) ?? [];
  if (four !== undefined && six !== undefined) return { 4: Number(four), 6: Number(six) };
  throw new InvalidArgumentError('It must be two lengths, of IPv4 and of IPv6: 24/48.');
}

function rateOf(text: string): Limits['rate'] {
  const [, perSecond, burst] = /^(\d+(?:\.\d+)?)\/(\d+)$/.exec(text) ?? [];
  if (perSecond !== undefined && burst !== undefined) return { perSecond: Number(perSecond), burst: Number(burst) };
  throw new InvalidArgumentError('It must be requests a second, and at once: 5/50.');
}

function list(session: Session): Promise<ExitCode> {
  return session.each(async (api) => {
    const { items } = await api.call('listTokens');
    const now = Date.now();
    const columns = [
      { title: 'NAME', cell: ({ name }: Token) => harmless(name) },
      { title: 'SCOPES', cell: (each: Token) => each.scopes.join(' ') },
      { title: 'EXPIRES IN', cell: ({ expiresAt }: Token) => formatRest(expiresAt, now), right: true },
      { title: 'USED', cell: ({ lastUsedAt }: Token) => (lastUsedAt === null ? 'never' : formatAge(lastUsedAt, now)) },
      { title: 'FROM', cell: ({ clients }: Token) => clients.join(' ') || 'anywhere' },
      { title: 'ID', cell: ({ id }: Token) => id },
    ];
    const text = items.length === 0 ? 'No tokens\n' : table(columns, items, session.output.width);
    return { exit: exitCodes.done, value: items, text };
  });
}

function create(session: Session, name: string, options: CreateOptions): Promise<ExitCode> {
  const body = requestOf(name, options);
  return session.each(async (api, target) => {
    const { value } = await change(session, api, target, 'createToken', { body });
    const secret = 'token' in value ? value.token : undefined;
    if (secret === undefined) session.output.note(`${name} could be made`);
    else session.output.note(`Keep it now: it is not shown again. RFW_TOKEN has rfwc use it`);
    return { exit: exitCodes.done, value, text: secret === undefined ? '' : `${secret}\n` };
  });
}

function requestOf(name: string, options: CreateOptions): TokenRequest {
  const { scope, action, chain, shortestPrefix, longest, rate, client, for: time } = options;
  const limits: Limits = {
    ...(action && { actions: action }),
    ...(chain && { chains: chain }),
    ...(shortestPrefix && { shortestPrefix }),
    ...(longest !== undefined && { longestTtl: millisecondsOf(longest) / 1000 }),
    ...(rate && { rate }),
  };
  return {
    name,
    scopes: scope,
    limits,
    ...(client && { clients: client }),
    ...(time !== undefined && { expiresAt: new Date(Date.now() + millisecondsOf(time)).toISOString() }),
  };
}

function revoke(session: Session, names: readonly string[]): Promise<ExitCode> {
  return session.each(async (api, target) => {
    const { items } = await api.call('listTokens');
    const tokens = names.map((name) => {
      const found = items.find((token) => token.name === name || token.id === name);
      if (found === undefined)
        throw new Failure(exitCodes.negative, `There is no token ${name}: rfwc token ls lists them`);
      return found;
    });
    for (const { id } of tokens) await change(session, api, target, 'revokeToken', { params: { id } });
    const verb = session.dryRun ? 'Would be revoked' : 'Revoked';
    return outcomeOf(
      session,
      tokens,
      tokens.map(({ name }) => `${verb} ${harmless(name)}`),
    );
  });
}
