import { type Range, widthOf } from '../../domain/address.ts';
import { RfwError } from '../../domain/errors.ts';
import { type Action, type Chain, familyOf, type RuleSpec } from '../../domain/rule.ts';

/** What a principal may be allowed to do. `admin` is all of it. */
export const scopes = [
  'rules:read',
  'rules:write',
  'rules:write:any',
  'lists:read',
  'lists:write',
  'whitelist:write',
  'audit:read',
  'metrics:read',
  'admin',
] as const;
export type Scope = (typeof scopes)[number];

/** The least prefix length by family: 24 lets /24 to /32 through. A family that isn't there has no limit. */
export interface ShortestPrefix {
  readonly 4?: number;
  readonly 6?: number;
}

/** A token bucket: so many requests a second for long, and `burst` at once after a pause. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** What a principal may not exceed within its scopes. What isn't there has no limit. */
export interface Limits {
  readonly actions?: readonly Action[];
  readonly chains?: readonly Chain[];
  readonly shortestPrefix?: ShortestPrefix;
  /** Seconds. Where it is set, permanent isn't allowed. */
  readonly longestTtl?: number;
  readonly rate?: Rate;
}

/** Who asks, as the door found out. */
export interface Principal {
  /** What `origin` of its rules says: `alice@203.0.113.9`, `token:detector`, `certificate:detector`, `local`, `socket`. */
  readonly name: string;
  readonly kind: 'basic' | 'token' | 'certificate' | 'local' | 'socket' | 'nobody';
  readonly scopes: ReadonlySet<Scope>;
  readonly limits: Limits;
}

/** Through which of the doors a request came. */
export type Door = 'outward' | 'local' | 'socket';

/** A principal that may do everything. */
export function admin(kind: Principal['kind'], name: string): Principal {
  return { name, kind, scopes: everything, limits: {} };
}

const everything: ReadonlySet<Scope> = new Set(['admin']);

/** Who a request comes from before a door has let it in: may do nothing, so that a door that was forgotten opens nothing. */
export const nobody: Principal = { name: '', kind: 'nobody', scopes: new Set(), limits: {} };

/** Whether the principal may do what the scope is needed for. `rules:write:any` is `rules:write` and more. */
export function may({ scopes }: Principal, scope: Scope): boolean {
  return scopes.has('admin') || scopes.has(scope) || (scope === 'rules:write' && scopes.has('rules:write:any'));
}

/**
 * Whether whoever asked still may all that was found when the request began: a token may have been taken back since, or an
 * address gone from the whitelist.
 */
export function isStill(then: Principal, now: Principal): boolean {
  if (now.name !== then.name || JSON.stringify(now.limits) !== JSON.stringify(then.limits)) return false;
  return [...then.scopes].every((scope) => now.scopes.has(scope));
}

/**
 * Refuses a principal that lacks a scope.
 * @throws RfwError `forbidden` that names the scope
 */
export function requireScope(principal: Principal, scope: Scope): void {
  if (may(principal, scope)) return;
  throw new RfwError('forbidden', `${principal.name} may not do this: it needs the scope ${scope}`);
}

/** Whether the principal may change only the rules whose origin it is: a field of the commands that it gives the engine. */
export function ownOnly(principal: Principal): boolean {
  return !may(principal, 'rules:write:any');
}

/**
 * Refuses a change of a rule that is beyond the limits of a principal.
 * @param ttl seconds; 0 and null are permanent; `unchanged` where the change sets no expiry, such as a deletion
 * @throws RfwError `beyond-limits` that says which limit it is and what is allowed
 */
export function refuseBeyondLimits(principal: Principal, spec: RuleSpec, ttl: number | null | 'unchanged'): void {
  refuseMatch(principal, spec);
  refuseShortPrefix(principal.name, principal.limits, spec);
  refuseTtl(principal, 'rule', ttl);
}

/**
 * Refuses a change of a list that is beyond the limits of a principal, but for the lengths of its prefixes.
 * @param ttl as of `refuseBeyondLimits`
 * @throws RfwError `beyond-limits` that says which limit it is and what is allowed
 */
export function refuseListBeyondLimits(
  principal: Principal,
  list: Pick<RuleSpec, 'action' | 'chain'>,
  ttl: number | null | 'unchanged',
): void {
  refuseMatch(principal, list);
  refuseTtl(principal, 'list', ttl);
}

function refuseMatch({ name, limits }: Principal, { action, chain }: Pick<RuleSpec, 'action' | 'chain'>): void {
  const { actions, chains } = limits;
  if (actions !== undefined && !actions.includes(action))
    throw beyond(name, `the action ${action}`, actions.join(', '));
  if (chains !== undefined && !chains.includes(chain)) throw beyond(name, `the chain ${chain}`, chains.join(', '));
}

function refuseTtl({ name, limits: { longestTtl } }: Principal, what: string, ttl: number | null | 'unchanged'): void {
  if (longestTtl === undefined || ttl === 'unchanged') return;
  if (ttl === null || ttl === 0) throw beyond(name, `a permanent ${what}`, `at most ${longestTtl} seconds`);
  if (ttl > longestTtl) throw beyond(name, `${ttl} seconds`, `at most ${longestTtl} seconds`);
}

/**
 * How long a rule lasts of which the principal doesn't say so.
 * @param usual seconds that the configuration gives it; 0 is for ever, here and in what is returned
 */
export function usualTtl({ limits: { longestTtl } }: Principal, usual: number): number {
  if (longestTtl === undefined) return usual;
  return usual === 0 ? longestTtl : Math.min(usual, longestTtl);
}

/**
 * Refuses a whitelist entry that protects more addresses than a principal may block at once: it would take out the rules on all of
 * them.
 * @throws RfwError `beyond-limits`
 */
export function refuseWideEntry({ name, limits }: Principal, { family, first, last }: Range): void {
  const shortest = limits.shortestPrefix?.[family];
  if (shortest === undefined || last - first < 1n << BigInt(widthOf(family) - shortest)) return;
  throw beyond(name, 'so many addresses', `as many as a prefix of /${shortest} has, for IPv${family}`);
}

/** A rule with two sides matches less than with either alone, so it is the longer of the two prefixes that counts. */
function refuseShortPrefix(name: string, { shortestPrefix }: Limits, spec: RuleSpec): void {
  const family = familyOf(spec);
  const shortest = shortestPrefix?.[family];
  if (shortest === undefined) return;
  const length = Math.max(...[spec.source, spec.destination].map((side) => (side === 'any' ? 0 : side.length)));
  if (length < shortest) throw beyond(name, `a prefix of /${length}`, `/${shortest} and longer for IPv${family}`);
}

function beyond(name: string, what: string, allowed: string): RfwError {
  return new RfwError('beyond-limits', `${name} may not ask for ${what}. Allowed: ${allowed}`);
}
