import type { KeyObject } from 'node:crypto';
import { type Authority, keyIdentifierOf } from './authority.ts';
import { certify, clamp, type Validity, validityOf } from './certificate.ts';
import { type KeyAlgorithm, makeKey, publicKeyOf } from './key.ts';
import type { SubjectName } from './subject.ts';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
} from './x509.ts';

/** What a server proves itself with. */
export interface Server {
  readonly key: KeyObject;
  readonly certificate: X509Certificate;
  readonly validity: Validity;
  /** Whether it ends earlier than was asked for, together with the authority. */
  readonly shortened: boolean;
}

/** What the certificate of a server is to say. */
export interface ServerRequest {
  readonly algorithm: KeyAlgorithm;
  /** Every name that clients dial; the first one is also the common name. */
  readonly names: readonly [SubjectName, ...SubjectName[]];
  readonly days: number;
}

const rsaBits = 2048;

/** Makes the key and certificate of a server, signed by the authority and never valid beyond it. */
export async function makeServer(authority: Authority, request: ServerRequest, now: Date): Promise<Server> {
  const key = await makeKey(request.algorithm, rsaBits);
  const asked = validityOf(now, request.days);
  const validity = clamp(asked, authority.validity);
  const draft = {
    subject: [{ CN: [request.names[0].value] }],
    // The name object itself: a client compares the octets, so the issuer keeps the string types of the authority.
    issuer: authority.certificate.subjectName,
    publicKey: publicKeyOf(key),
    validity,
    extensions: await serverExtensions(authority, request),
  };
  const certificate = await certify(draft, authority.signer);
  return { key, certificate, validity, shortened: validity.until < asked.until };
}

async function serverExtensions(authority: Authority, request: ServerRequest): Promise<Extension[]> {
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(keyUsages[request.algorithm], true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    // Clients look here and nowhere else: the common name isn't matched any more (RFC 6125, section 6.4.4; RFC 9525).
    new SubjectAlternativeNameExtension([...request.names]),
    new AuthorityKeyIdentifierExtension(await keyIdentifierOf(authority)),
  ];
}

/** RFC 5280, section 4.2.1.3; the RSA key exchange of TLS 1.2 encrypts with the server's key. */
const keyUsages: Readonly<Record<KeyAlgorithm, KeyUsageFlags>> = {
  ecdsa: KeyUsageFlags.digitalSignature,
  rsa: KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment,
};
