import { type Command, Option } from 'commander';
import { formatPrefix, prefixesOf } from '../../domain/address.ts';
import type { Action } from '../api-types.ts';
import { type Batch, sendBatch } from '../batch.ts';
import { type ExitCode, exitCodes, Failure } from '../failure.ts';
import { collect, rangeOrReason, shareOf } from '../formats/collect.ts';
import { type FormatOptions, inputFormats } from '../formats/readers.ts';
import { itemsOf } from '../formats/source.ts';
import { lifetimeOf, type Run } from '../program.ts';
import type { Session } from '../session.ts';
import { type MatchOptions, optionsOfMatch } from './match.ts';

interface ImportOptions extends MatchOptions, FormatOptions {
  readonly badShare: number;
  readonly action: Action;
  readonly for?: string;
  readonly reason?: string;
  readonly delete?: true;
}

/** Gives a command the options by which a source is read. */
export function optionsOfSource(command: Command): Command {
  return command
    .addOption(new Option('-f, --format <format>', 'what it is, where that is not seen').choices(inputFormats))
    .option('--column <name>', 'of csv: the name or number of the column with the addresses')
    .option('--path <path>', 'of json and ndjson: where the addresses are, data[].ip')
    .option('--bad-share <percent>', 'how much of it may be unreadable', shareOf, 0.05);
}

/** `import`: rules on all that a file or a URL names. */
export function addImportCommand(program: Command, run: Run): void {
  const command = program
    .command('import <source>')
    .description('block, or with --action allow, all that a file, a URL or standard input (-) names: a rule each')
    .addOption(
      new Option('--action <action>', 'what the rules do').choices(['drop', 'reject', 'accept']).default('drop'),
    )
    .option('--for <time>', 'how long, where the source does not say: 90s, 10m, 12h, 7d, or permanent', lifetimeOf)
    .option('--reason <text>', 'why, for whoever looks later')
    .option('--delete', 'take these rules out instead');
  optionsOfMatch(optionsOfSource(command), 'input', false).action(
    run((session, source: string, options: ImportOptions) => importFrom(session, source, options)),
  );
}

/** Lines that are joined at once: a text of a million would be copied again and again. */
const linesInPiece = 5000;

async function importFrom(session: Session, source: string, options: ImportOptions): Promise<ExitCode> {
  const batch = await read(session, source, options);
  if (batch.items === 0) throw new Failure(exitCodes.usage, `${source} names no address`);
  return session.each((api, target) => sendBatch(session, api, target, batch));
}

/** Reads all of it before anything is done: it may turn out to be something else than it seems. */
async function read(session: Session, source: string, options: ImportOptions): Promise<Batch> {
  const pieces: Buffer[] = [];
  let lines: string[] = [];
  let items = 0;
  const itemFor = itemWriter(options);
  await collect(itemsOf(source, options), session.output, options.badShare, (address, seconds) => {
    const range = rangeOrReason(address);
    if (typeof range === 'string') return range;
    for (const prefix of prefixesOf(range)) {
      lines.push(itemFor(formatPrefix(prefix), seconds));
      items++;
    }
    if (lines.length >= linesInPiece) {
      pieces.push(Buffer.from(lines.join('')));
      lines = [];
    }
    return undefined;
  });
  if (lines.length > 0) pieces.push(Buffer.from(lines.join('')));
  return { content: Buffer.concat(pieces), items };
}

/** Writes items of a batch, which are alike but for the address and the time. */
function itemWriter(options: ImportOptions): (prefix: string, seconds: number | undefined) => string {
  const { action, chain = 'input', in: into, out, for: time, reason } = options;
  const put = options.delete !== true;
  const common = {
    ...(!put && { op: 'delete' }),
    ...{ action, chain },
    ...(into !== undefined && { in: into }),
    ...(out !== undefined && { out }),
    ...(put && reason !== undefined && { comment: reason }),
  };
  const beginning = JSON.stringify(common).slice(0, -1);
  const side = chain === 'output' ? 'destination' : 'source';
  return (prefix, seconds) => {
    const ttl = seconds ?? time;
    const lasts = put && ttl !== undefined ? `,"ttl":${JSON.stringify(ttl)}` : '';
    return `${beginning},"${side}":"${prefix}"${lasts}}\n`;
  };
}
