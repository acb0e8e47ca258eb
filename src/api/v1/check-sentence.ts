import { formatAddress } from '../../domain/address.ts';
import { anyInterface } from '../../domain/interface.ts';
import type { Action, Rule } from '../../domain/rule.ts';
import { ruleId } from '../../domain/rule-id.ts';
import type { Explanation, Match, MatchedList, PacketQuestion } from '../../engine/explanation.ts';
import type { List } from '../../engine/list.ts';
import { timestamp } from './rule-json.ts';

const done: Readonly<Record<Action, string>> = { drop: 'dropped', accept: 'accepted', reject: 'rejected' };

/** What becomes of a packet, for people. */
export function packetSentence(question: PacketQuestion, explanation: Explanation): string {
  const { whitelisted, decisive, matches, lists, decisiveList, pairs, guard } = explanation;
  const sentences = [`${packets(question)} ${fate(explanation)}.`];
  if (whitelisted.length === 0) sentences.push(...boundRules(matches, decisive));
  if (whitelisted.length === 0 && decisive === undefined) sentences.push(...boundLists(lists, decisiveList));
  if (pairs > 0 && whitelisted.length === 0) sentences.push(hint(question, pairs));
  if (guard !== undefined) {
    const direction = question.chain === 'input' ? 'to' : 'from';
    sentences.push(
      `TCP ${direction} port ${guard.port}, where rfw serves its clients, is ${done[guard.verdict]} before all that.`,
    );
  }
  return sentences.join(' ');
}

function packets({ chain, source, destination, in: into, out }: PacketQuestion): string {
  const from = source === undefined ? '' : ` from ${formatAddress(source)}`;
  const to = destination === undefined ? '' : ` to ${formatAddress(destination)}`;
  const by = `${into === undefined ? '' : ` in by ${into}`}${out === undefined ? '' : ` out by ${out}`}`;
  if (chain === 'input') return `Packets${from} to this host${by}`;
  return chain === 'output' ? `Packets from this host${to}${by}` : `Packets that are forwarded${from}${to}${by}`;
}

function fate({ whitelisted, decisive, decisiveList }: Explanation): string {
  if (whitelisted.length > 0) {
    const texts = [...new Set(whitelisted.map(({ text }) => text))].join(' and ');
    return `are touched by no rule and no list, since ${texts} is in the whitelist`;
  }
  if (decisive !== undefined) return `are ${byRule(decisive)}`;
  return decisiveList === undefined ? 'meet no rule and no list of rfw' : `are ${byList(decisiveList)}`;
}

function byRule(rule: Rule): string {
  return `${doneUntil(rule)} by ${ruleId(rule)}${inBrackets(rule)}, which ${rule.origin} put at ${timestamp(rule.createdAt)}`;
}

function byList(list: List): string {
  return `${doneUntil(list)} by the list ${list.name}${inBrackets(list)}, which ${list.origin} made and which is of ${timestamp(list.updatedAt)}`;
}

function doneUntil({ action, expiresAt }: Rule | List): string {
  return `${done[action]} ${expiresAt === null ? 'for good' : `until ${timestamp(expiresAt)}`}`;
}

function inBrackets({ comment }: Rule | List): string {
  return comment === '' ? '' : ` (${comment})`;
}

/** The rules that decide first where their interfaces are. */
function boundRules(matches: readonly Match[], decisive: Rule | undefined): string[] {
  const end = matches.findIndex(({ rule }) => rule === decisive);
  const before = end < 0 ? matches : matches.slice(0, end);
  return before.map(({ rule }) => where(rule, byRule(rule)));
}

/** The lists that do where no rule does. */
function boundLists(lists: readonly MatchedList[], decisive: List | undefined): string[] {
  const end = lists.findIndex(({ list }) => list === decisive);
  const before = end < 0 ? lists : lists.slice(0, end);
  return before.map(({ list }) => where(list, byList(list)));
}

function where(bound: Rule | List, fate: string): string {
  const place = placeOf(bound);
  return `${place.charAt(0).toUpperCase()}${place.slice(1)} they are ${fate}.`;
}

/** For which interfaces alone a rule or a list is: `only on eth0`. */
export function onlyWhere(bound: Rule | List): string {
  return `only ${placeOf(bound)}`;
}

/** The interfaces of what has some. */
function placeOf({ chain, in: into, out }: Rule | List): string {
  const [by, from] = chain === 'forward' ? ['in by', 'out by'] : ['on', 'on'];
  const sides = [
    ...(into === anyInterface ? [] : [`${by} ${into}`]),
    ...(out === anyInterface ? [] : [`${from} ${out}`]),
  ];
  return sides.join(' and ');
}

function hint({ destination }: PacketQuestion, pairs: number): string {
  const rules = pairs === 1 ? '1 rule looks' : `${pairs} rules look`;
  return destination === undefined
    ? `${rules} at the destination too and may decide otherwise: ask with destination.`
    : `${rules} at the source too and may decide otherwise: ask with that as ip, and destination=${formatAddress(destination)}.`;
}
