import { type KeyObject, X509Certificate as OpenSslCertificate } from 'node:crypto';
import { RfwError, reasonOf } from '../domain/errors.ts';
import { certificateFrom, certify, type Validity, validityOf } from './certificate.ts';
import { type KeyAlgorithm, makeKey, parseKey, publicKeyOf, type Signer, signerOf } from './key.ts';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
} from './x509.ts';

/** A certificate authority that can sign. */
export interface Authority {
  readonly key: KeyObject;
  readonly signer: Signer;
  readonly certificate: X509Certificate;
  readonly validity: Validity;
  /** Whether the certificate says that it is an authority's, without which a version 3 certificate isn't believed. */
  readonly declared: boolean;
}

/** The text of the two files of an authority, and the names to call them by in a message. */
export interface AuthorityText {
  readonly key: string;
  readonly keyName: string;
  readonly certificate: string;
  readonly certificateName: string;
}

/** Twenty years of 365.25 days. */
export const authorityDays = 7305;

const rsaBits = 4096;

/** Makes a new self-signed authority. The second in its name tells it from every other authority that rfwgen made. */
export async function makeAuthority(algorithm: KeyAlgorithm, now: Date): Promise<Authority> {
  const key = await makeKey(algorithm, rsaBits);
  const signer = await signerOf(key, 'The new key');
  const name = [{ O: [`rfw root CA ${now.toISOString().slice(0, 19).replace('T', ' ')}`] }];
  const validity = validityOf(now, authorityDays);
  const draft = {
    subject: name,
    issuer: name,
    publicKey: publicKeyOf(key),
    validity,
    extensions: [
      // Path length 0: what it signs are servers, never another authority (RFC 5280, section 4.2.1.9).
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  };
  return { key, signer, certificate: await certify(draft, signer), validity, declared: true };
}

/**
 * Reads an authority, and makes sure that what it signs now will be believed.
 * @throws RfwError `certificate-invalid`
 */
export async function readAuthority(text: AuthorityText, now: Date): Promise<Authority> {
  const key = parseKey(text.key, text.keyName);
  const signer = await signerOf(key, text.keyName);
  const read = parseCertificate(text.certificate, text.certificateName);
  if (!read.openSsl.checkPrivateKey(key)) {
    throw new RfwError(
      'certificate-invalid',
      `${text.keyName} and ${text.certificateName} don't belong together: their public keys differ. Put back the two files of one authority`,
    );
  }
  checkSignature(read.openSsl, text.certificateName);
  checkValidity(read.validity, text, now);
  checkPurpose(read, text.certificateName);
  return { key, signer, certificate: read.certificate, validity: read.validity, declared: isDeclared(read) };
}

interface Read {
  readonly openSsl: OpenSslCertificate;
  readonly certificate: X509Certificate;
  readonly validity: Validity;
  readonly basicConstraints: BasicConstraintsExtension | null;
  readonly keyUsages: KeyUsagesExtension | null;
}

/** OpenSSL reads the PEM, and skips the text that `openssl x509 -text` writes above it; the library takes the DER. */
function parseCertificate(text: string, source: string): Read {
  try {
    const openSsl = new OpenSslCertificate(text);
    const certificate = certificateFrom(openSsl.raw);
    return {
      openSsl,
      certificate,
      validity: { from: certificate.notBefore, until: certificate.notAfter },
      basicConstraints: certificate.getExtension(BasicConstraintsExtension),
      keyUsages: certificate.getExtension(KeyUsagesExtension),
    };
  } catch (error) {
    throw new RfwError(
      'certificate-invalid',
      `${source} isn't a certificate in PEM (${reasonOf(error)}). Put back the right file from a backup or from a client`,
      { cause: error },
    );
  }
}

/** No client checks the signature of a root, so only this finds a damaged one. */
function checkSignature(certificate: OpenSslCertificate, source: string): void {
  const selfSigned = certificate.issuer === certificate.subject;
  if (selfSigned && !certificate.verify(certificate.publicKey)) {
    throw new RfwError(
      'certificate-invalid',
      `${source} is damaged: its signature is wrong. Put back the right file from a backup or from a client`,
    );
  }
}

function checkValidity(validity: Validity, text: AuthorityText, now: Date): void {
  if (validity.until <= now) {
    throw new RfwError(
      'certificate-invalid',
      `The authority in ${text.certificateName} expired on ${formatDay(validity.until)}. To start a new one, move ` +
        `${text.keyName} and ${text.certificateName} away and run rfwgen again; then every server needs a new ` +
        `certificate and every client the new ${text.certificateName}`,
    );
  }
  if (validity.from > now) {
    throw new RfwError(
      'certificate-invalid',
      `The authority in ${text.certificateName} begins on ${validity.from.toISOString()}, which is in the future: set the clock of this machine`,
    );
  }
}

/** RFC 5280, sections 4.2.1.3 and 4.2.1.9. A version 1 certificate has neither extension and is believed as a root. */
function checkPurpose(read: Read, source: string): void {
  const notAuthority = read.basicConstraints !== null && !read.basicConstraints.ca;
  const cannotSign = read.keyUsages !== null && (read.keyUsages.usages & KeyUsageFlags.keyCertSign) === 0;
  if (notAuthority || cannotSign) {
    throw new RfwError(
      'certificate-invalid',
      `${source} isn't the certificate of an authority: it may not sign others. Put back the right file from a backup or from a client`,
    );
  }
}

/** A certificate without any extension is of version 1, whose roots are believed as they are. */
function isDeclared(read: Read): boolean {
  return read.basicConstraints !== null || read.certificate.extensions.length === 0;
}

/**
 * The identifier, in hex, by which the certificates of this authority refer to its key. Clients compare it to the one in
 * the authority's certificate, whatever way that was made (RFC 5280, section 4.2.1.1); 2014 certificates may have none.
 */
export async function keyIdentifierOf(authority: Authority): Promise<string> {
  const written = authority.certificate.getExtension(SubjectKeyIdentifierExtension);
  return (written ?? (await SubjectKeyIdentifierExtension.create(publicKeyOf(authority.key)))).keyId;
}

/** The day of an instant in UTC: `2026-11-23`. */
export function formatDay(instant: Date): string {
  return instant.toISOString().slice(0, 10);
}
