import type { Command } from 'commander';
import type { Change } from '../api-types.ts';
import { changesOf } from '../events.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import type { Style } from '../output/style.ts';
import { harmless } from '../output/table.ts';
import { formatSeconds } from '../output/time.ts';
import { counted } from '../output/words.ts';
import { countOf, type Run } from '../program.ts';
import { shortOf } from '../reading.ts';
import { placeOf } from '../rule-text.ts';
import type { Session } from '../session.ts';
import type { Target } from '../target/endpoint.ts';

interface WatchOptions {
  readonly since?: number;
  readonly count?: number;
}

/** `watch`: what changes, as it does. */
export function addWatchCommand(program: Command, run: Run): void {
  program
    .command('watch')
    .description('say what changes, as it does: rules, lists and the whitelist')
    .option('--since <number>', 'begin with the change after that number', countOf(0))
    .option('--count <n>', 'end after so many changes of a host', countOf(1))
    .action(run((session, options: WatchOptions) => watch(session, options)));
}

async function watch(session: Session, { since, count = Number.POSITIVE_INFINITY }: WatchOptions): Promise<ExitCode> {
  const follow = (target: Target): Promise<void> =>
    session.with(target, async (api) => {
      const after = since ?? (await api.call('listChanges', { query: { since: 0, limit: 1 } })).last;
      let left = count;
      for await (const change of changesOf(session, api, after)) {
        tell(session, target, change);
        if (--left === 0) return;
      }
    });
  await Promise.all(session.targets.map(follow));
  return exitCodes.done;
}

function tell({ output, targets }: Session, { name }: Target, change: Change): void {
  const several = targets.length > 1;
  // A stream has no end, and so can't be one JSON document.
  if (output.isJson) output.data(`${JSON.stringify(several ? { host: name, ...change } : change)}\n`);
  else output.data(`${several ? `${output.style.bold(name)}  ` : ''}${lineOf(change, output.style)}\n`);
}

/** A change in a line. */
export function lineOf(change: Change, style: Style): string {
  const time = new Date(change.at).toTimeString().slice(0, 8);
  return `${style.dim(time)}  ${sentenceOf(change, style)} ${style.dim(`by ${harmless(change.by)}`)}`;
}

function sentenceOf({ kind, at, rule, list, entry, rules }: Change, style: Style): string {
  if (rule !== undefined) {
    const { action, source, destination, expiresAt, comment } = rule;
    const verb = verbs[kind] ?? kind;
    const color = kind === 'rule-created' && action !== 'accept' ? style.bad : style.good;
    const time = expiresAt === null ? '' : ` for ${formatSeconds((Date.parse(expiresAt) - Date.parse(at)) / 1000)}`;
    const lasts = kind === 'rule-created' || kind === 'rule-updated' ? time : '';
    const why = comment === '' ? '' : ` (${harmless(comment)})`;
    const address = style.bold(shortOf(source === 'any' ? destination : source));
    return `${color(verb)} ${action} ${address} on ${placeOf(rule)}${lasts}${why}`;
  }
  if (kind === 'flushed') return style.warn(`flushed ${counted(rules ?? 0, 'rule')} and all lists`);
  return `${style.warn(kind.replace('-', ' '))} ${harmless(list ?? entry ?? '')}`;
}

const verbs: Partial<Readonly<Record<Change['kind'], string>>> = {
  'rule-created': 'put',
  'rule-updated': 'changed',
  'rule-deleted': 'deleted',
  'rule-expired': 'expired',
  'rule-displaced': 'displaced by the whitelist',
};
