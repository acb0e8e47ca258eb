import { type Command, Option } from 'commander';
import type { Action, Chain, Operations } from '../api-types.ts';

/** Which rules are meant, as the API has it. */
export interface FilterOptions {
  readonly chain?: Chain;
  readonly action?: Action;
  readonly contains?: string;
  readonly within?: string;
  readonly origin?: string;
  readonly expiresBefore?: string;
  readonly query?: string;
  readonly sort?: 'newest' | 'oldest' | 'expiresAt' | 'address';
}

type Filter = Operations['listRules']['query'];

/** Gives a command the options that say which rules are meant. */
export function optionsOfFilter(command: Command): Command {
  return command
    .addOption(
      new Option('--chain <chain>', 'packets to this host, from it, or through it').choices([
        'input',
        'output',
        'forward',
      ]),
    )
    .addOption(new Option('--action <action>', 'what they do').choices(['drop', 'reject', 'accept']))
    .option('--contains <address>', 'rules that hold this address')
    .option('--within <network>', 'rules that lie in this network')
    .option('--origin <name>', 'rules that this principal has put')
    .option('--expires-before <instant>', 'rules that end before it (RFC 3339)')
    .option('-s, --query <text>', 'rules with this text in their comment, origin or id')
    .addOption(new Option('--sort <order>', 'their order').choices(['newest', 'oldest', 'expiresAt', 'address']));
}

/** The same as the API takes it. */
export function filterOf({
  query,
  chain,
  action,
  contains,
  within,
  origin,
  expiresBefore,
  sort,
}: FilterOptions): Filter {
  const given = { chain, action, contains, within, origin, expiresBefore, q: query, sort };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Filter;
}
