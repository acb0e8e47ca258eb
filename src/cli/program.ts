import { Command, InvalidArgumentError, Option } from 'commander';
import { readTime } from './duration.ts';
import type { ExitCode } from './failure.ts';
import { type OutputFormat, outputFormats } from './output/output.ts';
import type { Session } from './session.ts';
import type { TargetOptions } from './target/targets.ts';

/** What every command takes. */
export interface GlobalOptions extends TargetOptions {
  readonly parallel: number;
  readonly retry: number;
  readonly timeout: number;
  readonly output?: OutputFormat;
  readonly json?: true;
  readonly quiet?: true;
  /** Undefined unless the command line says so. */
  readonly color?: boolean;
  readonly dryRun?: true;
  readonly confirm?: string;
}

/** Makes the action of a command out of what it does in a session. */
export type Run = <Args extends unknown[]>(
  work: (session: Session, ...args: Args) => Promise<ExitCode>,
) => (...args: Args) => Promise<void>;

/** A group of commands that add themselves to the program. */
export type AddCommands = (program: Command, run: Run) => void;

const many = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** A whole number of an option. @param least that it may be */
export function countOf(least: number): (text: string) => number {
  return (text) => {
    if (/^\d{1,6}$/.test(text) && Number(text) >= least) return Number(text);
    throw new InvalidArgumentError(`It must be a whole number, at least ${least}.`);
  };
}

/** A duration of an option, as the API takes it. */
export function durationOf(text: string): string {
  const time = readTime(text);
  if (time !== undefined) return time;
  throw new InvalidArgumentError('It must be a duration like 90s, 10m, 1h30m, 12h or 7d.');
}

/** How long something lasts, of an option: a duration, or for ever. */
export function lifetimeOf(text: string): string {
  return text === 'permanent' || text === 'ever' ? 'permanent' : durationOf(text);
}

/**
 * The words of a command line, of which those behind the command `iptables` are no options of rfwc, whatever they look like.
 * @param argv as `process.argv`
 */
export function withForeignWords(program: Command, argv: readonly string[]): string[] {
  const takesValue = new Set(
    program.options
      .filter(({ required, optional }) => required || optional)
      .flatMap(({ short, long }) => [short, long]),
  );
  for (let at = 2; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (takesValue.has(word)) at++;
    else if (word === 'iptables') return [...argv.slice(0, at + 1), '--', ...argv.slice(at + 1)];
    else if (!word.startsWith('-')) break;
  }
  return [...argv];
}

/** The command line of rfwc: the one source of its help, its manual page and its completion. */
export function makeProgram(version: string, run: Run, groups: readonly AddCommands[]): Command {
  const program = new Command('rfwc')
    .description('rfwc - client of rfw: blocks and allows addresses on one host or many, and says what is so and why')
    .version(version, '--version', 'show the version and exit')
    .helpOption('-h, --help', 'show this help and exit')
    .helpCommand('help [command]', 'show the help of a command')
    .showHelpAfterError('(rfwc --help tells more)')
    .exitOverride();
  program.optionsGroup('Where to (by default the daemon of this machine):');
  program
    .option('-H, --host <url>', 'a host, https://11.22.33.44:7393, or several: can be given again', many)
    .option('--hosts <file>', 'hosts of a file, one a line, # begins a comment; - is standard input')
    .option('-g, --group <name>', 'a group of hosts (rfwc group); can be given again', many)
    .option('-c, --context <name>', 'a context (rfwc context)')
    .option('--socket <path>', 'a unix socket')
    .option('--parallel <n>', 'how many hosts are asked at once', countOf(1), 16)
    .option('--retry <n>', 'how often a request without an answer is sent again', countOf(0), 2)
    .option('--timeout <seconds>', 'how long to wait for a host', countOf(1), 30);
  program.optionsGroup('As whom:');
  program
    .option('-u, --user <name[:password]>', 'user of rfw.conf; better by RFW_USER, RFW_PASSWORD or a context')
    .option('--token <token>', 'API token; better by RFW_TOKEN or a context')
    .option('--cacert <file>', 'authority of the certificate of the host, client/ca.crt of rfwgen')
    .option('--cert <file>', 'client certificate')
    .option('--key <file>', 'its key');
  program.optionsGroup('Changes:');
  program
    .option('-n, --dry-run', 'say what would change, and change nothing')
    .option(
      '--confirm <time>',
      'undo the change after that time unless it is confirmed over a new connection',
      durationOf,
    );
  program.optionsGroup('Output:');
  program
    .addOption(new Option('-o, --output <format>', 'how data is written').choices(outputFormats))
    .option('--json', 'the same as -o json')
    .option('-q, --quiet', 'no messages but errors')
    .option('--color', 'with colours')
    .option('--no-color', 'without colours, as NO_COLOR');
  program.optionsGroup('Other:');
  for (const add of groups) add(program, run);
  return program;
}
