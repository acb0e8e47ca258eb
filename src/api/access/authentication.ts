import type { FastifyRequest } from 'fastify';
import { type Address, formatAddress } from '../../domain/address.ts';
import { type Credentials, parseBasic, sameCredentials } from '../credentials.ts';
import type { Buckets } from './buckets.ts';
import type { Logins } from './logins.ts';
import { admin, nobody, type Principal } from './principal.ts';
import type { Tokens } from './tokens.ts';

/** What all doors share to tell who asks. */
export interface Accounts {
  readonly tokens: Tokens;
  readonly buckets: Buckets;
  readonly logins: Logins;
}

/** Why a request isn't served. */
export interface Denial {
  readonly code: 'unauthenticated' | 'forbidden' | 'rate-limited';
  /** For the client. */
  readonly message: string;
  /** For the log; undefined where nothing was tried. */
  readonly logged?: string | undefined;
  /** Of the header WWW-Authenticate, one for each scheme (RFC 9110, section 11.6.1). */
  readonly challenges?: readonly string[];
  /** Whole seconds. */
  readonly retryAfter?: number;
}

export type Identity = { readonly principal: Principal } | { readonly denial: Denial };

/** Basic comes first: clients of 2014 look no further. */
const schemes = ['Basic realm="private"', 'Bearer realm="private"'] as const;

/** What a token is told that may not do what it asked for. */
export const insufficientScope = `${schemes[1]}, error="insufficient_scope"`;

const asks: Denial = {
  code: 'unauthenticated',
  message: 'This server asks for a username and a password',
  challenges: schemes,
};

/** The token of an `Authorization: Bearer` header (RFC 6750, section 2.1); undefined when it is of another scheme. */
export function parseBearer(header: string | undefined): string | undefined {
  return /^bearer(?: +(.*?))? *$/i
    .exec(header ?? '')
    ?.slice(1)
    .map((token) => token ?? '')[0];
}

/**
 * Who sent a request from an address, by the header Authorization.
 * @param credentials of Basic; undefined where the door asks for none
 * @param otherwise who it is when there is no token, by the door or a certificate; undefined when it has to log in
 */
export async function identify(
  request: FastifyRequest,
  client: Address,
  { tokens, logins }: Accounts,
  credentials: Credentials | undefined,
  otherwise: Principal | undefined,
): Promise<Identity> {
  const { authorization } = request.headers;
  const bearer = parseBearer(authorization);
  if (bearer === undefined && otherwise !== undefined) return { principal: otherwise };
  const basic = parseBasic(authorization);
  if (bearer === undefined && basic === undefined) return { denial: asks };
  const wait = logins.refuses(client);
  if (wait > 0) return { denial: tooMany('Too many logins from your address have failed', wait) };
  const identity = bearer === undefined ? byPassword(basic, credentials, client) : byToken(tokens, bearer, client);
  if ('denial' in identity && identity.guessed) await logins.failed(client, request.raw.socket);
  return identity;
}

/**
 * Who a request that was let in would be from now: tokens, passwords and roles may have been taken back while its answer goes on.
 * Takes what `identify` takes, and counts nothing.
 * @param client undefined where there is no address
 */
export function identifyAgain(
  { headers: { authorization } }: FastifyRequest,
  client: Address | undefined,
  { tokens }: Pick<Accounts, 'tokens'>,
  credentials: Credentials | undefined,
  otherwise: Principal | undefined,
): Principal {
  const bearer = parseBearer(authorization);
  if (bearer === undefined && otherwise !== undefined) return otherwise;
  if (bearer !== undefined) return principalOf(byToken(tokens, bearer, client));
  return client === undefined ? nobody : principalOf(byPassword(parseBasic(authorization), credentials, client));
}

function principalOf(attempt: Attempt): Principal {
  return 'principal' in attempt ? attempt.principal : nobody;
}

/** An identity, or a denial that may have been a guess. */
type Attempt = { readonly principal: Principal } | { readonly denial: Denial; readonly guessed: boolean };

function byPassword(given: Credentials | undefined, wanted: Credentials | undefined, client: Address): Attempt {
  if (given !== undefined && wanted !== undefined && sameCredentials(given, wanted)) {
    return { principal: admin('basic', `${given.username}@${formatAddress(client)}`) };
  }
  return { denial: { ...asks, logged: 'wrong credentials' }, guessed: true };
}

/** Whose token it is (RFC 6750, section 3). @param client undefined where there is no address */
export function byToken(tokens: Tokens, bearer: string, client: Address | undefined): Attempt {
  const verdict = tokens.authenticate(bearer, client);
  if ('principal' in verdict) return verdict;
  const { reason, guessed } = verdict;
  const challenges = [schemes[0], `${schemes[1]}, error="invalid_token", error_description="${reason}"`];
  return { denial: { code: 'unauthenticated', message: reason, logged: reason, challenges }, guessed };
}

/** Holds a principal to its rate. @returns why it has to wait; undefined when it needn't */
export function slowDown({ buckets }: Accounts, principal: Principal): Denial | undefined {
  const wait = buckets.take(principal);
  return wait === 0 ? undefined : tooMany(`${principal.name} asks more often than its rate allows`, wait);
}

function tooMany(what: string, wait: number): Denial {
  const message = `${what}: try again in ${wait} ${wait === 1 ? 'second' : 'seconds'}`;
  return { code: 'rate-limited', message, logged: what, retryAfter: wait };
}
