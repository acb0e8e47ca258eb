import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { adviceOf } from '../connection.ts';
import { formatEndpoint, type Target } from '../target/endpoint.ts';

/** The certificate that a host shows. */
export interface ShownCertificate {
  readonly subject: string;
  readonly issuer: string;
  /** Milliseconds since the epoch. */
  readonly validTo: number;
}

/**
 * The certificate of a host, if it is good for its name and by an authority that is trusted here; else what is wrong.
 * @param patience how long the host has to show it, in milliseconds
 */
export function certificateOf(
  { endpoint, credentials }: Target,
  patience: number,
): Promise<ShownCertificate | { readonly failure: string }> {
  if (endpoint.kind === 'socket') throw new Error('A unix socket has no certificate');
  const { hostname: host, port } = endpoint;
  const { cacert } = credentials;
  return new Promise((resolve) => {
    const socket = connect({
      ...{ host, port, timeout: patience },
      // An address is no name, and must not be sent as one (RFC 6066, section 3).
      ...(isIP(host) === 0 && { servername: host }),
      ...(cacert !== undefined && { ca: readFileSync(cacert) }),
    });
    const end = (found: ShownCertificate | { readonly failure: string }): void => {
      socket.destroy();
      resolve(found);
    };
    socket.once('timeout', () => end({ failure: `no certificate in ${patience / 1000} s` }));
    socket.once('error', (error) => end({ failure: adviceOf(error, formatEndpoint(endpoint)) }));
    socket.once('secureConnect', () => {
      const { subject, issuer, valid_to } = socket.getPeerCertificate();
      const named = (name: string | string[] | undefined): string | undefined => [name].flat().join(', ') || undefined;
      end({
        subject: named(subject.CN) ?? host,
        issuer: named(issuer.CN) ?? named(issuer.O) ?? 'an authority without a name',
        validTo: Date.parse(valid_to),
      });
    });
  });
}
