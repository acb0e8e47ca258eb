import { CommanderError } from 'commander';
import type { Logger } from 'pino';
import { RfwError, reasonOf } from '../domain/errors.ts';
import { version } from '../domain/version.ts';
import type { Mark } from '../engine/audit.ts';
import { auditReport } from './audit-report.ts';
import { checkReport } from './check.ts';
import { commandLine } from './command-line.ts';
import { type BackendChoice, type Config, loadConfig } from './config.ts';
import { Daemon } from './daemon.ts';
import { flush } from './flush.ts';
import { initialise } from './init.ts';
import { type Log, type LogLevel, openLog } from './log.ts';
import { requireNetAdmin } from './privileges.ts';
import { startReport } from './report.ts';
import { loadSettings, type Settings } from './settings.ts';

interface Flags {
  readonly f: string;
  readonly logfile: string;
  readonly loglevel: LogLevel;
  readonly v?: true;
  readonly backend?: BackendChoice;
  readonly check?: true;
  readonly init?: true;
  readonly flush?: true;
  readonly verifyAudit?: true | Mark;
}

/** Runs the command line of the daemon. The exit status of the process says how it went: 1 failed, 2 wrong usage. */
export async function main(argv: readonly string[]): Promise<void> {
  const flags = parseFlags(argv);
  if (flags === undefined) return;
  try {
    if (flags.init) return say(initialise(flags.f));
    if (flags.flush) return await sayFlushed(withBackend(loadConfig(flags.f), flags.backend));
    if (flags.verifyAudit) return sayVerified(withBackend(loadConfig(flags.f), flags.backend), flags.verifyAudit);
    const load = (): Settings => loadSettingsWith(flags);
    const settings = load();
    if (flags.check) return say(checkReport(settings));
    await serve(settings, load, flags);
  } catch (error) {
    if (!(error instanceof RfwError)) throw error;
    process.stderr.write(`rfw: ${error.message}\n`);
    process.exitCode = 1;
  }
}

function say(text: string): void {
  process.stdout.write(text);
}

function parseFlags(argv: readonly string[]): Flags | undefined {
  const command = commandLine().exitOverride();
  try {
    return command.parse(argv).opts<Flags>();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    return undefined;
  }
}

function withBackend(config: Config, backend: BackendChoice | undefined): Config {
  return backend === undefined ? config : { ...config, backend };
}

function loadSettingsWith({ f, backend }: Flags): Settings {
  const settings = loadSettings(f);
  return { ...settings, config: withBackend(settings.config, backend) };
}

async function sayFlushed(config: Config): Promise<void> {
  const { lines, failures } = await flush(config);
  for (const line of lines) say(`${line}\n`);
  for (const failure of failures) process.stderr.write(`rfw: ${failure}\n`);
  if (failures.length > 0) process.exitCode = 1;
}

function sayVerified(config: Config, head: true | Mark): void {
  const { text, failure } = auditReport(config, head === true ? undefined : head);
  say(text);
  if (failure === undefined) return;
  process.stderr.write(`rfw: ${failure}\n`);
  process.exitCode = 1;
}

/** @param load reads the settings again, flags of the command line included */
async function serve(settings: Settings, load: () => Settings, flags: Flags): Promise<void> {
  // Before the log file: whoever may not change the firewall mostly may not write there either.
  if (settings.config.backend !== 'memory') requireNetAdmin();
  const log = openLog(flags.logfile, flags.loglevel, flags.v === true);
  const starting = Daemon.start(settings, log.logger, load);
  // From the first moment: a signal that comes while the start is under way is followed when it is over.
  followSignals(starting, log);
  logCrashes(log);
  try {
    const daemon = await starting;
    log.logger.info(daemon.report, `rfw ${version} started`);
    // Whoever waits for the report finds in the log what came before it.
    log.flush();
    say(startReport(daemon.report, settings));
  } catch (error) {
    // Whoever started it is told on the console by the caller.
    log.file.fatal(`rfw could not start: ${reasonOf(error)}`);
    throw error;
  }
}

function followSignals(starting: Promise<Daemon>, log: Log): void {
  // A start that fails has its own ending; signals then have nothing to act on.
  let last: Promise<void> = starting.then(() => {}).catch(() => {});
  const then = (act: (daemon: Daemon) => Promise<void>): void => {
    // One after the other: two reloads at once could each undo the other's doors.
    last = last.then(async () => act(await starting)).catch(() => {});
  };
  let stopping = false;
  const stop = (signal: string): void => {
    if (!stopping) then((daemon) => shutDown(daemon, log.logger, signal));
    stopping = true;
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('SIGHUP', () => {
    log.reopen();
    then((daemon) => daemon.reload());
  });
}

/** A failure of the program itself must leave a trace where people look for it. */
function logCrashes(log: Log): void {
  const crash = (error: unknown): void => {
    log.logger.fatal({ error: error instanceof Error ? error.stack : error }, `rfw failed: ${reasonOf(error)}`);
    process.exit(1);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
}

async function shutDown(daemon: Daemon, logger: Logger, signal: string): Promise<void> {
  logger.info(`${signal}: stopping`);
  try {
    await daemon.stop();
    logger.info('Stopped; the rules stay enforced');
  } catch (error) {
    logger.error(`Could not stop in order: ${reasonOf(error)}`);
    process.exitCode = 1;
  }
  process.exit();
}
