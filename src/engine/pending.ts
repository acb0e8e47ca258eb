import { asRfwError, type ErrorCode, RfwError } from '../domain/errors.ts';
import type { AuditEntry } from './audit.ts';
import type { RuleChange } from './changes.ts';
import type { Result, RuleCommand } from './decide.ts';
import type { DocumentWrite } from './store/store.ts';

/** What is stored in one transaction with what a request has changed. */
export interface Recording {
  readonly documents?: readonly DocumentWrite[];
  readonly audit?: readonly AuditEntry[];
}

/** Commands that belong together. */
export interface Group {
  readonly commands: readonly RuleCommand[];
  /** Whether all of them have their effect or none; otherwise each by itself. */
  readonly atomic: boolean;
  /** Whether all is one transaction, also when each command has its effect by itself: what the kernel refuses fails all. */
  readonly whole?: boolean;
  /**
   * What is to be stored with that, once it is known what becomes of each command. It must be pure: what can't be done as a
   * whole is tried anew in parts.
   */
  readonly record?: (results: readonly Result[]) => Recording;
}

/** Commands that wait for their effect. */
export interface Pending extends Group {
  /** @param results one for each command */
  readonly resolve: (results: readonly Result[]) => void;
  /** Nothing was done, because kernel or disk refused. */
  readonly reject: (error: RfwError) => void;
}

/** Commands that have been decided. */
export interface Decided {
  readonly pending: Pending;
  readonly results: readonly Result[];
  /** What that changes. */
  readonly changes: readonly RuleChange[];
}

/** The error of whoever asks for something while the engine stops. */
export function stoppingError(): RfwError {
  return new RfwError('stopping', 'rfw is stopping: try again in a moment');
}

export function rejectAll(batch: readonly Pending[], error: unknown): void {
  for (const pending of batch) pending.reject(asRfwError(error));
}

const refusals: ReadonlySet<ErrorCode> = new Set(['kernel-refused', 'unsupported', 'lists-unsupported']);

/** Whether the kernel said no, and so has changed nothing. */
export function isRefusal(error: unknown): boolean {
  return error instanceof RfwError && refusals.has(error.code);
}

/** In how many parts a pending can be taken: each part has its effect or none. */
export function partsOf({ commands, atomic, whole }: Group): number {
  return atomic || whole === true ? 1 : Math.max(1, commands.length);
}

/**
 * Parts commands that failed together, so that those of them that can be done are. Where there is one pending its commands are
 * parted, and what it asks to record comes last.
 * @param batch with more than one part
 */
export function halves(batch: readonly Pending[]): readonly (readonly Pending[])[] {
  const [only] = batch;
  if (batch.length > 1 || only === undefined) {
    const middle = batch.length >> 1;
    return [batch.slice(0, middle), batch.slice(middle)];
  }
  const middle = only.commands.length >> 1;
  const results: Result[] = [];
  const part = (commands: readonly RuleCommand[]): Pending => ({
    commands,
    atomic: false,
    resolve: (of) => void results.push(...of),
    reject: (error) => void results.push(...commands.map(() => error)),
  });
  const { record, resolve, reject } = only;
  const end: Pending = {
    commands: [],
    atomic: true,
    ...(record && { record: () => record(results) }),
    resolve: () => resolve(results),
    reject,
  };
  return [[part(only.commands.slice(0, middle))], [part(only.commands.slice(middle))], [end]];
}
