import type { Command } from 'commander';
import type { Confirmation } from '../api-types.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { harmless, table } from '../output/table.ts';
import { formatRest } from '../output/time.ts';
import type { Run } from '../program.ts';
import { outcomeOf, type Session } from '../session.ts';

/** `confirm`: keeps changes that were made with `--confirm`. */
export function addConfirmCommand(program: Command, run: Run): void {
  program
    .command('confirm [id...]')
    .description('keep changes that were made with --confirm; without ids list those that wait for it')
    .action(run((session, ids: string[]) => (ids.length === 0 ? list(session) : confirm(session, ids))));
}

function list(session: Session): Promise<ExitCode> {
  return session.each(async (api) => {
    const { items } = await api.call('listConfirmations');
    const columns = [
      { title: 'ID', cell: ({ id }: Confirmation) => id },
      { title: 'UNDONE IN', cell: ({ deadline }: Confirmation) => formatRest(deadline, Date.now()), right: true },
      { title: 'WHO', cell: ({ origin }: Confirmation) => harmless(origin) },
    ];
    const text = items.length === 0 ? 'Nothing waits\n' : table(columns, items, session.output.width);
    return { exit: exitCodes.done, value: items, text };
  });
}

function confirm(session: Session, ids: readonly string[]): Promise<ExitCode> {
  return session.each(async (api) => {
    for (const id of ids) await api.call('confirm', { params: { id }, fresh: true });
    return outcomeOf(
      session,
      ids.map((id) => ({ id })),
      ids.map((id) => `Confirmed ${id}: it stays`),
    );
  });
}
