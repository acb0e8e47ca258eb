import { type Family, formatPrefix, type Prefix, parsePrefix, prefixOf } from '../../domain/address.ts';
import { RfwError } from '../../domain/errors.ts';
import type { PortGuard } from '../../domain/guard.ts';
import { anyInterface, type InterfacePattern } from '../../domain/interface.ts';
import { actions, chains, type RuleSpec, ruleKey } from '../../domain/rule.ts';
import { type ListMark, readListLine } from './list-line.ts';

/** One rule of a chain of the filter table, rfw's or somebody else's. */
export interface Line {
  readonly chain: string;
  /** Equal for equal rules, however iptables prints them. */
  readonly key: string;
  /** Arguments for iptables-restore after the chain's name. */
  readonly args: string;
  /** What it says in rfw's words, when it has the shape of rfw's rules. */
  readonly spec?: RuleSpec;
  /** The list that it is for: such a line is rfw's by the name of its set. */
  readonly list?: ListMark;
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

/** One line of a chain as iptables-save prints it, not yet understood. */
export interface SavedRow {
  readonly chain: string;
  readonly args: string;
  readonly packets: bigint;
  readonly bytes: bigint;
}

/** One line of a chain with its counters. */
export interface SavedLine extends SavedRow, Line {}

/**
 * The lines of the filter table in the output of `iptables-save -c`, in order.
 * @throws RfwError `kernel-refused` when iptables-nft can't show the table because somebody else's rules are in it
 */
export function savedRows(text: string): SavedRow[] {
  const rows: SavedRow[] = [];
  let table = '';
  for (const row of text.split('\n')) {
    if (/^# Table `filter' is incompatible/.test(row)) throw new RfwError('kernel-refused', row.slice(2));
    if (row.startsWith('*')) table = row.slice(1).trim();
    const match = table === 'filter' ? /^\[(\d+):(\d+)\] -A (\S+)(?: (.*))?$/.exec(row) : null;
    if (!match) continue;
    const [, packets = '0', bytes = '0', chain = '', args = ''] = match;
    rows.push({ chain, args, packets: BigInt(packets), bytes: BigInt(bytes) });
  }
  return rows;
}

/**
 * Reads the filter table from the output of `iptables-save -c`.
 * Lines that mean nothing to rfw are kept as they are, so that positions stay true.
 * @throws RfwError as `savedRows`
 */
export function parseSave(text: string, family: Family): SavedLine[] {
  return savedRows(text).map((row) => ({ ...row, ...parseLine(row.chain, row.args, family) }));
}

/** Reads a line as iptables-save prints it, or as rfw writes it. */
export function parseLine(chain: string, args: string, family: Family): Line {
  const foreign = { chain, key: args, args };
  if (args.includes('--match-set')) return readListLine(chain, args) ?? foreign;
  const options = readOptions(args, family);
  if (options === undefined) return foreign;
  const guard = guardArguments(options);
  if (guard !== undefined) return { chain, key: guard, args: guard };
  const spec = specOf(chain, options, family);
  return spec === undefined ? foreign : { chain, key: ruleKey(spec), args, spec };
}

/** The options that lines of rfw have, as iptables-save prints them. */
const optionNames = ['-s', '-d', '-i', '-o', '-p', '-m', '--dport', '--sport', '-j', '--reject-with'] as const;
type OptionName = (typeof optionNames)[number];

interface Options {
  readonly values: ReadonlyMap<OptionName, string>;
  readonly source: Prefix | undefined;
  readonly destination: Prefix | undefined;
}

/** The options of a line; undefined when it has one twice, or one that no line of rfw has. */
function readOptions(args: string, family: Family): Options | undefined {
  const values = new Map<OptionName, string>();
  const words = args.split(' ');
  for (let index = 0; index < words.length; index += 2) {
    const name = optionNames.find((candidate) => candidate === words[index]);
    const value = words[index + 1];
    if (name === undefined || value === undefined || values.has(name)) return undefined;
    values.set(name, value);
  }
  // An interface can be called any; to rfw that is every interface.
  if (values.get('-i') === anyInterface || values.get('-o') === anyInterface) return undefined;
  const source = readPrefix(values.get('-s'), family);
  const destination = readPrefix(values.get('-d'), family);
  return source === null || destination === null ? undefined : { values, source, destination };
}

/** The prefix; undefined when there is none, null when it is none of the family that rfw could have written. */
function readPrefix(text: string | undefined, family: Family): Prefix | undefined | null {
  if (text === undefined) return undefined;
  try {
    const prefix = parsePrefix(text);
    return prefix.family === family ? prefix : null;
  } catch {
    // A mask that is no prefix.
    return null;
  }
}

/** Whether the line has exactly these options, besides addresses and interfaces. */
function hasOnly({ values }: Options, names: readonly OptionName[]): boolean {
  const others = [...values.keys()].filter((name) => !['-s', '-d', '-i', '-o'].includes(name));
  return others.length === names.length && names.every((name) => values.has(name));
}

/** The canonical arguments of a line of the port guard, in the form that `guardLines` writes. */
function guardArguments(options: Options): string | undefined {
  const { values, source, destination } = options;
  const port = values.has('--dport') ? '--dport' : '--sport';
  const target = values.get('-j') ?? '';
  if (!hasOnly(options, ['-p', '-m', port, '-j']) || values.has('-i') || values.has('-o')) return undefined;
  if (values.get('-p') !== 'tcp' || values.get('-m') !== 'tcp' || !['ACCEPT', 'DROP'].includes(target))
    return undefined;
  const match = (source ? matchPrefix('-s', source) : '') + (destination ? matchPrefix('-d', destination) : '');
  return `${match}-p tcp -m tcp ${port} ${values.get(port)} -j ${target}`;
}

/** The line in rfw's words, when it has the shape of the rules of 2014: no protocol, no other match, one of three targets. */
function specOf(tableChain: string, options: Options, family: Family): RuleSpec | undefined {
  const { values, source, destination } = options;
  const action = actions.find((candidate) => candidate.toUpperCase() === values.get('-j'));
  const chain = chains.find((candidate) => candidate.toUpperCase() === tableChain);
  if (action === undefined || chain === undefined) return undefined;
  if (!hasOnly(options, action === 'reject' ? ['-j', '--reject-with'] : ['-j'])) return undefined;
  if (action === 'reject' && values.get('--reject-with') !== rejectWith[family]) return undefined;
  if (chain === 'input' && (destination || values.has('-o'))) return undefined;
  if (chain === 'output' && (source || values.has('-i'))) return undefined;
  // iptables prints nothing for a prefix that holds every address.
  const everything = prefixOf({ family, value: 0n }, 0);
  return {
    action,
    chain,
    in: (values.get('-i') ?? anyInterface) as InterfacePattern,
    out: (values.get('-o') ?? anyInterface) as InterfacePattern,
    source: source ?? (chain === 'input' || (chain === 'forward' && !destination) ? everything : 'any'),
    destination: destination ?? (chain === 'output' ? everything : 'any'),
  };
}
