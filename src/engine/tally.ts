import { RfwError } from '../domain/errors.ts';
import type { AskedCommand, Result, RuleOutcome } from './decide.ts';

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
  firstRefusal: { readonly command: AskedCommand; readonly error: RfwError } | undefined;

  /** Counts what became of some more commands. */
  count(commands: readonly AskedCommand[], results: readonly Result[]): void {
    for (const [index, command] of commands.entries()) {
      const result = results[index];
      if (result instanceof RfwError) {
        this.refused++;
        this.firstRefusal ??= { command, error: result };
      } else if (result !== undefined) {
        // What a caller asks for is never decided as an expiry.
        this.outcomes[result.status as RuleOutcome['status']]++;
      }
    }
  }
}
