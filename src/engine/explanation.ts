import { type Address, prefixOf, rangeContains, rangeOf } from '../domain/address.ts';
import { matchesInterface } from '../domain/interface.ts';
import type { Action, Chain, Rule } from '../domain/rule.ts';
import type { WhitelistEntry } from '../domain/whitelist.ts';
import type { Protection } from './decide.ts';
import type { List } from './list.ts';
import type { Lists } from './lists.ts';
import type { RuleSet } from './ruleset.ts';

/**
 * A packet that is asked about. What isn't given isn't known: at least one of the two addresses is. In input the source is
 * enough, in output the destination.
 */
export interface PacketQuestion {
  readonly chain: Chain;
  readonly source?: Address;
  readonly destination?: Address;
  /** The name of an interface, of the two that packets of the chain have. */
  readonly in?: string;
  readonly out?: string;
}

/** A rule that matches the packet as far as that is known. */
export interface Match {
  readonly rule: Rule;
  /** Whether it is for packets of certain interfaces alone, and the packet's isn't known. */
  readonly isBound: boolean;
}

/** A list that has the packet's address, as far as that is known. */
export interface MatchedList {
  readonly list: List;
  /** As of a rule. */
  readonly isBound: boolean;
}

/** What becomes of a packet, and why. */
export interface Explanation {
  /** `continue` when rfw has nothing against it and nothing for it: then the rest of the packet filter decides. */
  readonly verdict: Action | 'continue';
  /** The entries by which no rule may touch the packet; empty when rules may. */
  readonly whitelisted: readonly WhitelistEntry[];
  /** The rules that match, in the order in which a packet meets them. */
  readonly matches: readonly Match[];
  /** The one of them that decides. */
  readonly decisive: Rule | undefined;
  /** The lists that have its address, in the order in which a packet meets them, after all rules. */
  readonly lists: readonly MatchedList[];
  /** The one of them that decides, where no rule does. */
  readonly decisiveList: List | undefined;
  /** How many rules look at the address that isn't known besides the one that is, and so may decide otherwise. */
  readonly pairs: number;
  /** What becomes of it before all that if it is TCP of the port of rfw itself. */
  readonly guard: { readonly port: number; readonly verdict: 'accept' | 'drop' } | undefined;
}

/** What should be in the kernel. */
export interface Explained {
  readonly rules: RuleSet;
  readonly lists: Lists;
  readonly protection: Protection;
}

/** Says what becomes of a packet, by the rules and lists that should be in the kernel and by what protects from them. */
export function explain({ rules, lists, protection }: Explained, question: PacketQuestion): Explanation {
  const { whitelist, guard } = protection;
  const { matches, pairs } = matching(rules, question);
  const entries = ends(question).map((end) =>
    end === undefined ? undefined : whitelist.entries.find((entry) => rangeContains(entry, end)),
  );
  const whitelisted = entries.every((entry) => entry !== undefined) ? entries : [];
  const decisive = whitelisted.length > 0 ? undefined : matches.find((match) => !match.isBound)?.rule;
  const matched = matchingLists(lists, question);
  const decides = whitelisted.length === 0 && decisive === undefined;
  const decisiveList = decides ? matched.find((match) => !match.isBound)?.list : undefined;
  const peer = question.chain === 'forward' ? undefined : ends(question)[0];
  return {
    verdict: decisive?.action ?? decisiveList?.action ?? 'continue',
    whitelisted,
    matches,
    decisive,
    lists: matched,
    decisiveList,
    pairs,
    guard:
      guard === null || peer === undefined
        ? undefined
        : {
            port: guard.port,
            verdict: guard.allowed.some((prefix) => rangeContains(rangeOf(prefix), peer)) ? 'accept' : 'drop',
          },
  };
}

/** The addresses that rules of the chain, and the whitelist, look at. */
function ends({ chain, source, destination }: PacketQuestion): readonly (Address | undefined)[] {
  if (chain === 'input') return [source];
  return chain === 'output' ? [destination] : [source, destination];
}

/** The rules of the chain that match, newest first, found by each length that a prefix has. */
function matching(rules: RuleSet, question: PacketQuestion): Pick<Explanation, 'matches' | 'pairs'> {
  const { specs } = rules.columns;
  const rows: number[] = [];
  let pairs = 0;
  for (const { id, shape, uses } of specs.shapes()) {
    if (shape.chain !== question.chain || !mayMatchInterfaces(shape, question)) continue;
    const [varying, other] = shape.side === 'source' ? [question.source, question.destination] : [question.destination];
    if (shape.other !== undefined && other !== undefined && !rangeContains(rangeOf(shape.other), other)) continue;
    if (varying === undefined) {
      // A rule of a single address is then about the one that isn't known alone.
      if (shape.other !== undefined) pairs += uses;
      continue;
    }
    if (varying.family !== shape.family) continue;
    const row = specs.findIn(id, prefixOf(varying, shape.length));
    if (row < 0) continue;
    if (shape.other !== undefined && other === undefined) pairs++;
    else rows.push(row);
  }
  const matches = rows
    .sort((a, b) => b - a)
    .map((row) => rules.rule(row))
    .map((rule) => ({ rule, isBound: isBound(rule, question) }));
  return { matches, pairs };
}

function mayMatchInterfaces(shape: Interfaces, question: PacketQuestion): boolean {
  return (
    (question.in === undefined || matchesInterface(shape.in, question.in)) &&
    (question.out === undefined || matchesInterface(shape.out, question.out))
  );
}

/** The lists that have the address at their side of the packet. One at a side that isn't known is not counted. */
function matchingLists(lists: Lists, question: PacketQuestion): MatchedList[] {
  return lists.standing.flatMap(({ list, enforced }) => {
    const address = question[list.side];
    if (list.chain !== question.chain || !mayMatchInterfaces(list, question)) return [];
    if (address === undefined || !enforced.addresses.has(address)) return [];
    return [{ list, isBound: isBound(list, question) }];
  });
}

type Interfaces = Pick<Rule, 'in' | 'out'>;

/** Whether the rule or list is for an interface, or its beginning, that the question leaves open. */
function isBound(rule: Interfaces, question: PacketQuestion): boolean {
  return (
    (question.in === undefined && !matchesInterface(rule.in, '')) ||
    (question.out === undefined && !matchesInterface(rule.out, ''))
  );
}
