import { commandLine as rfwgenCommandLine } from '../certs/rfwgen.ts';
import { commandGroups } from '../cli/command-groups.ts';
import { makeProgram } from '../cli/program.ts';
import { commandLine as rfwCommandLine } from '../daemon/command-line.ts';
import { version } from '../domain/version.ts';
import { describeConfig } from './config-page.ts';
import { describeProgram } from './program-page.ts';
import { Page } from './roff.ts';

/** The manual pages by the names of their files, made of the command lines and of the configuration file. @param config its text */
export function manualPages(config: string): Readonly<Record<string, string>> {
  return {
    'rfw.8': rfwPage(),
    'rfwc.1': rfwcPage(),
    'rfwgen.1': rfwgenPage(),
    'rfw.conf.5': configPage(config),
  };
}

function rfwPage(): string {
  const page = new Page('rfw', 8, version);
  describeProgram(page, rfwCommandLine());
  page
    .section('SIGNALS')
    .entry('SIGHUP', 'Read the configuration, the whitelist and the certificates again, and open the log file anew.')
    .entry('SIGTERM, SIGINT', 'End in order. The rules stay enforced.');
  page
    .section('FILES')
    .entry('/etc/rfw/rfw.conf', 'The configuration, rfw.conf(5).')
    .entry('/etc/rfw/white.list', 'The addresses that no rule may touch.')
    .entry('/var/lib/rfw', 'The state: rules, lists, audit log.')
    .entry('/run/rfw/rfw.sock', 'The unix socket that rfwc asks.')
    .entry('/var/log/rfw.log', 'The log, a JSON object a line.');
  page
    .section('EXIT STATUS')
    .entry('0', 'It ended in order, or did what was asked.')
    .entry('1', 'It could not start, or not do what was asked.')
    .entry('2', 'The command line is wrong.');
  page.section('EXAMPLES').example('rfw --init\nrfw --check\nrfw -f /etc/rfw/rfw.conf');
  return String(page.section('SEE ALSO').paragraph('rfwc(1), rfw.conf(5), rfwgen(1), nft(8), iptables(8)'));
}

function rfwcPage(): string {
  const page = new Page('rfwc', 1, version);
  describeProgram(
    page,
    makeProgram(version, () => async () => {}, commandGroups),
  );
  page
    .section('ENVIRONMENT')
    .entry('RFW_HOST, RFW_SOCKET', 'Where to, without --host.')
    .entry('RFW_USER, RFW_PASSWORD, RFW_TOKEN', 'As whom, without --user and --token.')
    .entry('RFW_CACERT, RFW_CERT, RFW_KEY', 'Certificates, without --cacert, --cert and --key.')
    .entry('RFW_CONTEXT', 'The context, without --context.')
    .entry('RFW_CONFIG', 'The file with contexts and groups.')
    .entry('NO_COLOR', 'No colours.');
  page
    .section('FILES')
    .entry('~/.config/rfw/config.json', 'Contexts and groups of hosts. Nobody else may read it.')
    .entry('/run/rfw/rfw.sock', 'The daemon of this machine.');
  page
    .section('EXIT STATUS')
    .entry('0', 'Done, or so already; the answer is yes.')
    .entry('1', 'The answer is no: not blocked, not there, not ready, not confirmed.')
    .entry('2', 'The command line, or a file it names, is wrong.')
    .entry('3', "The host can't be reached, or can't do it now.")
    .entry('4', "The credentials don't allow it.")
    .entry('5', 'The whitelist, or another guard, protects against it.')
    .entry('6', 'Partly: some of the addresses, or some of the hosts.');
  page
    .section('EXAMPLES')
    .example(
      [
        'rfwc block 203.0.113.7 --for 2h --reason "ssh brute force"',
        'rfwc check 203.0.113.7',
        'rfwc --hosts servers.txt block 203.0.113.7',
        'rfwc import https://example.net/feed.txt --for 1d --reason feed',
        'rfwc list put feed feed.txt --action drop',
        'rfwc iptables -I INPUT -s 203.0.113.7 -j DROP',
      ].join('\n'),
    );
  return String(page.section('SEE ALSO').paragraph('rfw(8), rfw.conf(5), rfwgen(1)'));
}

function rfwgenPage(): string {
  const page = new Page('rfwgen', 1, version);
  describeProgram(page, rfwgenCommandLine(), 'makes keys and certificates for rfw');
  page
    .section('EXIT STATUS')
    .entry('0', 'The files are made.')
    .entry('1', 'They could not be made, or somebody has said no.')
    .entry('2', 'The command line is wrong.');
  page.section('EXAMPLES').example('rfwgen 11.22.33.44 firewall.example.net');
  return String(page.section('SEE ALSO').paragraph('rfw(8), rfwc(1), rfw.conf(5)'));
}

function configPage(config: string): string {
  const page = new Page('rfw.conf', 5, version);
  describeConfig(page, config);
  return String(page.section('SEE ALSO').paragraph('rfw(8), rfwc(1)'));
}
