import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Address, formatAddress } from '../domain/address.ts';
import type { Whitelist } from '../domain/whitelist.ts';
import {
  type Accounts,
  byToken,
  type Denial,
  type Identity,
  identify,
  identifyAgain,
  insufficientScope,
  parseBearer,
  slowDown,
} from './access/authentication.ts';
import { certificateOf, principalOfCertificate, type Roles } from './access/certificates.ts';
import { admin, nobody, type Principal } from './access/principal.ts';
import { crossSite, foreignness } from './browser.ts';
import type { Credentials } from './credentials.ts';
import { sendError } from './errors.ts';
import { clientAddress } from './server.ts';

/** Told of every request that a door turned away. */
export type OnRefusal = (client: string, reason: string) => void;

export interface OutwardPolicy {
  readonly whitelist: Whitelist;
  readonly credentials: Credentials;
  /** What those may do who show a certificate. */
  readonly roles: Roles;
}

export interface LocalPolicy {
  readonly port: number;
  /** Undefined when the local server asks for none. */
  readonly credentials: Credentials | undefined;
}

/** For a client that has hung up. */
const unknownAddress = 'Your address is not known';

/** The outward server is for whitelisted clients that show a certificate, have a token, or know the password. */
export function guardOutward(
  server: FastifyInstance,
  policy: () => OutwardPolicy,
  accounts: Accounts,
  onRefusal: OnRefusal,
): void {
  challengeForbidden(server);
  server.addHook('onRequest', async (request, reply) => {
    request.door = 'outward';
    const { whitelist, credentials, roles } = policy();
    const client = clientAddress(request);
    if (client === undefined) return sendError(reply, 'not-whitelisted', unknownAddress);
    if (!whitelist.covers(client)) {
      onRefusal(formatAddress(client), 'not in the whitelist');
      // The kernel lets nobody else come this far, unless it has no guard. Then who tries to log in is a stranger.
      if (request.headers.authorization !== undefined) accounts.logins.strayed(client);
      return sendError(reply, 'not-whitelisted', 'Your address is not in the whitelist');
    }
    const foreign = crossSite(request.headers, [`https://${(request.headers.host ?? '').toLowerCase()}`]);
    if (foreign !== undefined) {
      onRefusal(formatAddress(client), foreign);
      return sendError(reply, 'cross-site', foreign);
    }
    request.principalNow = () => outwardPrincipal(request, client, policy(), accounts);
    const certificate = certificateOf(request.raw.socket, Date.now());
    const log = (reason: string): void => onRefusal(formatAddress(client), reason);
    if (certificate.kind === 'invalid') return deny(reply, notAccepted(certificate.reason), log);
    const shown = certificate.kind === 'valid' ? principalOfCertificate(certificate.name, roles) : undefined;
    await admit(request, reply, await identify(request, client, accounts, credentials, shown), accounts, log);
  });
}

/** Who a request that was let in would be from by the policy of now. */
function outwardPrincipal(
  request: FastifyRequest,
  client: Address,
  { whitelist, credentials, roles }: OutwardPolicy,
  accounts: Accounts,
): Principal {
  const certificate = certificateOf(request.raw.socket, Date.now());
  if (!whitelist.covers(client) || certificate.kind === 'invalid') return nobody;
  const shown = certificate.kind === 'valid' ? principalOfCertificate(certificate.name, roles) : undefined;
  return identifyAgain(request, client, accounts, credentials, shown);
}

function notAccepted(reason: string): Denial {
  const message = `Your certificate is not accepted: ${reason}`;
  return { code: 'forbidden', message, logged: `certificate not accepted: ${reason}` };
}

/** The local server is for programs on this host, and no page in a browser may pass for one. */
export function guardLocal(
  server: FastifyInstance,
  policy: () => LocalPolicy,
  accounts: Accounts,
  onRefusal: OnRefusal,
): void {
  challengeForbidden(server);
  server.addHook('onRequest', async (request, reply) => {
    request.door = 'local';
    const { port, credentials } = policy();
    const client = clientAddress(request);
    if (client === undefined) return sendError(reply, 'not-whitelisted', unknownAddress);
    const foreign = foreignness(request.headers, port);
    if (foreign !== undefined) {
      onRefusal(formatAddress(client), foreign);
      return sendError(reply, 'cross-site', foreign);
    }
    request.principalNow = () => {
      const now = policy().credentials;
      return identifyAgain(request, client, accounts, now, localPrincipal(now));
    };
    const identity = await identify(request, client, accounts, credentials, localPrincipal(credentials));
    await admit(request, reply, identity, accounts, (reason) => onRefusal(formatAddress(client), reason));
  });
}

/** Who asks without logging in; undefined where everybody has to. */
function localPrincipal(credentials: Credentials | undefined): Principal | undefined {
  return credentials === undefined ? admin('local', 'local') : undefined;
}

/** The unix socket is for whoever its permissions let in. A token that is sent along narrows what may be done. */
export function guardSocket(server: FastifyInstance, accounts: Accounts, onRefusal: OnRefusal): void {
  challengeForbidden(server);
  server.addHook('onRequest', async (request, reply) => {
    request.door = 'socket';
    const socket = admin('socket', 'socket');
    request.principalNow = () => identifyAgain(request, undefined, accounts, undefined, socket);
    const bearer = parseBearer(request.headers.authorization);
    const identity = bearer === undefined ? { principal: socket } : byToken(accounts.tokens, bearer, undefined);
    await admit(request, reply, identity, accounts, (reason) => onRefusal('socket', reason));
  });
}

/** Tells who asks with a token that another one might do (RFC 6750, section 3.1). */
function challengeForbidden(server: FastifyInstance): void {
  server.addHook('onSend', (request, reply, _payload, done) => {
    if (reply.statusCode === 403 && request.principal.kind === 'token')
      reply.header('www-authenticate', insufficientScope);
    done();
  });
}

/** Lets in who is known and doesn't ask too often. */
async function admit(
  request: FastifyRequest,
  reply: FastifyReply,
  identity: Identity,
  accounts: Accounts,
  log: (reason: string) => void,
): Promise<void> {
  const denial = 'denial' in identity ? identity.denial : slowDown(accounts, identity.principal);
  if (denial !== undefined) return deny(reply, denial, log);
  if ('principal' in identity) request.principal = identity.principal;
}

async function deny(reply: FastifyReply, denial: Denial, log: (reason: string) => void): Promise<void> {
  const { code, message, logged, challenges, retryAfter } = denial;
  if (logged !== undefined) log(logged);
  if (challenges !== undefined) reply.header('www-authenticate', challenges);
  if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter));
  await sendError(reply, code, message);
}
