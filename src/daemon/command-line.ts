import { Command, InvalidArgumentError, Option } from 'commander';
import { version } from '../domain/version.ts';
import { type Mark, parseMark } from '../engine/audit.ts';
import { backendChoices } from './config.ts';
import { logLevels } from './log.ts';

/** The command line of the daemon: that of 2014, and more. The source of its help and of its manual page. */
export function commandLine(): Command {
  return new Command('rfw')
    .description('rfw - remote firewall: blocks and allows IP addresses on request over REST')
    .option('-f <CONFIGFILE>', 'configuration file', '/etc/rfw/rfw.conf')
    .option('--logfile <LOGFILE>', 'log file', '/var/log/rfw.log')
    .addOption(new Option('--loglevel <LOGLEVEL>', 'log level').choices(Object.keys(logLevels)).default('INFO'))
    .option('-v', 'show the log on the console too, at level DEBUG')
    .addOption(new Option('--backend <BACKEND>', 'overrides firewall.backend').choices(backendChoices))
    .option('--check', 'check configuration and whitelist, say what would be done, and exit')
    .option('--flush', 'remove everything that rfw has put into the kernel and all rules, say what it was, and exit')
    .option(
      '--verify-audit [HEAD]',
      'say whether the audit log is as it was written, and what its head is, and exit; with the HEAD of an earlier time, ' +
        'whether that is still in it',
      headOf,
    )
    .option('--init', 'write a first configuration and whitelist where there are none, and exit')
    .version(version, '--version', 'show the version and exit')
    .helpOption('-h, --help', 'show this help and exit')
    .allowExcessArguments(false);
}

function headOf(text: string): Mark {
  const head = parseMark(text);
  if (head !== undefined) return head;
  throw new InvalidArgumentError('It must be a head as --verify-audit prints it: NUMBER:HASH.');
}
