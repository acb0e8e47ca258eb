import { type Command, Option } from 'commander';
import { type ExitCode, exitCodes } from '../failure.ts';
import { type ExportFormat, exportFormats, writerOf } from '../formats/writers.ts';
import { counted } from '../output/words.ts';
import type { Run } from '../program.ts';
import { allRules } from '../rules.ts';
import type { Session } from '../session.ts';
import { type FilterOptions, filterOf, optionsOfFilter } from './filter.ts';

interface ExportOptions extends FilterOptions {
  readonly format: ExportFormat;
}

/** Letters that are written at once. */
const pieceLength = 64 * 1024;

/** `export`: the rules, in a form that others read. */
export function addExportCommand(program: Command, run: Run): void {
  const command = program
    .command('export')
    .description('write the rules in the form of another program, newest first, as a packet meets them')
    .addOption(new Option('-f, --format <format>', 'which form').choices(exportFormats).default('plain'));
  optionsOfFilter(command).action(run((session, options: ExportOptions) => exportRules(session, options)));
}

async function exportRules(session: Session, options: ExportOptions): Promise<ExitCode> {
  const { output } = session;
  const writer = writerOf(options.format, Date.now());
  return session.with(session.single, async (api) => {
    let text = writer.head;
    let left = 0;
    for await (const rule of allRules(api, { ...filterOf(options), counters: false })) {
      const written = writer.write(rule);
      if (written === undefined) left++;
      text += written ?? '';
      if (text.length < pieceLength) continue;
      output.data(text);
      text = '';
    }
    output.data(text + writer.tail());
    if (left > 0) output.note(`${counted(left, 'rule')} left out, which ${options.format} can't express`);
    return exitCodes.done;
  });
}
