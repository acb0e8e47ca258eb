import type { Command } from 'commander';
import { change } from '../changes.ts';
import { type ExitCode, exitCodes, usageFailure } from '../failure.ts';
import { counted } from '../output/words.ts';
import type { Run } from '../program.ts';
import { outcomeOf, type Session } from '../session.ts';

interface FlushOptions {
  readonly lists?: true;
  readonly yes?: true;
}

/** How long the question waits for its answer, in milliseconds. */
const patience = 120_000;

/** `flush`: deletes all rules. */
export function addFlushCommand(program: Command, run: Run): void {
  program
    .command('flush')
    .description(
      'delete all rules, after a question; rfw --flush on the host takes the guard and the whitelist out too',
    )
    .option('--lists', 'all lists too')
    .option('-y, --yes', 'without a question')
    .action(run((session, options: FlushOptions) => flush(session, options)));
}

async function flush(session: Session, options: FlushOptions): Promise<ExitCode> {
  const lists = options.lists === true;
  if (options.yes !== true && !session.dryRun && !(await isMeant(session, lists))) return exitCodes.negative;
  return session.each(async (api, target) => {
    const { deleted, refused } = (await change(session, api, target, 'deleteRules', { query: { all: true } })).value;
    const names = lists ? (await api.call('listLists', { query: { limit: 1000 } })).items.map(({ name }) => name) : [];
    for (const name of names) await change(session, api, target, 'deleteList', { params: { name } });
    const verb = session.dryRun ? 'Would delete' : 'Deleted';
    const left = Object.entries(refused).map(([code, count]) => `Left ${counted(count, 'rule')}: ${code}`);
    const told = outcomeOf(session, { deleted, refused, lists: names }, [
      `${verb} ${counted(deleted, 'rule')}${lists ? ` and ${counted(names.length, 'list')}` : ''}`,
      ...left,
    ]);
    return { ...told, exit: left.length > 0 ? exitCodes.partly : exitCodes.done };
  });
}

async function isMeant(session: Session, lists: boolean): Promise<boolean> {
  const where = session.targets.map(({ name }) => name).join(', ');
  const text = `Delete all rules${lists ? ' and all lists' : ''} of ${where}? y deletes them: `;
  const answer = await session.ask({ text, patience });
  if (answer === undefined) throw usageFailure('Nobody is there to ask: --yes deletes all rules without a question');
  return /^y(?:es)?$/i.test(answer.trim());
}
