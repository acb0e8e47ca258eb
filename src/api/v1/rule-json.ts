import type { Static } from 'typebox';
import { parsePrefix } from '../../domain/address.ts';
import { latestInstant, parseDuration } from '../../domain/duration.ts';
import { RfwError } from '../../domain/errors.ts';
import { anyInterface, parseInterface } from '../../domain/interface.ts';
import { formatSide, type Rule, type RuleSpec, ruleSpec } from '../../domain/rule.ts';
import { ruleId } from '../../domain/rule-id.ts';
import type { Lifetime } from '../../engine/decide.ts';
import type { RuleInput, Rule as RuleSchema } from './schemas.ts';

/** An instant in the form that all answers have. @param instant milliseconds since the epoch */
export function timestamp(instant: number): string {
  return new Date(instant).toISOString();
}

/** A rule as answers have it. */
export function ruleJson(rule: Rule): Static<typeof RuleSchema> {
  return {
    id: ruleId(rule),
    action: rule.action,
    chain: rule.chain,
    in: rule.in,
    out: rule.out,
    source: formatSide(rule.source),
    destination: formatSide(rule.destination),
    expiresAt: rule.expiresAt === null ? null : timestamp(rule.expiresAt),
    createdAt: timestamp(rule.createdAt),
    origin: rule.origin,
    comment: rule.comment,
  };
}

/**
 * What a rule matches and does, as a body says it. Interfaces are taken as they are written: `ppp` is the interface of that
 * name, and `ppp+` all that begin like that. (The API of 2014 reads `ppp` as `ppp+`.)
 * @throws RfwError `address-invalid`, `mask-invalid`, `family-mismatch`, `interface-invalid`
 */
export function specOfInput(input: Static<typeof RuleInput>): RuleSpec {
  const { action, chain, source, destination } = input;
  return ruleSpec({
    action,
    chain,
    in: input.in === undefined ? anyInterface : parseInterface(input.in),
    out: input.out === undefined ? anyInterface : parseInterface(input.out),
    source: source === undefined ? 'any' : parsePrefix(source),
    destination: destination === undefined ? 'any' : parsePrefix(destination),
  });
}

/**
 * How long a rule is to last; undefined when the body doesn't say.
 * @throws RfwError `expire-invalid`
 */
export function lifetimeOf({
  ttl,
  expiresAt,
}: Pick<Static<typeof RuleInput>, 'ttl' | 'expiresAt'>): Lifetime | undefined {
  if (ttl !== undefined && expiresAt !== undefined)
    throw new RfwError('expire-invalid', 'ttl and expiresAt say the same in two ways: give one of them');
  if (expiresAt !== undefined) return { until: parseTimestamp(expiresAt) };
  if (ttl === undefined || typeof ttl === 'number') return ttl;
  return ttl === 'permanent' ? 0 : parseDuration(ttl);
}

/** Seconds from now, of which 0 is for ever: what limits are about. */
export function secondsOf(lifetime: Lifetime, now: number): number {
  if (typeof lifetime === 'number') return lifetime;
  // Of what is over already the engine says so.
  return lifetime.until === null ? 0 : Math.max(1, Math.ceil((lifetime.until - now) / 1000));
}

/**
 * Reads an instant as in RFC 3339.
 * @returns milliseconds since the epoch
 * @throws RfwError `expire-invalid`
 */
export function parseTimestamp(text: string): number {
  const instant = Date.parse(text);
  // The form was checked before: what is left is a leap second, or the end of the years that have four digits.
  if (Number.isNaN(instant) || instant > latestInstant)
    throw new RfwError('expire-invalid', `No such instant: ${text}. Permanent is "ttl": "permanent"`);
  return instant;
}
