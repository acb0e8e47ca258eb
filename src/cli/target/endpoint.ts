import { usageFailure } from '../failure.ts';

/** Where a daemon is asked. */
export type Endpoint =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'http' | 'https'; readonly hostname: string; readonly port: number };

/** Who asks, and whom it trusts. Files are paths. */
export interface Credentials {
  readonly token?: string;
  readonly user?: string;
  readonly password?: string;
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** A daemon, and how to speak with it. */
export interface Target {
  /** As people name it. */
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly credentials: Credentials;
}

const defaultPorts = { http: 7390, https: 7393 } as const;

/**
 * Reads where a daemon is: a URL, a path of a unix socket, or a host with or without a port, which is asked by https.
 * @throws Failure `usage`
 */
export function parseEndpoint(text: string): Endpoint {
  if (text.startsWith('/') || text.startsWith('unix:')) return { kind: 'socket', path: text.replace(/^unix:/, '') };
  const bare = /^[0-9a-f:]+:[0-9a-f:]*$/i.test(text) && text.split(':').length > 2 ? `[${text}]` : text;
  let url: URL;
  try {
    url = new URL(/^\w+:\/\//.test(bare) ? bare : `https://${bare}`);
  } catch (error) {
    throw usageFailure(`"${text}" is not a host: give https://11.22.33.44:7393, or the path of a unix socket`, error);
  }
  const kind = url.protocol.slice(0, -1);
  if (kind !== 'http' && kind !== 'https') throw usageFailure(`"${text}" must begin with https:// or http://`);
  if (url.username !== '' || url.password !== '')
    throw usageFailure(
      `"${text}" has a password in it, which others on this machine can see: use a context, or RFW_USER`,
    );
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw usageFailure(`"${text}" must be a host without a path: https://11.22.33.44:7393`);
  // A port that is the usual one of the scheme is left out of a URL, and 443 is none of rfw's.
  const written = /:(\d+)\/?$/.exec(bare)?.[1];
  return {
    kind,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || (written ?? defaultPorts[kind])),
  };
}

/** The endpoint as text that `parseEndpoint` reads. */
export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === 'socket') return endpoint.path;
  const host = endpoint.hostname.includes(':') ? `[${endpoint.hostname}]` : endpoint.hostname;
  return `${endpoint.kind}://${host}:${endpoint.port}`;
}
