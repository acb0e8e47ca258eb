import type { Command } from 'commander';
import type { Api } from '../api.ts';
import type { Change, CountedRule } from '../api-types.ts';
import { changesOf } from '../events.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import type { Style } from '../output/style.ts';
import { type Column, harmless, table } from '../output/table.ts';
import { formatAge, formatRest } from '../output/time.ts';
import { countOf, type Run } from '../program.ts';
import { shortOf } from '../reading.ts';
import { placeOf } from '../rule-text.ts';
import { allRules } from '../rules.ts';
import type { Session } from '../session.ts';
import { type FilterOptions, filterOf, optionsOfFilter } from './filter.ts';

interface ListOptions extends FilterOptions {
  readonly limit: number;
  readonly all?: true;
  readonly watch?: true;
}

/** From a change until a table that is watched is drawn again, in milliseconds: somebody is to read it. */
const drawing = 500;

/** `ls`: the rules that stand. */
export function addListCommand(program: Command, run: Run): void {
  const command = program.command('ls').description('list rules, newest first');
  optionsOfFilter(command)
    .option('--limit <n>', 'how many at most', countOf(1), 1000)
    .option('--all', 'all of them, however many')
    .option('-w, --watch', 'go on, and show what changes as it does')
    .action(run((session, options: ListOptions) => (options.watch ? watch(session, options) : list(session, options))));
}

async function list(session: Session, options: ListOptions): Promise<ExitCode> {
  return session.each(async (api) => {
    const { rules, more } = await read(api, options);
    if (more) session.output.note(`The first ${rules.length}: --all shows all of them`);
    return { exit: exitCodes.done, value: rules, text: tableOf(session, rules) };
  });
}

async function read(api: Api, options: ListOptions): Promise<{ rules: readonly CountedRule[]; more: boolean }> {
  const most = options.all ? Number.POSITIVE_INFINITY : options.limit;
  const rules: CountedRule[] = [];
  // One more than is shown tells whether there are more.
  for await (const rule of allRules(api, filterOf(options), most + 1)) rules.push(rule);
  return { rules: rules.slice(0, most), more: rules.length > most };
}

function tableOf({ output }: Session, rules: readonly CountedRule[]): string {
  if (rules.length === 0) return output.quiet ? '' : 'No rules\n';
  return table(columnsOf(output.style, output.format === 'wide', Date.now()), rules, output.width);
}

function columnsOf(style: Style, wide: boolean, now: number): readonly Column<CountedRule>[] {
  const count = (value: number | undefined): string => (value === undefined ? '-' : String(value));
  return [
    { title: 'ADDRESS', cell: ({ source, destination }) => shortOf(source === 'any' ? destination : source) },
    { title: 'ACTION', cell: ({ action }) => (action === 'accept' ? style.good(action) : style.bad(action)) },
    { title: 'WHERE', cell: placeOf },
    { title: 'EXPIRES IN', cell: ({ expiresAt }) => formatRest(expiresAt, now), right: true },
    { title: 'PACKETS', cell: ({ counters }) => count(counters?.packets), right: true },
    ...(wide ? [{ title: 'BYTES', cell: ({ counters }: CountedRule) => count(counters?.bytes), right: true }] : []),
    ...(wide ? [{ title: 'SINCE', cell: ({ createdAt }: CountedRule) => formatAge(createdAt, now), right: true }] : []),
    { title: 'WHO', cell: ({ origin }) => harmless(origin) },
    { title: 'WHY', cell: ({ comment }) => harmless(comment) },
    ...(wide ? [{ title: 'ID', cell: ({ id }: CountedRule) => id }] : []),
  ];
}

/** On a terminal the table is drawn again when something has changed; elsewhere what has changed follows it. */
async function watch(session: Session, options: ListOptions): Promise<ExitCode> {
  const { output } = session;
  return session.with(session.single, async (api) => {
    const live = output.width !== undefined && !output.isJson;
    const draw = async (): Promise<void> => {
      const { rules } = await read(api, options);
      if (live) output.data(`\u001b[H\u001b[2J${tableOf(session, rules)}`);
      else if (output.isJson) output.items(rules);
      else output.data(tableOf(session, rules));
    };
    const { last } = await api.call('listChanges', { query: { since: 0, limit: 1 } });
    await draw();
    let isDue = false;
    for await (const change of changesOf(session, api, last)) {
      if (!live) tell(session, change);
      if (!live || isDue) continue;
      isDue = true;
      setTimeout(() => {
        isDue = false;
        draw().catch((error: Error) => output.error(error.message));
      }, drawing);
    }
    return exitCodes.done;
  });
}

function tell({ output }: Session, change: Change): void {
  if (output.isJson) output.json(change);
  else output.data(`${change.kind}  ${change.rule?.id ?? change.list ?? change.entry ?? ''}\n`);
}
