import { formatPrefix, type Prefix, parsePrefix } from './address.ts';
import { RfwError } from './errors.ts';
import { anyInterface, type InterfacePattern, parseInterface } from './interface.ts';

export const actions = ['drop', 'accept', 'reject'] as const;
export type Action = (typeof actions)[number];

export const chains = ['input', 'output', 'forward'] as const;
export type Chain = (typeof chains)[number];

/** What a rule matches and does. This tuple is the identity of a rule: the same tuple is the same rule. */
export interface RuleSpec {
  readonly action: Action;
  readonly chain: Chain;
  readonly in: InterfacePattern;
  readonly out: InterfacePattern;
  readonly source: Prefix | 'any';
  readonly destination: Prefix | 'any';
}

/** A rule as rfw keeps it. */
export interface Rule extends RuleSpec {
  /** The place in the order of all rules ever put: a packet meets the highest first. */
  readonly seq: number;
  /** Milliseconds since the epoch; null is never. */
  readonly expiresAt: number | null;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Who asked for it. */
  readonly origin: string;
  readonly comment: string;
}

declare const key: unique symbol;

/** The identity of a rule as text. */
export type RuleKey = string & { readonly [key]: true };

/**
 * Checks that a tuple is a rule that rfw makes: input filters on the source, output on the destination,
 * forward on one or both, of one family. In forward a side that holds every address says nothing beside the other, which
 * has the family: it becomes any, and where both say nothing the source stays. iptables shows such rules alike.
 * @throws RfwError `address-invalid`, `interface-invalid` or `family-mismatch`
 */
export function ruleSpec(spec: RuleSpec): RuleSpec {
  const { chain, source, destination } = spec;
  if (chain === 'input') {
    require(source !== 'any' &&
      destination === 'any', 'address-invalid', 'An input rule needs a source, and only that');
    require(spec.out === anyInterface, 'interface-invalid', 'An input rule has no outgoing interface');
  } else if (chain === 'output') {
    require(destination !== 'any' &&
      source === 'any', 'address-invalid', 'An output rule needs a destination, and only that');
    require(spec.in === anyInterface, 'interface-invalid', 'An output rule has no incoming interface');
  } else {
    require(source !== 'any' ||
      destination !==
        'any', 'address-invalid', 'A forward rule needs a source or a destination: only one side may be any address');
    require(source === 'any' ||
      destination === 'any' ||
      source.family ===
        destination.family, 'family-mismatch', 'Source and destination must both be IPv4 or both be IPv6');
    if (isEverything(destination))
      return { ...spec, source: source === 'any' ? destination : source, destination: 'any' };
    if (isEverything(source) && destination !== 'any') return { ...spec, source: 'any' };
  }
  return spec;
}

function isEverything(side: Prefix | 'any'): boolean {
  return side !== 'any' && side.length === 0;
}

function require(
  holds: boolean,
  code: 'address-invalid' | 'interface-invalid' | 'family-mismatch',
  message: string,
): void {
  if (!holds) throw new RfwError(code, message);
}

/** The canonical text of one side of a rule. */
export function formatSide(side: Prefix | 'any'): string {
  return side === 'any' ? side : formatPrefix(side);
}

/** The identity of a rule: `drop input eth0 any 11.22.33.44/32 any`. */
export function ruleKey(spec: RuleSpec): RuleKey {
  return `${spec.action} ${spec.chain} ${spec.in} ${spec.out} ${formatSide(spec.source)} ${formatSide(spec.destination)}` as RuleKey;
}

/**
 * Reads what `ruleKey` has written.
 * @throws RfwError `action-invalid`, `chain-invalid`, or what is wrong with an interface, an address or the whole
 */
export function parseRuleKey(text: string): RuleSpec {
  const [action, chain, into = '', out = '', source = '', destination = ''] = text.split(' ');
  const side = (word: string): Prefix | 'any' => (word === 'any' ? word : parsePrefix(word));
  return ruleSpec({
    action: oneOf(actions, action, 'action-invalid'),
    chain: oneOf(chains, chain, 'chain-invalid'),
    in: parseInterface(into),
    out: parseInterface(out),
    source: side(source),
    destination: side(destination),
  });
}

function oneOf<T extends string>(values: readonly T[], word: unknown, code: 'action-invalid' | 'chain-invalid'): T {
  const value = values.find((candidate) => candidate === word);
  if (value !== undefined) return value;
  throw new RfwError(code, `${String(word)} is none of ${values.join(', ')}`);
}

/** The family of the packets that a rule matches. A rule has at least one side, as `ruleSpec` checks. */
export function familyOf(spec: RuleSpec): 4 | 6 {
  if (spec.source !== 'any') return spec.source.family;
  if (spec.destination !== 'any') return spec.destination.family;
  throw new RfwError('address-invalid', 'A rule needs a source or a destination');
}
