import type { Command } from 'commander';
import type { Api } from '../api.ts';
import type { Action, RuleChange, RuleInput } from '../api-types.ts';
import { sendBatch } from '../batch.ts';
import { type Changed, change } from '../changes.ts';
import { type ExitCode, exitCodes, Failure, usageFailure } from '../failure.ts';
import { formatRest } from '../output/time.ts';
import { lifetimeOf, type Run } from '../program.ts';
import { namedOrRead, prefixOf, shortOf } from '../reading.ts';
import { placeOf } from '../rule-text.ts';
import type { Outcome, Session } from '../session.ts';
import type { Target } from '../target/endpoint.ts';
import { type MatchOptions, optionsOfMatch } from './match.ts';

interface PutOptions extends MatchOptions {
  readonly for?: string;
  readonly reason?: string;
}

/** What is said of what has been done. */
const done: Readonly<Record<Action, string>> = { drop: 'Blocked', reject: 'Rejected', accept: 'Allowed' };

/** `block`, `reject` and `allow`: rules on addresses. */
export function addPutCommands(program: Command, run: Run): void {
  const add = (name: string, action: Action, description: string): void => {
    const command = program
      .command(`${name} <address...>`)
      .description(`${description}; - reads addresses from standard input`)
      .option('--for <time>', 'how long: 90s, 10m, 12h, 7d, or permanent; otherwise what rfw.conf says', lifetimeOf)
      .option('--reason <text>', 'why, for whoever looks later');
    optionsOfMatch(command, 'input').action(
      run((session, addresses: string[], options: PutOptions) => put(session, action, addresses, options)),
    );
  };
  add('block', 'drop', 'drop packets of addresses or networks, silently');
  add('reject', 'reject', 'refuse packets of addresses or networks, and tell the sender so');
  add('allow', 'accept', 'let packets of addresses or networks through, whatever else is blocked');
}

async function put(session: Session, action: Action, names: readonly string[], options: PutOptions): Promise<ExitCode> {
  const inputs = (await namedOrRead(names, 'addresses')).map((name) => inputOf(action, prefixOf(name), options));
  const [first, another] = inputs;
  if (first === undefined) throw usageFailure('Name an address');
  if (another === undefined) return session.each((api, target) => putOne(session, api, target, first));
  const content = Buffer.from(inputs.map((input) => `${JSON.stringify(input)}\n`).join(''));
  return session.each((api, target) => sendBatch(session, api, target, { content, items: inputs.length }));
}

/** A rule on an address: the one of the other side, as seen from this host. */
function inputOf(action: Action, address: string, options: PutOptions): RuleInput {
  const { chain = 'input', to, in: into, out, for: ttl, reason } = options;
  if (to !== undefined && chain !== 'forward')
    throw usageFailure('--to is for --chain forward: both ends are others there');
  return {
    action,
    chain,
    ...(chain === 'output' ? { destination: address } : { source: address }),
    ...(to !== undefined && { destination: prefixOf(to) }),
    ...(into !== undefined && { in: into }),
    ...(out !== undefined && { out }),
    ...(ttl !== undefined && { ttl }),
    ...(reason !== undefined && { comment: reason }),
  };
}

async function putOne(session: Session, api: Api, target: Target, body: RuleInput): Promise<Outcome> {
  const { value, confirmation } = await putNamed(session, api, target, body);
  return {
    exit: exitCodes.done,
    value: { ...value, ...(confirmation !== undefined && { confirmation }) },
    text: session.output.quiet ? '' : `${sentenceOf(session, value)}\n`,
  };
}

/** A refusal says by itself not which address it is about. */
async function putNamed(session: Session, api: Api, target: Target, body: RuleInput): Promise<Changed<'putRule'>> {
  try {
    return await change(session, api, target, 'putRule', { body });
  } catch (error) {
    if (!(error instanceof Failure) || error.exit !== exitCodes.refused) throw error;
    const name = shortOf(body.source ?? body.destination ?? '');
    throw new Failure(error.exit, `${name}: ${error.message}`, {
      cause: error,
      ...(error.code && { code: error.code }),
    });
  }
}

function sentenceOf(session: Session, { status, rule }: RuleChange): string {
  const { style } = session.output;
  const address = rule.chain === 'output' ? rule.destination : rule.source;
  const time = rule.expiresAt === null ? 'for good' : `for ${formatRest(rule.expiresAt, Date.now())}`;
  const verb = session.dryRun ? `Would be ${done[rule.action].toLowerCase()}` : done[rule.action];
  const already = { created: '', updated: ', as it was, but for its time or reason', exists: ', as it was' }[
    status as 'created' | 'updated' | 'exists'
  ];
  const name = style.bold(shortOf(address));
  return `${verb} ${name} on ${placeOf(rule)} ${time}${already}`;
}
