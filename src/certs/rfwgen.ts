import { createInterface } from 'node:readline';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { reasonOf } from '../domain/errors.ts';
import { version } from '../domain/version.ts';
import { authorityDays } from './authority.ts';
import { generate, type Request } from './generation.ts';
import { parseSubjectNames } from './subject.ts';

/** What the program talks to. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Absent when nobody can answer. */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
  readonly directory: string;
  readonly now: Date;
}

interface Options {
  readonly rsa?: true;
  readonly days: number;
  readonly force?: true;
}

/** Ten years. */
const defaultDays = 3652;

/**
 * Runs rfwgen.
 * @param argv as `process.argv`: the program's arguments begin at the third
 * @returns the exit status: 0 done, 1 refused or failed, 2 called the wrong way
 */
export async function main(argv: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  const request = readArguments(argv, terminal);
  if (typeof request === 'number') return request;
  try {
    for (const line of await generate(request, terminal)) terminal.out(`${line}\n`);
    return 0;
  } catch (error) {
    terminal.err(`rfwgen: ${reasonOf(error)}\n`);
    return 1;
  }
}

/** What to do, or the exit status when there is nothing to do. */
function readArguments(argv: readonly string[], terminal: Terminal): Request | number {
  const command = commandFor(terminal);
  try {
    command.parse(argv);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
  const [server = '', ...others] = command.args;
  const options = command.opts<Options>();
  try {
    return {
      names: parseSubjectNames(server, others),
      algorithm: options.rsa ? 'rsa' : 'ecdsa',
      days: options.days,
      force: options.force ?? false,
    };
  } catch (error) {
    terminal.err(`rfwgen: ${reasonOf(error)}\n`);
    return 2;
  }
}

/** The command line. The source of its help and of its manual page. */
export function commandLine(): Command {
  return new Command('rfwgen')
    .description(
      'Makes the keys and certificates with which rfw serves HTTPS, in the current directory:\n' +
        'offline/ca.key and client/ca.crt on the first run, server_<ip>/server.key and server_<ip>/server.crt every time.',
    )
    .argument('<server_ip>', 'the IP address by which clients reach the server')
    .argument('[names...]', 'more IP addresses and host names of the same server')
    .option('--rsa', 'make RSA keys (authority 4096 bits, server 2048) instead of ECDSA P-256')
    .option(
      '--days <n>',
      `how long the server certificate is valid, 1 to ${authorityDays} and at most as long as the authority; Apple's clients accept at most 825`,
      readDays,
      defaultDays,
    )
    .option('--force', 'overwrite the key and certificate of the server without asking')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .showHelpAfterError('(rfwgen -h explains the arguments)');
}

function commandFor(terminal: Terminal): Command {
  return commandLine()
    .configureOutput({
      writeOut: terminal.out,
      writeErr: terminal.err,
      outputError: (text, write) => write(text.replace(/^error: /, 'rfwgen: ')),
    })
    .exitOverride();
}

function readDays(text: string): number {
  const days = Number(text);
  if (!/^[1-9]\d{0,3}$/.test(text) || days > authorityDays) {
    throw new InvalidArgumentError(`It must be a number from 1 to ${authorityDays}.`);
  }
  return days;
}

function processTerminal(): Terminal {
  return {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    ask: process.stdin.isTTY ? askTerminal : undefined,
    directory: process.cwd(),
    now: new Date(),
  };
}

/** Asks on the terminal, beside whatever standard output is redirected to. The end of input is an empty answer. */
function askTerminal(question: string): Promise<string> {
  return new Promise((resolve) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    const end = () => {
      process.stderr.write('\n');
      resolve('');
    };
    lines.once('close', end);
    lines.question(question, (answer) => {
      lines.off('close', end);
      lines.close();
      resolve(answer);
    });
  });
}
