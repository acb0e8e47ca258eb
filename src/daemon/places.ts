import type { Settings } from './settings.ts';

/** Where a server listens. */
export type Place = TcpPlace | UnixPlace;

interface TcpPlace {
  readonly kind: 'outward' | 'local';
  readonly host: string;
  readonly port: number;
  /** The host may lack this address; then the server does without. */
  readonly optional: boolean;
  /** Whether clients are asked for a certificate, which a server can't change its mind about. */
  readonly asksForCertificate: boolean;
}

interface UnixPlace {
  readonly kind: 'socket';
  readonly path: string;
  /** The gid; undefined is that of the daemon. */
  readonly group: number | undefined;
  /** Nobody has asked for it at this path; where it can't be there the daemon does without. */
  readonly optional: boolean;
}

/** Where the settings want servers to listen. */
export function placesOf({ config: { outward, local, socket } }: Settings): Place[] {
  const places: Place[] = [];
  if (local !== undefined) {
    const { port } = local;
    places.push({ kind: 'local', host: '127.0.0.1', port, optional: false, asksForCertificate: false });
    places.push({ kind: 'local', host: '::1', port, optional: true, asksForCertificate: false });
  }
  if (outward !== undefined) {
    const { ip: host, port, certificates } = outward;
    places.push({ kind: 'outward', host, port, optional: false, asksForCertificate: certificates !== undefined });
  }
  if (socket !== undefined) {
    const { path, group, chosen } = socket;
    places.push({ kind: 'socket', path, group, optional: !chosen });
  }
  return places;
}

/** What two places must have in common to be served by one server. */
export function keyOf(place: Place): string {
  return place.kind === 'socket'
    ? `${urlOf(place)} ${place.group ?? ''}`
    : `${urlOf(place)} ${place.asksForCertificate}`;
}

/** Whether both can't be listened on at once. */
export function isInTheWay(place: Place, other: Place): boolean {
  if (place.kind === 'socket') return other.kind === 'socket' && other.path === place.path;
  return other.kind !== 'socket' && other.port === place.port;
}

export function schemeOf({ kind }: Place): 'http' | 'https' {
  return kind === 'outward' ? 'https' : 'http';
}

/** Where it is, for people. */
export function urlOf(place: Place): string {
  return place.kind === 'socket' ? `unix:${place.path}` : formatUrl(schemeOf(place), place.host, place.port);
}

/** The URL of a server; an IPv6 address is put in brackets (RFC 3986, section 3.2.2). */
export function formatUrl(scheme: 'http' | 'https', host: string, port: number): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
