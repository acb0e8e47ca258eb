import { randomBytes } from 'node:crypto';
import type { Signer } from './key.ts';
import {
  type Extension,
  type JsonName,
  type Name,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from './x509.ts';

/** The first and the last instant of a certificate, whole seconds (RFC 5280, section 4.1.2.5). */
export interface Validity {
  readonly from: Date;
  readonly until: Date;
}

/** A certificate that waits for its signature. */
export interface Draft {
  readonly subject: JsonName | Name;
  readonly issuer: JsonName | Name;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly validity: Validity;
  /** Beside the subject key identifier, which every certificate gets. */
  readonly extensions: readonly Extension[];
}

const day = 86_400_000;

/** A certificate is valid from one hour before it was made, so that a peer whose clock is behind takes it at once. */
const backdate = 3_600_000;

/** `days` days of 24 hours from `now`. */
export function validityOf(now: Date, days: number): Validity {
  const start = Math.floor(now.getTime() / 1000) * 1000;
  return { from: new Date(start - backdate), until: new Date(start + days * day) };
}

/** The part of a validity that lies inside another one. */
export function clamp(validity: Validity, bounds: Validity): Validity {
  return {
    from: new Date(Math.max(validity.from.getTime(), bounds.from.getTime())),
    until: new Date(Math.min(validity.until.getTime(), bounds.until.getTime())),
  };
}

/** Sixteen random octets in hex. The two high bits make it positive and keep DER from shortening it: 126 bits are random. */
function serialNumber(): string {
  const octets = randomBytes(16);
  octets.writeUInt8((octets.readUInt8(0) & 0x3f) | 0x40, 0);
  return octets.toString('hex');
}

/** Signs a draft. */
export async function certify(draft: Draft, signer: Signer): Promise<X509Certificate> {
  return X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: draft.subject,
    issuer: draft.issuer,
    notBefore: draft.validity.from,
    notAfter: draft.validity.until,
    publicKey: draft.publicKey,
    signingKey: signer.key,
    signingAlgorithm: signer.algorithm,
    extensions: [...draft.extensions, await SubjectKeyIdentifierExtension.create(draft.publicKey)],
  });
}

/** A certificate as PEM (RFC 7468, section 5). */
export function formatCertificate(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

/** A certificate from DER. */
export function certificateFrom(der: Uint8Array): X509Certificate {
  return new X509Certificate(der);
}
