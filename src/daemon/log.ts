import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';
import { RfwError, reasonOf } from '../domain/errors.ts';

/** The names of 2014 and what pino calls them. */
export const logLevels = { DEBUG: 'debug', INFO: 'info', WARNING: 'warn', ERROR: 'error', CRITICAL: 'fatal' } as const;
export type LogLevel = keyof typeof logLevels;

export interface Log {
  readonly logger: Logger;
  /** Opens the file anew, after something has moved it away. */
  reopen(): void;
  /** Writes out what is buffered. */
  flush(): void;
}

/**
 * Opens the log: JSON lines in the file, readable lines on standard error, there only errors unless `verbose`.
 * @throws RfwError `config-invalid` when the file can't be written
 */
export function openLog(file: string, level: LogLevel, verbose: boolean): Log {
  const destination = openFile(file);
  const console = pretty({
    destination: 2,
    sync: true,
    ignore: 'pid,hostname',
    translateTime: 'SYS:standard',
    colorize: process.stderr.isTTY === true,
    singleLine: true,
  });
  const streams = pino.multistream([
    { level: logLevels[level], stream: destination },
    { level: verbose ? 'debug' : 'error', stream: console },
  ]);
  const options = {
    level: 'debug',
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const logger = pino(options, streams);
  return {
    logger,
    reopen: () => destination.reopen(),
    flush: () => destination.flushSync(),
  };
}

function openFile(file: string): ReturnType<typeof pino.destination> {
  try {
    return pino.destination({ dest: file, append: true, sync: true, mode: 0o640 });
  } catch (error) {
    throw new RfwError(
      'config-invalid',
      `Could not write the log file ${file}: ${reasonOf(error)}. Name another one with --logfile`,
      { cause: error },
    );
  }
}
