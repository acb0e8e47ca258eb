import { type ErrorCode, RfwError, reasonOf } from '../domain/errors.ts';
import type { Outcome, RuleCommand } from './decide.ts';

/** A command that waits for its effect. */
export interface Pending {
  readonly command: RuleCommand;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: RfwError) => void;
}

/** A command that has been decided. */
export interface Decided {
  readonly pending: Pending;
  readonly outcome: Outcome;
}

export function rejectAll(batch: readonly Pending[], error: unknown): void {
  for (const pending of batch) pending.reject(asRfwError(error));
}

const refusals: ReadonlySet<ErrorCode> = new Set(['kernel-refused', 'unsupported', 'lists-unsupported']);

/** Whether the kernel said no, and so has changed nothing. */
export function isRefusal(error: unknown): boolean {
  return error instanceof RfwError && refusals.has(error.code);
}

/** Whatever was thrown as an error of the domain. */
export function asRfwError(error: unknown): RfwError {
  return error instanceof RfwError ? error : new RfwError('kernel-unavailable', reasonOf(error), { cause: error });
}
