import { formatPrefix, parsePrefix, quote, widthOf } from '../../domain/address.ts';
import { latestInstant } from '../../domain/duration.ts';
import { reasonOf } from '../../domain/errors.ts';
import { actions, chains } from '../../domain/rule.ts';
import { RequestError } from '../errors.ts';
import { type Limits, type Rate, type ShortestPrefix, scopes } from './principal.ts';
import type { TokenRecord } from './token.ts';

/** What somebody wants a token to be. */
export interface TokenRequest {
  /** 1 to 63 letters, digits, dots, dashes and underscores. */
  readonly name: string;
  /** At least one. */
  readonly scopes: readonly string[];
  readonly limits?: Limits;
  /** Addresses and prefixes that it may be used from. None, or no list, is anywhere. */
  readonly clients?: readonly string[];
  /** Milliseconds since the epoch; null and nothing are never. */
  readonly expiresAt?: number | null;
}

/** What of a record somebody may choose. */
export type Chosen = Pick<TokenRecord, 'name' | 'scopes' | 'limits' | 'clients' | 'expiresAt'>;

/** Bounds on numbers. The longest ttl is what `parseDuration` can read, in seconds. */
const most = { clients: 100, perSecond: 100_000, burst: 1_000_000, ttl: 999_999_999 * 86_400 } as const;

/**
 * Checks what was asked for, however it came here, and brings it into one form.
 * @param now milliseconds since the epoch
 * @throws RequestError `token-invalid` that says where something is wrong, and what is allowed
 */
export function checkTokenRequest(request: TokenRequest, now: number): Chosen {
  const { name, clients = [], limits = {}, expiresAt = null } = request;
  require('/name', /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(
    name,
  ), `The name ${quote(name)} must be 1 to 63 letters, digits, dots, dashes and underscores, and begin with a letter or digit`);
  require('/clients', clients.length <=
    most.clients, `A token has at most ${most.clients} clients: use shorter prefixes`);
  require('/expiresAt', expiresAt === null ||
    (Number.isInteger(expiresAt) &&
      expiresAt > now &&
      expiresAt <= latestInstant), 'expiresAt must be an instant that is still to come, before the year 10000');
  return {
    name,
    scopes: someOf('/scopes', 'scopes', scopes, request.scopes),
    limits: checkLimits(limits),
    clients: clients.map(checkClient),
    expiresAt,
  };
}

function checkLimits(limits: Limits): Limits {
  const { actions: someActions, chains: someChains, shortestPrefix, longestTtl, rate, ...unknown } = limits;
  const [stray] = Object.keys(unknown);
  require('/limits', stray ===
    undefined, `There is no limit ${quote(stray ?? '')}: only actions, chains, shortestPrefix, longestTtl and rate`);
  require('/limits/longestTtl', longestTtl === undefined ||
    isWhole(
      longestTtl,
      1,
      most.ttl,
    ), `longestTtl must be a whole number of seconds, at least 1 and at most ${most.ttl}`);
  return {
    ...(someActions && { actions: someOf('/limits/actions', 'actions', actions, someActions) }),
    ...(someChains && { chains: someOf('/limits/chains', 'chains', chains, someChains) }),
    ...(shortestPrefix && { shortestPrefix: checkPrefix(shortestPrefix) }),
    ...(longestTtl && { longestTtl }),
    ...(rate && { rate: checkRate(rate) }),
  };
}

/** Both families: who limits one and forgets the other has left it open. */
function checkPrefix(shortest: ShortestPrefix): ShortestPrefix {
  const [ip4, ip6] = [shortest[4], shortest[6]];
  const pointer = '/limits/shortestPrefix';
  require(pointer, ip4 !== undefined &&
    ip6 !==
      undefined, 'shortestPrefix must name both families, since one that is left out would have no limit: {"4": 24, "6": 48}');
  require(`${pointer}/4`, isWhole(ip4, 0, widthOf(4)), 'shortestPrefix of IPv4 must be a whole number from 0 to 32');
  require(`${pointer}/6`, isWhole(ip6, 0, widthOf(6)), 'shortestPrefix of IPv6 must be a whole number from 0 to 128');
  return { 4: ip4 ?? 0, 6: ip6 ?? 0 };
}

function checkRate({ perSecond, burst }: Rate): Rate {
  require('/limits/rate/perSecond', Number.isFinite(perSecond) &&
    perSecond > 0 &&
    perSecond <=
      most.perSecond, `perSecond must be a number above 0, at most ${most.perSecond}; 0.1 is one in ten seconds`);
  require('/limits/rate/burst', isWhole(burst, 1, most.burst), `burst must be a whole number from 1 to ${most.burst}`);
  return { perSecond, burst };
}

/** The members of a list, each once, in the order of all. */
function someOf<T extends string>(
  pointer: string,
  what: string,
  all: readonly T[],
  given: readonly string[],
): readonly T[] {
  const stray = given.findIndex((word) => !(all as readonly string[]).includes(word));
  require(`${pointer}/${stray}`, stray < 0, `${quote(String(given[stray]))} is none of the ${what}: ${all.join(', ')}`);
  require(pointer, given.length > 0, `A token needs some ${what} of ${all.join(', ')}`);
  return all.filter((word) => given.includes(word));
}

function checkClient(text: string, index: number): string {
  try {
    return formatPrefix(parsePrefix(text));
  } catch (error) {
    throw invalid(`/clients/${index}`, `clients must be addresses and prefixes. ${reasonOf(error)}`);
  }
}

function isWhole(value: number | undefined, least: number, greatest: number): boolean {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= greatest;
}

/** @param pointer where in the request it is: a JSON pointer */
function require(pointer: string, holds: boolean, message: string): void {
  if (!holds) throw invalid(pointer, message);
}

function invalid(pointer: string, message: string): RequestError {
  return new RequestError('token-invalid', message, [{ pointer, message }]);
}
