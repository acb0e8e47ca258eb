import type { Command } from 'commander';
import type { AddedWhitelistEntry, WhitelistEntry } from '../api-types.ts';
import { change } from '../changes.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { harmless, table } from '../output/table.ts';
import type { Run } from '../program.ts';
import { type Outcome, outcomeOf, type Session } from '../session.ts';

/** `whitelist`: the addresses that nothing may block. */
export function addWhitelistCommands(program: Command, run: Run): void {
  const whitelist = program.command('whitelist').description('the addresses that nothing may block');
  whitelist
    .command('ls')
    .description('list its entries; those of the file can only be changed there')
    .action(run((session) => list(session)));
  whitelist
    .command('add <entry...>')
    .description('add addresses, networks or ranges (a-b), and take out the rules that block them')
    .option('--reason <text>', 'why, for whoever looks later')
    .action(run((session, entries: string[], { reason }: { reason?: string }) => add(session, entries, reason)));
  whitelist
    .command('rm <entry...>')
    .description('remove entries that were added here')
    .action(run((session, entries: string[]) => remove(session, entries)));
}

function list(session: Session): Promise<ExitCode> {
  return session.each(async (api) => {
    const { items } = await api.call('listWhitelist');
    const columns = [
      { title: 'ENTRY', cell: ({ entry }: WhitelistEntry) => entry },
      {
        title: 'FROM',
        cell: ({ from, origin }: WhitelistEntry) => (from === 'file' ? 'file' : harmless(origin ?? '')),
      },
      { title: 'WHY', cell: ({ comment }: WhitelistEntry) => harmless(comment) },
    ];
    const text = items.length === 0 ? 'No entries\n' : table(columns, items, session.output.width);
    return { exit: exitCodes.done, value: items, text };
  });
}

function add(session: Session, entries: readonly string[], comment: string | undefined): Promise<ExitCode> {
  return session.each(async (api, target): Promise<Outcome> => {
    const added: AddedWhitelistEntry[] = [];
    for (const entry of entries) {
      const body = { entry, ...(comment !== undefined && { comment }) };
      added.push((await change(session, api, target, 'addWhitelistEntry', { body })).value);
    }
    const verb = session.dryRun ? 'Would be whitelisted' : 'Whitelisted';
    const lines = added.flatMap(({ entry, displaced, displacedCount }) => [
      `${verb} ${entry}`,
      ...displaced.map(({ id, comment: why }) =>
        `  ${session.dryRun ? 'would take' : 'took'} out ${id} ${harmless(why)}`.trimEnd(),
      ),
      ...(displacedCount > displaced.length ? [`  and ${displacedCount - displaced.length} more rules`] : []),
    ]);
    return outcomeOf(session, added, lines);
  });
}

function remove(session: Session, entries: readonly string[]): Promise<ExitCode> {
  return session.each(async (api, target): Promise<Outcome> => {
    const removed: WhitelistEntry[] = [];
    for (const entry of entries)
      removed.push((await change(session, api, target, 'removeWhitelistEntry', { query: { entry } })).value);
    const verb = session.dryRun ? 'Would be removed' : 'Removed';
    return outcomeOf(
      session,
      removed,
      removed.map(({ entry }) => `${verb} ${entry}`),
    );
  });
}
