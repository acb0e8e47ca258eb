import { Command, CommanderError, Option } from 'commander';
import type { Logger } from 'pino';
import { RfwError, reasonOf } from '../domain/errors.ts';
import { checkReport } from './check.ts';
import { type BackendChoice, backendChoices } from './config.ts';
import { Daemon } from './daemon.ts';
import { initialise } from './init.ts';
import { type Log, type LogLevel, logLevels, openLog } from './log.ts';
import { requireNetAdmin } from './privileges.ts';
import { startReport } from './report.ts';
import { loadSettings, type Settings } from './settings.ts';
import { version } from './version.ts';

interface Flags {
  readonly f: string;
  readonly logfile: string;
  readonly loglevel: LogLevel;
  readonly v?: true;
  readonly backend?: BackendChoice;
  readonly check?: true;
  readonly init?: true;
}

/** Runs the command line of the daemon. The exit status of the process says how it went: 1 failed, 2 wrong usage. */
export async function main(argv: readonly string[]): Promise<void> {
  const flags = parseFlags(argv);
  if (flags === undefined) return;
  try {
    if (flags.init) return say(initialise(flags.f));
    const settings = withBackend(loadSettings(flags.f), flags.backend);
    if (flags.check) return say(checkReport(settings));
    await serve(settings, flags);
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
  const command = new Command('rfw')
    .description('rfw - remote firewall: blocks and allows IP addresses on request over REST')
    .option('-f <CONFIGFILE>', 'configuration file', '/etc/rfw/rfw.conf')
    .option('--logfile <LOGFILE>', 'log file', '/var/log/rfw.log')
    .addOption(new Option('--loglevel <LOGLEVEL>', 'log level').choices(Object.keys(logLevels)).default('INFO'))
    .option('-v', 'show the log on the console too, at level DEBUG')
    .addOption(new Option('--backend <BACKEND>', 'overrides firewall.backend').choices(backendChoices))
    .option('--check', 'check configuration and whitelist, say what would be done, and exit')
    .option('--init', 'write a first configuration and whitelist where there are none, and exit')
    .version(version, '--version', 'show the version and exit')
    .helpOption('-h, --help', 'show this help and exit')
    .allowExcessArguments(false)
    .exitOverride();
  try {
    return command.parse(argv).opts<Flags>();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    return undefined;
  }
}

function withBackend(settings: Settings, backend: BackendChoice | undefined): Settings {
  return backend === undefined ? settings : { ...settings, config: { ...settings.config, backend } };
}

async function serve(settings: Settings, flags: Flags): Promise<void> {
  // Before the log file: whoever may not change the firewall mostly may not write there either.
  if (settings.config.backend !== 'memory') requireNetAdmin();
  const log = openLog(flags.logfile, flags.loglevel, flags.v === true);
  try {
    const daemon = await Daemon.start(settings, log.logger);
    log.logger.info(daemon.report, `rfw ${version} started`);
    say(startReport(daemon.report, settings));
    followSignals(daemon, log);
  } catch (error) {
    log.logger.error(`rfw could not start: ${reasonOf(error)}`);
    log.flush();
    throw error;
  }
}

function followSignals(daemon: Daemon, log: Log): void {
  let stopping = false;
  const stop = (signal: string): void => {
    if (!stopping) void shutDown(daemon, log, signal);
    stopping = true;
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  let reloading = Promise.resolve();
  process.on('SIGHUP', () => {
    log.reopen();
    // One after the other: two reloads at once could each undo the other's doors.
    reloading = reloading.then(() => daemon.reload());
  });
}

async function shutDown(daemon: Daemon, log: Log, signal: string): Promise<void> {
  const logger: Logger = log.logger;
  logger.info(`${signal}: stopping`);
  try {
    await daemon.stop();
    logger.info('Stopped; the rules stay enforced');
  } catch (error) {
    logger.error(`Could not stop in order: ${reasonOf(error)}`);
    process.exitCode = 1;
  }
  log.flush();
  process.exit();
}
