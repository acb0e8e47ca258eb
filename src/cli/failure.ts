/** How a run of rfwc ends. */
export const exitCodes = {
  /** Done, or it was so already. */
  done: 0,
  /** The answer is no: not blocked, not found, not ready. */
  negative: 1,
  /** The command line, or what it was given to read, is wrong. */
  usage: 2,
  /** No daemon answers, or it can't do its work now. */
  unreachable: 3,
  /** The credentials don't allow it. */
  forbidden: 4,
  /** The whitelist, or another guard against mistakes, doesn't let it happen. */
  refused: 5,
  /** Some of it is done, or on some of the hosts. */
  partly: 6,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Whatever keeps a command from being done. Its message goes to people, and says what they can do. */
export class Failure extends Error {
  readonly exit: ExitCode;
  /** Of the daemon's answer, where that was one: `whitelist-conflict`. */
  readonly code: string | undefined;
  /** Seconds after which the daemon would be asked again. */
  readonly retryAfter: number | undefined;

  constructor(exit: ExitCode, message: string, more: { code?: string; retryAfter?: number; cause?: unknown } = {}) {
    super(message, { cause: more.cause });
    this.name = 'Failure';
    this.exit = exit;
    this.code = more.code;
    this.retryAfter = more.retryAfter;
  }
}

/** A failure of the caller: wrong words, wrong files. */
export function usageFailure(message: string, cause?: unknown): Failure {
  return new Failure(exitCodes.usage, message, { cause });
}

/** What was thrown, as a failure. A fault of rfwc itself isn't one, and is thrown on. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  throw error;
}

/** The exit code of several results: their common one, `partly` where they differ, `done` where there is none. */
export function combinedExit(codes: readonly ExitCode[]): ExitCode {
  const [first = exitCodes.done, ...others] = new Set(codes);
  return others.length === 0 ? first : exitCodes.partly;
}
