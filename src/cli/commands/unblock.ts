import type { Command } from 'commander';
import type { Api } from '../api.ts';
import type { CountedRule } from '../api-types.ts';
import { change } from '../changes.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import type { Run } from '../program.ts';
import { namedOrRead, prefixOf, shortOf } from '../reading.ts';
import { allRules } from '../rules.ts';
import type { Outcome, Session } from '../session.ts';
import type { Target } from '../target/endpoint.ts';
import { type MatchOptions, optionsOfMatch } from './match.ts';

/** `unblock`: takes out what blocks an address. */
export function addUnblockCommand(program: Command, run: Run): void {
  const command = program
    .command('unblock <address...>')
    .description(
      'take out the drop and reject rules of just these addresses or networks, and say what else blocks them; - reads them from standard input',
    );
  optionsOfMatch(command, undefined).action(
    run((session, addresses: string[], options: MatchOptions) => unblock(session, addresses, options)),
  );
}

async function unblock(session: Session, names: readonly string[], options: MatchOptions): Promise<ExitCode> {
  const prefixes = (await namedOrRead(names, 'addresses')).map(prefixOf);
  return session.each(async (api, target) => {
    const rules = (await Promise.all(prefixes.map((prefix) => rulesOf(api, prefix, options)))).flat();
    const unique = [...new Map(rules.map((rule) => [rule.id, rule])).values()];
    const deleted = await take(session, api, target, unique);
    const left = session.dryRun ? [] : await stillBlocked(api, prefixes);
    for (const { sentence } of left) session.output.error(sentence);
    const value = { deleted: deleted.map(({ id }) => id), blocked: left.map(({ address }) => address) };
    const exit = left.length > 0 ? exitCodes.negative : exitCodes.done;
    return { exit, value, text: textOf(session, deleted) };
  });
}

/** The rules that block just this prefix. */
async function rulesOf(api: Api, prefix: string, { chain, in: into, out, to }: MatchOptions): Promise<CountedRule[]> {
  const query = { within: prefix, counters: false, ...(chain !== undefined && { chain }) };
  const other = to === undefined ? undefined : prefixOf(to);
  const found: CountedRule[] = [];
  for await (const rule of allRules(api, query)) {
    const own = rule.source === 'any' ? rule.destination : rule.source;
    if (rule.action === 'accept' || own !== prefix) continue;
    if (into !== undefined && rule.in !== into) continue;
    if (out !== undefined && rule.out !== out) continue;
    if (other === undefined || rule.destination === other) found.push(rule);
  }
  return found;
}

async function take(
  session: Session,
  api: Api,
  target: Target,
  rules: readonly CountedRule[],
): Promise<readonly CountedRule[]> {
  if (rules.length === 0) return [];
  const items = rules.map(({ action, chain, in: into, out, source, destination }) => ({
    ...{ op: 'delete' as const, action, chain },
    ...(into !== 'any' && { in: into }),
    ...(out !== 'any' && { out }),
    ...(source !== 'any' && { source }),
    ...(destination !== 'any' && { destination }),
  }));
  await change(session, api, target, 'batchRules', { body: { mode: 'atomic', items } });
  return rules;
}

interface StillBlocked {
  readonly address: string;
  readonly sentence: string;
}

/** What is blocked all the same, by a wider rule or a list. Asked of so few that nobody waits for it. */
async function stillBlocked(api: Api, prefixes: readonly string[]): Promise<readonly StillBlocked[]> {
  const hosts = prefixes.map(shortOf).filter((host) => !host.includes('/'));
  const checks = await Promise.all(
    hosts.slice(0, 20).map((ip) => api.call('check', { query: { ip, chain: 'input' } })),
  );
  return checks.flatMap(({ ip, packets }) => {
    const blocked = packets.find(({ verdict }) => verdict === 'drop' || verdict === 'reject');
    return blocked === undefined ? [] : [{ address: ip, sentence: `${ip} is still blocked: ${blocked.sentence}` }];
  });
}

function textOf(session: Session, rules: readonly CountedRule[]): Outcome['text'] {
  if (session.output.quiet) return '';
  if (rules.length === 0) return 'Nothing to take out\n';
  const verb = session.dryRun ? 'Would take out' : 'Took out';
  return rules.map(({ id, comment }) => `${verb} ${id}${comment === '' ? '' : ` (${comment})`}\n`).join('');
}
