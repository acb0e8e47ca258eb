import { type Command, Option } from 'commander';
import type { Chain } from '../api-types.ts';

/** What a rule is about, beside its address. */
export interface MatchOptions {
  readonly chain?: Chain;
  readonly in?: string;
  readonly out?: string;
  readonly to?: string;
}

const chains = ['input', 'output', 'forward'] as const;

/**
 * Gives a command the options by which rules match.
 * @param usual the chain that is meant without one; undefined for all
 * @param pairs whether rules may look at both addresses
 */
export function optionsOfMatch(command: Command, usual: Chain | undefined, pairs = true): Command {
  const chain = new Option('--chain <chain>', 'packets to this host, from it, or through it').choices(chains);
  command
    .addOption(usual === undefined ? chain : chain.default(usual))
    .option('--in <interface>', 'only what comes in there: eth0, or ppp+ for all whose names begin so')
    .option('--out <interface>', 'only what goes out there');
  return pairs ? command.option('--to <address>', 'only what goes there, for --chain forward') : command;
}
