import { createHash, timingSafeEqual } from 'node:crypto';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** The credentials of an `Authorization: Basic` header (RFC 7617, UTF-8); undefined when there are none to read. */
export function parseBasic(header: string | undefined): Credentials | undefined {
  const match = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header ?? '');
  const text = match === null ? '' : Buffer.from(match[1] ?? '', 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** Whether two credentials are the same, in a time that tells nothing about where they differ. */
export function sameCredentials(a: Credentials, b: Credentials): boolean {
  const username = sameText(a.username, b.username);
  const password = sameText(a.password, b.password);
  return username && password;
}

/** Hashes are of one length whatever was sent, as timingSafeEqual needs. */
function sameText(a: string, b: string): boolean {
  return timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());
}
