import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { Api } from '../api.ts';
import type { BatchItem, CountedRule } from '../api-types.ts';
import { change } from '../changes.ts';
import { type ExitCode, exitCodes, Failure, usageFailure } from '../failure.ts';
import { iptablesLine } from '../formats/writers.ts';
import { type IptablesCommand, type Match, parseCommand } from '../iptables/command.ts';
import { parseScript } from '../iptables/script.ts';
import type { Run } from '../program.ts';
import { allRules } from '../rules.ts';
import { type Outcome, outcomeOf, type Session } from '../session.ts';
import { countsOf, exitOfSummary } from '../summary.ts';
import type { Target } from '../target/endpoint.ts';

/** `iptables`: the words of iptables, as far as rfw knows them. */
export function addIptablesCommand(program: Command, run: Run): void {
  program
    .command('iptables [words...]')
    .description(
      'what iptables would be told: -I, -D, -C, -S with -s, -d, -i, -o, -j and a comment; - reads a script from standard input, all or nothing. Options of rfwc stand before the word iptables',
    )
    .usage('-I INPUT -s 203.0.113.7 -i eth0 -j DROP')
    // Its words are those of another program.
    .helpOption(false)
    .action(run((session, words: string[]) => iptables(session, words)));
}

async function iptables(session: Session, words: readonly string[]): Promise<ExitCode> {
  if (words.length === 0)
    throw usageFailure('What iptables would be told is missing: -I INPUT -s 203.0.113.7 -j DROP, or - for a script');
  if (words.length === 1 && words[0] === '-') return script(session);
  const command = parseCommand(words);
  if (command.kind === 'list') return list(session, command.chain);
  if (command.kind === 'check') return session.each((api) => check(api, command.rules));
  return session.each((api, target) => write(session, api, target, itemsOf(command), []));
}

async function script(session: Session): Promise<ExitCode> {
  const lines = parseScript(await text(process.stdin));
  if (lines.length === 0) throw usageFailure('The script has no rules');
  const checked = lines.find(({ command }) => command.kind === 'check');
  if (checked !== undefined) throw usageFailure(`line ${checked.line}: -C asks, and a script changes rules`);
  const items = lines.flatMap(({ line, command }) => itemsOf(command).map((item) => ({ line, item })));
  return session.each((api, target) =>
    write(
      session,
      api,
      target,
      items.map(({ item }) => item),
      items.map(({ line }) => line),
    ),
  );
}

function itemsOf(command: IptablesCommand): readonly BatchItem[] {
  if (command.kind === 'list') return [];
  // What iptables is told stays until it is told otherwise.
  if (command.kind === 'insert') return command.rules.map((rule) => ({ ...rule, ttl: 'permanent' }));
  return command.rules.map(({ comment: _, ...rule }) => ({ op: 'delete', ...rule }));
}

/** Makes all of the changes or none, in their order and with nothing of others between them. @param lines of the script */
async function write(
  session: Session,
  api: Api,
  target: Target,
  items: readonly BatchItem[],
  lines: readonly number[],
): Promise<Outcome> {
  const content = items.map((item) => `${JSON.stringify(item)}\n`).join('');
  const raw = { type: 'application/x-ndjson', content };
  try {
    const { value } = await change(session, api, target, 'batchRules', { query: { mode: 'atomic' }, raw });
    // iptables says no more of a rule that is not there, and ends with 1.
    const exit = value.absent > 0 ? exitCodes.negative : exitOfSummary(value);
    return { ...outcomeOf(session, value, [countsOf(session.dryRun, value)]), exit };
  } catch (error) {
    throw error instanceof Failure ? atLines(error, lines) : error;
  }
}

/** The same failure by the lines of the script, of which one may be several items. */
function atLines(failure: Failure, lines: readonly number[]): Failure {
  const { exit, code, message } = failure;
  const told = message.replace(
    /^( {2}line )(\d+)/gm,
    (_, word: string, item: string) => `${word}${lines[Number(item) - 1] ?? item}`,
  );
  return new Failure(exit, told, { cause: failure, ...(code !== undefined && { code }) });
}

async function check(api: Api, rules: readonly Match[]): Promise<Outcome> {
  const standing = await Promise.all(rules.map((rule) => isStanding(api, rule)));
  const all = standing.every(Boolean);
  return { exit: all ? exitCodes.done : exitCodes.negative, value: { standing: all }, text: '' };
}

async function isStanding(
  api: Api,
  { action, chain, source = 'any', destination = 'any', in: into = 'any', out = 'any' }: Match,
): Promise<boolean> {
  const within = source === 'any' ? destination : source;
  for await (const rule of allRules(api, { action, chain, counters: false, ...(within !== 'any' && { within }) })) {
    if (rule.source === source && rule.destination === destination && rule.in === into && rule.out === out) return true;
  }
  return false;
}

function list(session: Session, chain: CountedRule['chain'] | undefined): Promise<ExitCode> {
  return session.each(async (api) => {
    const rules: CountedRule[] = [];
    for await (const rule of allRules(api, { counters: false, ...(chain !== undefined && { chain }) }))
      rules.push(rule);
    return { exit: exitCodes.done, value: rules, text: rules.map((rule) => `${iptablesLine(rule)}\n`).join('') };
  });
}
