import type { RuleState } from '../../backends/backend.ts';
import { formatNetwork, type Prefix } from '../../domain/address.ts';
import { anyInterface, type InterfacePattern } from '../../domain/interface.ts';
import type { Rule, RuleSpec } from '../../domain/rule.ts';
import type { RuleOutcome } from '../../engine/decide.ts';

/** A row of the listing of 2014: the columns of `iptables -nvxL --line-numbers`, all of them text. */
export interface ListedRule {
  readonly chain: string;
  readonly num: string;
  readonly pkts: string;
  readonly bytes: string;
  readonly target: string;
  readonly prot: string;
  readonly opt: string;
  readonly inp: string;
  readonly out: string;
  readonly source: string;
  readonly destination: string;
  readonly extra: string;
}

export function renderState({ spec, position, packets, bytes }: RuleState): ListedRule {
  const six = [spec.source, spec.destination].some((side) => side !== 'any' && side.family === 6);
  const side = (prefix: Prefix | 'any'): string =>
    prefix === 'any' ? (six ? '::/0' : '0.0.0.0/0') : formatNetwork(prefix);
  const iface = (pattern: InterfacePattern): string => (pattern === anyInterface ? '*' : pattern);
  return {
    chain: spec.chain.toUpperCase(),
    num: String(position),
    pkts: String(packets),
    bytes: String(bytes),
    target: spec.action.toUpperCase(),
    prot: 'all',
    opt: '--',
    inp: iface(spec.in),
    out: iface(spec.out),
    source: side(spec.source),
    destination: side(spec.destination),
    extra: spec.action === 'reject' ? `reject-with ${six ? 'icmp6' : 'icmp'}-port-unreachable` : '',
  };
}

function renderSpec(spec: RuleSpec): Record<string, string> {
  const side = (prefix: Prefix | 'any'): string => (prefix === 'any' ? prefix : formatNetwork(prefix));
  return {
    action: spec.action,
    chain: spec.chain,
    in: spec.in,
    out: spec.out,
    source: side(spec.source),
    destination: side(spec.destination),
  };
}

function renderRule(rule: Rule): Record<string, string | null> {
  return {
    ...renderSpec(rule),
    expiresAt: rule.expiresAt === null ? null : new Date(rule.expiresAt).toISOString(),
    createdAt: new Date(rule.createdAt).toISOString(),
    origin: rule.origin,
  };
}

/** What a PUT or DELETE answers: what happened, and to which rule. */
export function renderOutcome(outcome: RuleOutcome): object {
  return outcome.status === 'absent'
    ? { status: outcome.status, rule: renderSpec(outcome.spec) }
    : { status: outcome.status, rule: renderRule(outcome.rule) };
}
