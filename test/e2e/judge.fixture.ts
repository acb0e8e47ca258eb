import type { Known, LoadClient, Sequence } from './load.fixture.ts';

/** What was found in the kernel, and when: it was read after `from` and before `to`, milliseconds since the epoch. */
export interface Sighting {
  /** The sources of the rules that the clients asked for, top to bottom. */
  readonly sources: readonly string[];
  readonly from: number;
  readonly to: number;
}

/** Milliseconds after its time within which a rule must have gone. */
const lateness = 300;

/** Whether the rule is so near its end, or so little is known of it, that it may be there or not. */
function isEnding({ expiresAt }: Known, { from, to }: Sighting): boolean {
  return expiresAt === undefined || (expiresAt !== null && expiresAt > from - lateness && expiresAt <= to);
}

function isOver({ expiresAt }: Known, { from }: Sighting): boolean {
  return typeof expiresAt === 'number' && expiresAt <= from - lateness;
}

/**
 * Compares what the clients were told with what the kernel holds. What was never answered may be either way; the clients
 * then take it for as it is.
 * @returns what is wrong, empty when nothing is
 */
export function judge(clients: readonly LoadClient[], sighting: Sighting, sequence: Sequence): string[] {
  const faults = clients.flatMap((client) => client.refusals.splice(0));
  const seen = new Set(sighting.sources);
  if (seen.size !== sighting.sources.length) faults.push('a rule stands twice');
  const known = new Map(clients.flatMap((client) => [...client.known]));
  for (const source of seen) if (!known.has(source)) faults.push(`${source} is there and nobody asked for it`);
  const now = sequence.next();
  for (const rule of known.values()) {
    const fault = settle(rule, seen.has(rule.source), sighting, now);
    if (fault !== undefined) faults.push(`${rule.source} ${fault}`);
  }
  return [...faults, ...disorder(sighting.sources, known)];
}

/** Brings what is known of a rule to what was seen. @returns what is wrong with it */
function settle(rule: Known, isThere: boolean, sighting: Sighting, now: number): string | undefined {
  const { pending, present } = rule;
  rule.pending = undefined;
  rule.present = isThere;
  // A PUT for which no answer came has had its effect by now, if it ever has one.
  if (isThere && rule.acknowledgedAt === Number.POSITIVE_INFINITY) rule.acknowledgedAt = now;
  if (isThere && isOver(rule, sighting)) return 'has expired and is still there';
  if (isThere && !present && pending !== 'put') return 'is there, but was deleted or has expired';
  if (!isThere && present && pending !== 'delete' && !isOver(rule, sighting) && !isEnding(rule, sighting)) {
    return 'was acknowledged and is not there';
  }
  return undefined;
}

/** Rules of which one was answered before the other was asked for, and which yet stand the other way round. */
function disorder(sources: readonly string[], known: ReadonlyMap<string, Known>): string[] {
  return [false, true].flatMap((six) => {
    let earliest = Number.POSITIVE_INFINITY;
    return sources.flatMap((source) => {
      const rule = known.get(source);
      if (rule === undefined || source.includes(':') !== six) return [];
      const fault = earliest < rule.requestedAt ? [`${source} is newer than a rule above it`] : [];
      earliest = Math.min(earliest, rule.acknowledgedAt);
      return fault;
    });
  });
}
