import type { Socket } from 'node:net';
import { type PeerCertificate, TLSSocket } from 'node:tls';
import { quote } from '../../domain/address.ts';
import { RfwError } from '../../domain/errors.ts';
import { type Principal, type Scope, scopes } from './principal.ts';

/** What those may do who show a certificate, by the common name of its subject. */
export type Roles = ReadonlyMap<string, ReadonlySet<Scope>>;

/**
 * Reads roles: `CN=detector: rules:write rules:read, CN=ops: admin`.
 * @throws RfwError `config-invalid` that says what is allowed
 */
export function parseRoles(text: string): Roles {
  const roles = new Map<string, ReadonlySet<Scope>>();
  for (const part of text.split(',')) {
    const [, name = '', words = ''] = /^\s*CN=([^:]*[^:\s])\s*:(.*)$/.exec(part) ?? [];
    if (name === '') throw invalid(`${quote(part.trim())} must be CN=NAME: SCOPES, and the next one after a comma`);
    if (roles.has(name)) throw invalid(`CN=${name} is there twice`);
    roles.set(name, new Set(parseScopes(name, words)));
  }
  return roles;
}

function parseScopes(name: string, text: string): Scope[] {
  const words = text.split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) throw invalid(`CN=${name} needs at least one scope of ${scopes.join(', ')}`);
  return words.map((word) => {
    const scope = scopes.find((candidate) => candidate === word);
    if (scope === undefined) throw invalid(`${quote(word)} is none of the scopes: ${scopes.join(', ')}`);
    return scope;
  });
}

function invalid(message: string): RfwError {
  return new RfwError('config-invalid', message);
}

/** What a client has shown when its connection was made. */
export type Shown =
  /** No certificate: it may log in otherwise. */
  | { readonly kind: 'none' }
  /** One that isn't of the authority, isn't for clients, or isn't valid now. */
  | { readonly kind: 'invalid'; readonly reason: string }
  /** @property name the common name; undefined where the subject has none, or several */
  | { readonly kind: 'valid'; readonly name: string | undefined; readonly until: number };

/** Certificates don't change while a connection lasts. */
const shown = new WeakMap<Socket, Shown>();

/**
 * The certificate that the client of a connection has shown.
 * @param now milliseconds since the epoch: connections may last longer than certificates
 */
export function certificateOf(socket: Socket, now: number): Shown {
  const known = shown.get(socket);
  const found = known ?? readCertificate(socket);
  if (known === undefined) shown.set(socket, found);
  return found.kind === 'valid' && found.until <= now ? { kind: 'invalid', reason: 'it has expired' } : found;
}

function readCertificate(socket: Socket): Shown {
  if (!(socket instanceof TLSSocket)) return { kind: 'none' };
  const certificate = socket.getPeerCertificate() as Partial<PeerCertificate>;
  if (certificate.subject === undefined) return { kind: 'none' };
  // By the types an Error, by what Node does the code of OpenSSL.
  if (!socket.authorized) return { kind: 'invalid', reason: String(socket.authorizationError) };
  const name: unknown = certificate.subject.CN;
  return {
    kind: 'valid',
    name: typeof name === 'string' ? name : undefined,
    until: Date.parse(certificate.valid_to ?? ''),
  };
}

/** The principal of a valid certificate; undefined when its name has no role. */
export function principalOfCertificate(name: string | undefined, roles: Roles): Principal | undefined {
  const role = name === undefined ? undefined : roles.get(name);
  return role && { name: `certificate:${name}`, kind: 'certificate', scopes: role, limits: {} };
}
