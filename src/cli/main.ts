import { type Command, CommanderError } from 'commander';
import { version } from '../domain/version.ts';
import { type AskPerson, askAtTerminal } from './ask.ts';
import { commandGroups } from './command-groups.ts';
import { settleWaiting } from './confirming.ts';
import { asFailure, type ExitCode, exitCodes } from './failure.ts';
import { Output, type Sink } from './output/output.ts';
import { type GlobalOptions, makeProgram, type Run, withForeignWords } from './program.ts';
import { Session } from './session.ts';
import { targetsOf } from './target/targets.ts';

/** What a run of rfwc has around it. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** Asks whoever sits at the terminal. */
  readonly ask?: AskPerson;
}

/** Runs the command line. @returns the exit code */
export async function main(argv: readonly string[], around: Surroundings = process): Promise<ExitCode> {
  let exit: ExitCode = exitCodes.done;
  let output = outputOf({}, around);
  const run: Run =
    (work) =>
    async (...args) => {
      const options = program.opts<GlobalOptions>();
      output = outputOf(options, around);
      const session = sessionOf(options, output, around);
      const worked = await work(session, ...args);
      exit = (await settleWaiting(session)) || worked;
    };
  const program = makeProgram(version, run, commandGroups);
  writeBy(program, around);
  try {
    await program.parseAsync(withForeignWords(program, argv));
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    const failure = asFailure(error);
    output.error(failure.message);
    return failure.exit;
  }
  return exit;
}

/** Has a command and those below it write what they say by themselves, and end by an error and not the process. */
function writeBy(command: Command, { stdout, stderr }: Pick<Surroundings, 'stdout' | 'stderr'>): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => stdout.write(text),
    writeErr: (text) => stderr.write(text),
    outputError: (text, write) => write(text.replace(/^error: /, 'rfwc: ')),
  });
  for (const below of command.commands) writeBy(below, { stdout, stderr });
}

function outputOf(
  { output, json, quiet, color }: Partial<GlobalOptions>,
  { env, stdout, stderr }: Surroundings,
): Output {
  const format = output ?? (json ? 'json' : 'table');
  return new Output({ format, quiet: quiet === true, colors: color, env, stdout, stderr });
}

function sessionOf(options: GlobalOptions, output: Output, { env, ask = askAtTerminal }: Surroundings): Session {
  return new Session({
    targets: () => targetsOf(options, env),
    output,
    parallel: options.parallel,
    retries: options.retry,
    patience: 1000 * options.timeout,
    dryRun: options.dryRun === true,
    confirm: options.confirm,
    ask,
    given: options,
    env,
  });
}
