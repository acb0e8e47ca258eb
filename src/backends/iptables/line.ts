import { type Family, formatPrefix, type Prefix, parsePrefix } from '../../domain/address.ts';
import type { PortGuard } from '../../domain/guard.ts';
import { anyInterface, type InterfacePattern } from '../../domain/interface.ts';
import { type Action, actions, type Chain, chains, type RuleSpec, ruleKey } from '../../domain/rule.ts';

/** One rule of a chain of the filter table, rfw's or somebody else's. */
export interface Line {
  readonly chain: string;
  /** Equal for equal rules, however iptables prints them. */
  readonly key: string;
  /** Arguments for iptables-restore after the chain's name. */
  readonly args: string;
  /** What it says in rfw's words, when it has the shape of rfw's rules. */
  readonly spec?: RuleSpec;
}

const rejectWith = { 4: 'icmp-port-unreachable', 6: 'icmp6-port-unreachable' } as const;

/** The rule as the line that `iptables -S` shows, for the family that it is put into. */
export function ruleLine(spec: RuleSpec, family: Family): Line {
  const args = [
    ...(spec.source === 'any' ? [] : ['-s', formatPrefix(spec.source)]),
    ...(spec.destination === 'any' ? [] : ['-d', formatPrefix(spec.destination)]),
    ...(spec.in === anyInterface ? [] : ['-i', spec.in]),
    ...(spec.out === anyInterface ? [] : ['-o', spec.out]),
    ...['-j', spec.action.toUpperCase()],
    ...(spec.action === 'reject' ? ['--reject-with', rejectWith[family]] : []),
  ];
  return { chain: spec.chain.toUpperCase(), key: ruleKey(spec), args: args.join(' '), spec };
}

/** The lines of the guard in one chain, top to bottom: the allowed pass, all others are dropped. */
export function guardLines(guard: PortGuard | null, family: Family, chain: 'INPUT' | 'OUTPUT'): Line[] {
  if (guard === null) return [];
  const [side, port] = chain === 'INPUT' ? ['-s', '--dport'] : ['-d', '--sport'];
  const line = (match: string, target: string): Line => {
    const args = `${match}-p tcp -m tcp ${port} ${guard.port} -j ${target}`;
    return { chain, key: args, args };
  };
  const allowed = guard.allowed.filter((prefix) => prefix.family === family);
  return [...allowed.map((prefix) => line(matchPrefix(side, prefix), 'ACCEPT')), line('', 'DROP')];
}

/** iptables prints no match for a prefix that holds every address. */
function matchPrefix(option: string, prefix: Prefix): string {
  return prefix.length === 0 ? '' : `${option} ${formatPrefix(prefix)} `;
}

/** One line of a chain with its counters, as iptables-save printed it. */
export interface SavedLine extends Line {
  readonly packets: bigint;
  readonly bytes: bigint;
}

/**
 * Reads the filter table from the output of `iptables-save -c`.
 * Lines that mean nothing to rfw are kept as they are, so that positions stay true.
 */
export function parseSave(text: string, family: Family): SavedLine[] {
  const lines: SavedLine[] = [];
  let table = '';
  for (const row of text.split('\n')) {
    if (row.startsWith('*')) table = row.slice(1).trim();
    const match = table === 'filter' ? /^\[(\d+):(\d+)\] -A (\S+)(?: (.*))?$/.exec(row) : null;
    if (!match) continue;
    const [, packets = '0', bytes = '0', chain = '', args = ''] = match;
    lines.push({ ...parseLine(chain, args, family), packets: BigInt(packets), bytes: BigInt(bytes) });
  }
  return lines;
}

function parseLine(chain: string, args: string, family: Family): Line {
  const foreign = { chain, key: args, args };
  const options = readOptions(args);
  if (options === undefined) return foreign;
  const guard = guardArguments(options);
  if (guard !== undefined) return { chain, key: guard, args: guard };
  const spec = specOf(chain, options, family);
  return spec === undefined ? foreign : { chain, key: ruleKey(spec), args, spec };
}

interface Options {
  source: Prefix | 'any';
  destination: Prefix | 'any';
  in: string;
  out: string;
  protocol: string;
  port: string;
  target: string;
  rejectWith: string;
}

const takes: Readonly<Record<string, (options: Options, value: string) => void>> = {
  '-s': (options, value) => {
    options.source = parsePrefix(value);
  },
  '-d': (options, value) => {
    options.destination = parsePrefix(value);
  },
  '-i': (options, value) => {
    options.in = value;
  },
  '-o': (options, value) => {
    options.out = value;
  },
  '-p': (options, value) => {
    options.protocol = value;
  },
  // The match extension that iptables-save names beside -p tcp; any other makes the line foreign.
  '-m': (options, value) => {
    if (value !== 'tcp') options.target = '';
  },
  '--dport': (options, value) => {
    options.port = `--dport ${value}`;
  },
  '--sport': (options, value) => {
    options.port = `--sport ${value}`;
  },
  '-j': (options, value) => {
    options.target = value;
  },
  '--reject-with': (options, value) => {
    options.rejectWith = value;
  },
};

/** The options of a line, or undefined when it holds one that no line of rfw has. */
function readOptions(args: string): Options | undefined {
  const options: Options = {
    source: 'any',
    destination: 'any',
    in: anyInterface,
    out: anyInterface,
    protocol: 'all',
    port: '',
    target: '',
    rejectWith: '',
  };
  const words = args.split(' ');
  for (let index = 0; index < words.length; index += 2) {
    const take = takes[words[index] ?? ''];
    const value = words[index + 1];
    if (take === undefined || value === undefined) return undefined;
    try {
      take(options, value);
    } catch {
      // A mask that is no prefix: nothing that rfw ever writes.
      return undefined;
    }
  }
  return options;
}

/** The canonical arguments of a line of the port guard, in the form that `guardLines` writes. */
function guardArguments(options: Options): string | undefined {
  const { source, destination, protocol, port, target } = options;
  if (protocol !== 'tcp' || port === '' || options.in !== anyInterface || options.out !== anyInterface)
    return undefined;
  if (target !== 'ACCEPT' && target !== 'DROP') return undefined;
  const match =
    (source === 'any' ? '' : matchPrefix('-s', source)) + (destination === 'any' ? '' : matchPrefix('-d', destination));
  return `${match}-p tcp -m tcp ${port} -j ${target}`;
}

/** The line in rfw's words, when it has the shape of the rules of 2014: no protocol, no other match, one of three targets. */
function specOf(chain: string, options: Options, family: Family): RuleSpec | undefined {
  const action = options.target.toLowerCase() as Action;
  const lower = chain.toLowerCase() as Chain;
  if (!actions.includes(action) || options.target !== action.toUpperCase()) return undefined;
  if (!chains.includes(lower) || chain !== lower.toUpperCase()) return undefined;
  if (options.protocol !== 'all' || options.port !== '') return undefined;
  if (action === 'reject' ? options.rejectWith !== rejectWith[family] : options.rejectWith !== '') return undefined;
  if (lower === 'input' && (options.destination !== 'any' || options.out !== anyInterface)) return undefined;
  if (lower === 'output' && (options.source !== 'any' || options.in !== anyInterface)) return undefined;
  return {
    action,
    chain: lower,
    in: options.in as InterfacePattern,
    out: options.out as InterfacePattern,
    source: options.source,
    destination: options.destination,
  };
}
