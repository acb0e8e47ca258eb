import { type Command, Option } from 'commander';
import type { Api } from '../api.ts';
import type { Action, CountedList, ListChange, ListDetail, Side } from '../api-types.ts';
import { change } from '../changes.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { collect, rangeOrReason } from '../formats/collect.ts';
import type { FormatOptions } from '../formats/readers.ts';
import { itemsOf } from '../formats/source.ts';
import { harmless, table } from '../output/table.ts';
import { formatAge, formatRest } from '../output/time.ts';
import { counted } from '../output/words.ts';
import { lifetimeOf, type Run } from '../program.ts';
import { namedOrRead } from '../reading.ts';
import { type Outcome, outcomeOf, type Session } from '../session.ts';
import { optionsOfSource } from './import.ts';
import { type MatchOptions, optionsOfMatch } from './match.ts';

interface PutOptions extends MatchOptions, FormatOptions {
  readonly badShare: number;
  readonly action?: Action;
  readonly side?: Side;
  readonly for?: string;
  readonly reason?: string;
  readonly allowEmpty?: true;
}

/** Lines of a list that are sent as one piece. */
const linesInPiece = 5000;

/** `list`: named sets of many addresses, each replaced as a whole. */
export function addListCommands(program: Command, run: Run): void {
  const list = program.command('list').description('named sets of many addresses, each replaced as a whole');
  list
    .command('ls')
    .description('list them, in the order in which a packet meets them')
    .action(run((session) => listAll(session)));
  list
    .command('show <name>')
    .description('say what a list is, and which addresses are in it')
    .action(run((session, name: string) => show(session, name)));
  const put = list
    .command('put <name> <source>')
    .description(
      'make a list, or replace it, by what a file, a URL or standard input (-) names; a new one needs --action',
    )
    .addOption(new Option('--action <action>', 'what it does').choices(['drop', 'reject', 'accept']))
    .addOption(
      new Option('--side <side>', 'which address is looked up, for --chain forward').choices(['source', 'destination']),
    )
    .option('--for <time>', 'how long it lasts: 10m, 12h, 7d, or permanent', lifetimeOf)
    .option('--reason <text>', 'why, for whoever looks later')
    .option('--allow-empty', 'also when the source names nothing');
  optionsOfMatch(optionsOfSource(put), undefined, false).action(
    run((session, name: string, source: string, options: PutOptions) => putList(session, name, source, options)),
  );
  for (const verb of ['add', 'remove'] as const) {
    list
      .command(`${verb} <name> <address...>`)
      .description(
        `${verb === 'add' ? 'add addresses to' : 'remove addresses from'} a list; - reads them from standard input`,
      )
      .action(run((session, name: string, addresses: string[]) => patch(session, verb, name, addresses)));
  }
  list
    .command('rm <name...>')
    .description('delete lists')
    .action(run((session, names: string[]) => remove(session, names)));
}

function listAll(session: Session): Promise<ExitCode> {
  return session.each(async (api) => {
    const lists: CountedList[] = [];
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const query: { limit: number; cursor?: string } = { limit: 1000, ...(cursor !== '' && { cursor }) };
      const page: { items: readonly CountedList[]; next?: string } = await api.call('listLists', { query });
      lists.push(...page.items);
      cursor = page.next;
    }
    const now = Date.now();
    const columns = [
      { title: 'NAME', cell: ({ name }: CountedList) => name },
      { title: 'ACTION', cell: ({ action }: CountedList) => action },
      { title: 'WHERE', cell: ({ chain }: CountedList) => chain },
      { title: 'ENTRIES', cell: ({ entries }: CountedList) => String(entries), right: true },
      { title: 'PACKETS', cell: ({ counters }: CountedList) => String(counters?.packets ?? '-'), right: true },
      { title: 'EXPIRES IN', cell: ({ expiresAt }: CountedList) => formatRest(expiresAt, now), right: true },
      { title: 'CHANGED', cell: ({ updatedAt }: CountedList) => formatAge(updatedAt, now), right: true },
      { title: 'WHO', cell: ({ origin }: CountedList) => harmless(origin) },
      { title: 'WHY', cell: ({ comment }: CountedList) => harmless(comment) },
    ];
    const text = lists.length === 0 ? 'No lists\n' : table(columns, lists, session.output.width);
    return { exit: exitCodes.done, value: lists, text };
  });
}

function show(session: Session, name: string): Promise<ExitCode> {
  return session.each(async (api) => {
    const { head, items } = await wholeList(api, name);
    const { next: _, items: __, ...properties } = head;
    const lines = Object.entries(properties).map(([key, value]) => {
      const text = typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? 'never');
      return `# ${key} ${harmless(text)}`;
    });
    return { exit: exitCodes.done, value: { ...properties, items }, text: `${[...lines, ...items].join('\n')}\n` };
  });
}

/** A list with all its entries, page by page. */
async function wholeList(api: Api, name: string): Promise<{ head: ListDetail; items: readonly string[] }> {
  const head = await api.call('getList', { params: { name }, query: { limit: 1000 } });
  const items = [...head.items];
  for (let cursor = head.next; cursor !== undefined; ) {
    const page: ListDetail = await api.call('getList', { params: { name }, query: { limit: 1000, cursor } });
    items.push(...page.items);
    cursor = page.next;
  }
  return { head, items };
}

async function putList(session: Session, name: string, source: string, options: PutOptions): Promise<ExitCode> {
  const content = await read(session, source, options);
  const { action, chain = action === undefined ? undefined : 'input', in: into, out, side, reason } = options;
  const given = {
    action,
    chain,
    in: into,
    out,
    side,
    comment: reason,
    ttl: options.for,
    allowEmpty: options.allowEmpty,
  };
  const query = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return session.each(async (api, target): Promise<Outcome> => {
    const raw = { type: 'text/plain', content };
    const { value } = await change(session, api, target, 'putList', { params: { name }, query, raw });
    return outcomeOf(session, value, linesOf(session, value));
  });
}

/** The entries as text, a line each. */
async function read(session: Session, source: string, options: PutOptions): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let lines: string[] = [];
  await collect(itemsOf(source, options), session.output, options.badShare, (address) => {
    const range = rangeOrReason(address);
    if (typeof range === 'string') return range;
    lines.push(`${address}\n`);
    if (lines.length < linesInPiece) return undefined;
    pieces.push(Buffer.from(lines.join('')));
    lines = [];
    return undefined;
  });
  return Buffer.concat([...pieces, Buffer.from(lines.join(''))]);
}

function linesOf(session: Session, { status, list, cut, report }: ListChange): readonly string[] {
  const merged = report !== undefined && report.merged > 0 ? `, ${report.merged} merged` : '';
  const bad = report !== undefined && report.bad > 0 ? `, ${report.bad} left out` : '';
  const left = cut === undefined || cut.entries === 0 ? [] : [cutLine(cut)];
  const would = session.dryRun ? 'would be ' : '';
  return [`${list.name}: ${would}${status}, ${counted(list.entries, 'prefix', 'prefixes')}${merged}${bad}`, ...left];
}

function cutLine({ entries, first }: NonNullable<ListChange['cut']>): string {
  const more = entries > 3 ? ', …' : '';
  return `  not enforced, since the whitelist covers them: ${counted(entries, 'prefix', 'prefixes')} (${first.slice(0, 3).join(', ')}${more})`;
}

async function patch(
  session: Session,
  verb: 'add' | 'remove',
  name: string,
  addresses: readonly string[],
): Promise<ExitCode> {
  const body = { [verb]: await namedOrRead(addresses, 'addresses') };
  return session.each(async (api, target) => {
    const { value } = await change(session, api, target, 'patchList', { params: { name }, body });
    return outcomeOf(session, value, linesOf(session, value));
  });
}

function remove(session: Session, names: readonly string[]): Promise<ExitCode> {
  return session.each(async (api, target) => {
    const deleted: ListChange[] = [];
    for (const name of names)
      deleted.push((await change(session, api, target, 'deleteList', { params: { name } })).value);
    const verb = session.dryRun ? 'would be deleted' : 'deleted';
    return outcomeOf(
      session,
      deleted,
      deleted.map(({ list }) => `${list.name}: ${verb}`),
    );
  });
}
