import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { formatAddress } from '../domain/address.ts';
import type { Whitelist } from '../domain/whitelist.ts';
import { admin } from './access/principal.ts';
import { crossSite, foreignness } from './browser.ts';
import { type Credentials, parseBasic, sameCredentials } from './credentials.ts';
import { sendError } from './errors.ts';
import { clientAddress } from './server.ts';

/** Told of every request that a door turned away. */
export type OnRefusal = (client: string, reason: string) => void;

export interface OutwardPolicy {
  readonly whitelist: Whitelist;
  readonly credentials: Credentials;
}

export interface LocalPolicy {
  readonly port: number;
  /** Undefined when the local server asks for none. */
  readonly credentials: Credentials | undefined;
}

/** The outward server is for whitelisted clients that know the password. */
export function guardOutward(server: FastifyInstance, policy: () => OutwardPolicy, onRefusal: OnRefusal): void {
  server.addHook('onRequest', async (request, reply) => {
    request.door = 'outward';
    const { whitelist, credentials } = policy();
    const client = clientAddress(request);
    if (!whitelist.covers(client)) {
      onRefusal(formatAddress(client), 'not in the whitelist');
      return sendError(reply, 'not-whitelisted', 'Your address is not in the whitelist');
    }
    const foreign = crossSite(request.headers, [`https://${(request.headers.host ?? '').toLowerCase()}`]);
    if (foreign !== undefined) {
      onRefusal(formatAddress(client), foreign);
      return sendError(reply, 'cross-site', foreign);
    }
    await authenticate(request, reply, credentials, onRefusal);
  });
}

/** The local server is for programs on this host, and no page in a browser may pass for one. */
export function guardLocal(server: FastifyInstance, policy: () => LocalPolicy, onRefusal: OnRefusal): void {
  server.addHook('onRequest', async (request, reply) => {
    request.door = 'local';
    const { port, credentials } = policy();
    const foreign = foreignness(request.headers, port);
    if (foreign !== undefined) {
      onRefusal(formatAddress(clientAddress(request)), foreign);
      return sendError(reply, 'cross-site', foreign);
    }
    request.principal = admin('local', 'local');
    if (credentials !== undefined) await authenticate(request, reply, credentials, onRefusal);
  });
}

async function authenticate(
  request: FastifyRequest,
  reply: FastifyReply,
  credentials: Credentials,
  onRefusal: OnRefusal,
): Promise<void> {
  const given = parseBasic(request.headers.authorization);
  const client = formatAddress(clientAddress(request));
  if (given !== undefined && sameCredentials(given, credentials)) {
    request.principal = admin('basic', `${given.username}@${client}`);
    return;
  }
  if (given !== undefined) onRefusal(client, 'wrong credentials');
  reply.header('www-authenticate', 'Basic realm="private"');
  await sendError(reply, 'unauthenticated', 'This server asks for a username and a password');
}
