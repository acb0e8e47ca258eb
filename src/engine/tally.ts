import type { RfwError } from '../domain/errors.ts';
import type { DeleteCommand, PutCommand, RuleOutcome } from './decide.ts';
import type { Pending } from './pending.ts';

type Command = PutCommand | DeleteCommand;

/** What became of many commands. */
export class Tally {
  /** How many had each outcome. */
  readonly outcomes: Record<RuleOutcome['status'], number> = {
    created: 0,
    exists: 0,
    updated: 0,
    deleted: 0,
    absent: 0,
  };
  refused = 0;
  /** The first command that was refused, and why. */
  firstRefusal: { readonly command: Command; readonly error: RfwError } | undefined;

  /** The commands as the queue takes them, each counted when it is answered. @param done called when all are */
  count(commands: readonly Command[], done: () => void): Pending[] {
    let left = commands.length;
    const answered = (): void => {
      if (--left === 0) done();
    };
    return commands.map((command) => ({
      command,
      resolve: ({ status }) => {
        // A put or delete is never decided as an expiry.
        this.outcomes[status as RuleOutcome['status']]++;
        answered();
      },
      reject: (error) => {
        this.refused++;
        this.firstRefusal ??= { command, error };
        answered();
      },
    }));
  }
}
