import { createHash } from 'node:crypto';
import type { Family } from '../../domain/address.ts';
import { anyInterface } from '../../domain/interface.ts';
import type { EnforcedList, ListMatch } from '../../domain/list.ts';
import { type Action, actions, type Chain, chains } from '../../domain/rule.ts';

/** What the names of all sets of rfw begin with: no other set, and no line that looks up another, is rfw's. */
export const setPrefix = 'rfw-';

/** Letters of a list's name in the name of its set. The whole has 30 of the 31 that the kernel allows. */
const nameLength = 14;
const digestLength = 9;

/** What a list's sets and lines follow from. */
type ListIdentity = Pick<EnforcedList, 'name' | keyof ListMatch>;

/**
 * The name of the set that holds a list's addresses of one family: `rfw-NAME-DIGEST-4`. The same whenever it is asked for, so
 * that a later process knows the lines of an earlier one, and another one for another line: then the new line and the new
 * addresses take effect at once, as those of a set of the same name do by a swap.
 */
export function setName(list: ListIdentity, family: Family): string {
  const { name, action, chain, side } = list;
  const digest = createHash('sha256').update(`${name} ${action} ${chain} ${list.in} ${list.out} ${side}`).digest();
  const number = digest.readBigUInt64BE() % 36n ** BigInt(digestLength);
  return `${setPrefix}${name.slice(0, nameLength)}-${number.toString(36).padStart(digestLength, '0')}-${family}`;
}

/** The name of a set, without its family: one for each list. */
export function listOf(set: string): string {
  return set.slice(0, -2);
}

const rejectWith = { 4: 'icmp-port-unreachable', 6: 'icmp6-port-unreachable' } as const;

/** What makes a line that of a list. */
export interface ListMark {
  /** The set that it looks up. */
  readonly set: string;
  readonly action: Action;
  readonly chain: Chain;
}

/** The line of a list, as it stands in a chain. */
interface ListLine {
  readonly chain: string;
  /** Equal for equal lines: the arguments themselves, which rfw writes as iptables prints them. */
  readonly key: string;
  readonly args: string;
  readonly list: ListMark;
}

/** The line as `iptables -S` shows it. */
export function listLine(list: ListIdentity, family: Family): ListLine {
  const { action, chain, side } = list;
  const set = setName(list, family);
  const args = [
    ...(list.in === anyInterface ? [] : ['-i', list.in]),
    ...(list.out === anyInterface ? [] : ['-o', list.out]),
    ...['-m set --match-set', set, side === 'source' ? 'src' : 'dst'],
    ...['-j', action.toUpperCase()],
    ...(action === 'reject' ? ['--reject-with', rejectWith[family]] : []),
  ].join(' ');
  return { chain: chain.toUpperCase(), key: args, args, list: { set, action, chain } };
}

const shape =
  /^(?:-i \S+ )?(?:-o \S+ )?-m set --match-set (rfw-\S+-[46]) (?:src|dst) -j (?:(DROP|ACCEPT)|(REJECT) --reject-with icmp6?-port-unreachable)$/;

/** Reads a line as iptables-save prints it; undefined for one that isn't the line of a list. */
export function readListLine(tableChain: string, args: string): ListLine | undefined {
  const [, set, plain, reject] = shape.exec(args) ?? [];
  const action = actions.find((candidate) => candidate.toUpperCase() === (plain ?? reject));
  const chain = chains.find((candidate) => candidate.toUpperCase() === tableChain);
  if (set === undefined || action === undefined || chain === undefined) return undefined;
  return { chain: tableChain, key: args, args, list: { set, action, chain } };
}
