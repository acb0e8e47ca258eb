import { anyInterface, type InterfacePattern } from '../../domain/interface.ts';
import { type Action, type Chain, familyOf, type RuleSpec } from '../../domain/rule.ts';
import type { Statements } from '../../netlink/nftables/commands.ts';
import type { Expression } from '../../netlink/nftables/expressions.ts';
import {
  accept,
  counter,
  countIn,
  drop,
  jump,
  loadDestination,
  loadSource,
  matchDestination,
  matchFamily,
  matchInput,
  matchOutput,
  matchProtocol,
  matchSet,
  matchSource,
  Protocol,
  reject,
  rejectWithReset,
} from '../../netlink/nftables/statements.ts';
import { addressBytes } from './elements.ts';
import type { ListSet, StandingList } from './list-sets.ts';
import { ipOf } from './protection.ts';
import type { ScopedSet } from './scoped-sets.ts';
import type { Scope } from './strata.ts';
import { counterName, listCounterName } from './table.ts';

export interface RejectOptions {
  /** Whether reject answers TCP with a reset, and all else as ever: port unreachable. */
  readonly rejectTcpWithReset: boolean;
}

/** `iifname "eth0"`, `oifname "ppp*"`; nothing for any interface. */
function matchInterfaces(spec: { readonly in: InterfacePattern; readonly out: InterfacePattern }): Expression[] {
  return [
    ...(spec.in === anyInterface ? [] : matchInput(spec.in.replace(/\+$/, '*'))),
    ...(spec.out === anyInterface ? [] : matchOutput(spec.out.replace(/\+$/, '*'))),
  ];
}

/** The rules that do the action to what matches: one, or two where TCP has an answer of its own. */
function endings(
  matches: readonly Expression[],
  { chain, action }: { readonly chain: Chain; readonly action: Action },
  each: readonly Expression[],
  { rejectTcpWithReset }: RejectOptions,
): Statements[] {
  const count = [...each, countIn(counterName(chain, action))];
  if (action === 'accept') return [[matches, count, accept()]];
  if (action === 'drop') return [[matches, count, drop()]];
  const unreachable = [matches, count, reject()];
  if (!rejectTcpWithReset) return [unreachable];
  // The protocol first: a look-up counts for its element, and what is not TCP comes to the second rule too.
  return [[matchProtocol(Protocol.tcp), matches, count, rejectWithReset()], unreachable];
}

/** `iifname "eth0" ip saddr @input_drop_ip4_hosts_1 counter name "input_drop" drop` */
export function setStatements({ name, scope }: ScopedSet, options: RejectOptions): Statements[] {
  return endings([...matchInterfaces(scope), ...lookUp(name, scope)], scope, [], options);
}

/** `ip saddr @list_bad_ip4_nets_7 counter name "list_bad" counter name "input_drop" drop` */
export function listStatements(list: StandingList, { name, family }: ListSet, options: RejectOptions): Statements[] {
  const matches = [...matchInterfaces(list), ...lookUp(name, { family, side: list.side })];
  return endings(matches, list, [countIn(listCounterName(list.name))], options);
}

/** `ip saddr @name` */
function lookUp(name: string, { family, side }: Pick<Scope, 'family' | 'side'>): Expression[] {
  const ip = ipOf(family);
  return [...matchFamily(ip), side === 'source' ? loadSource(ip) : loadDestination(ip), matchSet(name)];
}

/** `ip saddr 1.2.3.0/24 ip daddr 5.5.5.5 counter counter name "forward_accept" accept` */
export function pairStatements(spec: RuleSpec, options: RejectOptions): Statements[] {
  const ip = ipOf(familyOf(spec));
  const source = spec.source === 'any' ? [] : matchSource(ip, addressBytes(spec.source), spec.source.length);
  const destination =
    spec.destination === 'any' ? [] : matchDestination(ip, addressBytes(spec.destination), spec.destination.length);
  const matches = [...matchInterfaces(spec), ...matchFamily(ip), ...source, ...destination];
  return endings(matches, spec, [counter()], options);
}

/** `jump forward_pairs_1` */
export function pairsStatements(name: string): Statements {
  return [jump(name)];
}
