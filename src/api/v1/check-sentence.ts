import { formatAddress } from '../../domain/address.ts';
import { anyInterface } from '../../domain/interface.ts';
import type { Action, Rule } from '../../domain/rule.ts';
import { ruleId } from '../../domain/rule-id.ts';
import type { Explanation, Match, PacketQuestion } from '../../engine/explanation.ts';

const done: Readonly<Record<Action, string>> = { drop: 'dropped', accept: 'accepted', reject: 'rejected' };

/** What becomes of a packet, for people. */
export function packetSentence(question: PacketQuestion, explanation: Explanation): string {
  const { whitelisted, decisive, matches, pairs, guard } = explanation;
  const sentences = [`${packets(question)} ${fate(explanation)}.`];
  if (whitelisted.length === 0) sentences.push(...bound(matches, decisive));
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

function fate({ whitelisted, decisive }: Explanation): string {
  if (whitelisted.length > 0) {
    const texts = [...new Set(whitelisted.map(({ text }) => text))].join(' and ');
    return `are touched by no rule, since ${texts} is in the whitelist`;
  }
  return decisive === undefined ? 'meet no rule of rfw' : `are ${by(decisive)}`;
}

function by(rule: Rule): string {
  const comment = rule.comment === '' ? '' : ` (${rule.comment})`;
  const end = rule.expiresAt === null ? 'for good' : `until ${new Date(rule.expiresAt).toISOString()}`;
  return `${done[rule.action]} ${end} by ${ruleId(rule)}${comment}, which ${rule.origin} put at ${new Date(rule.createdAt).toISOString()}`;
}

/** The rules that decide first where their interfaces are. */
function bound(matches: readonly Match[], decisive: Rule | undefined): string[] {
  const end = matches.findIndex(({ rule }) => rule === decisive);
  const before = end < 0 ? matches : matches.slice(0, end);
  return before.map(({ rule }) => {
    const where = onlyWhere(rule) ?? '';
    return `${where.charAt(0).toUpperCase()}${where.slice(1)} they are ${by(rule)}.`;
  });
}

/** For which interfaces alone a rule is: `only on eth0`; undefined when it is for all. */
export function onlyWhere({ chain, in: into, out }: Rule): string | undefined {
  const sides = [
    ...(into === anyInterface ? [] : [chain === 'forward' ? `in by ${into}` : `on ${into}`]),
    ...(out === anyInterface ? [] : [chain === 'forward' ? `out by ${out}` : `on ${out}`]),
  ];
  return sides.length === 0 ? undefined : `only ${sides.join(' and ')}`;
}

function hint({ destination }: PacketQuestion, pairs: number): string {
  const rules = pairs === 1 ? '1 rule looks' : `${pairs} rules look`;
  return destination === undefined
    ? `${rules} at the destination too and may decide otherwise: ask with destination.`
    : `${rules} at the source too and may decide otherwise: ask with that as ip, and destination=${formatAddress(destination)}.`;
}
