import { closeSync, openSync, writeSync } from 'node:fs';
import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';
import { RfwError, reasonOf } from '../domain/errors.ts';

/** The names of 2014 and what pino calls them. */
export const logLevels = { DEBUG: 'debug', INFO: 'info', WARNING: 'warn', ERROR: 'error', CRITICAL: 'fatal' } as const;
export type LogLevel = keyof typeof logLevels;

export interface Log {
  /** Writes JSON lines to the file, and readable lines to standard error: errors only, unless verbose. */
  readonly logger: Logger;
  /** Writes to the file alone. */
  readonly file: Logger;
  /** Puts the lines of this turn into the file now. */
  flush(): void;
  /** Opens the file anew, after something has moved it away. */
  reopen(): void;
}

/**
 * Opens the log.
 * @param level the least level that the file gets
 * @param verbose whether the console gets everything
 * @throws RfwError `config-invalid` when the file can't be written
 */
export function openLog(file: string, level: LogLevel, verbose: boolean): Log {
  const destination = new LogFile(file);
  const readable = pretty({
    destination: 2,
    sync: true,
    ignore: 'pid,hostname',
    translateTime: 'SYS:standard',
    colorize: process.stderr.isTTY === true,
    singleLine: true,
  });
  const toFile = { level: logLevels[level], stream: destination };
  const toConsole = { level: verbose ? 'debug' : 'error', stream: readable } as const;
  const options = {
    level: 'debug',
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return {
    logger: pino(options, pino.multistream([toFile, toConsole])),
    file: pino(options, pino.multistream([toFile])),
    flush: () => destination.flush(),
    reopen: () => destination.reopen(),
  };
}

/**
 * A file that lines are appended to: those of one turn of the event loop together, since a system call for each would be a
 * good part of the work on a rule. A full disk costs lines and nothing else: the firewall goes on.
 */
class LogFile {
  readonly #path: string;
  #descriptor: number;
  #broken = false;
  #lines: string[] = [];

  constructor(path: string) {
    this.#path = path;
    try {
      this.#descriptor = this.#open();
    } catch (error) {
      throw new RfwError(
        'config-invalid',
        `Could not write the log file ${path}: ${reasonOf(error)}. Name another one with --logfile`,
        { cause: error },
      );
    }
    process.on('exit', () => this.flush());
  }

  #open(): number {
    return openSync(this.#path, 'a', 0o640);
  }

  write(line: string): void {
    if (this.#lines.push(line) === 1) setImmediate(() => this.flush());
  }

  flush(): void {
    if (this.#lines.length === 0) return;
    const text = this.#lines.join('');
    this.#lines = [];
    try {
      writeSync(this.#descriptor, text);
      this.#broken = false;
    } catch (error) {
      this.#complain(error);
    }
  }

  reopen(): void {
    this.flush();
    try {
      const descriptor = this.#open();
      closeSync(this.#descriptor);
      this.#descriptor = descriptor;
    } catch (error) {
      // The old file, wherever it is now, is better than none.
      this.#complain(error);
    }
  }

  /** Says once on standard error that lines are being lost. */
  #complain(error: unknown): void {
    if (!this.#broken) process.stderr.write(`rfw: could not write the log file ${this.#path}: ${reasonOf(error)}\n`);
    this.#broken = true;
  }
}
