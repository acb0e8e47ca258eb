import { Argument, type Command } from 'commander';
import { completionOf, type Shell, shells } from '../completion.ts';
import { exitCodes } from '../failure.ts';
import type { Run } from '../program.ts';

/** `completion`: a script for a shell. */
export function addCompletionCommand(program: Command, run: Run): void {
  program
    .command('completion')
    .description('write a script with which a shell completes commands and options')
    .addArgument(new Argument('<shell>').choices(shells))
    .action(
      run(async ({ output }, shell: Shell) => {
        output.data(completionOf(shell, program));
        return exitCodes.done;
      }),
    );
}
