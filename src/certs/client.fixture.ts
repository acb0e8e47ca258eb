import { type Authority, keyIdentifierOf, makeAuthority } from './authority.ts';
import { certify, formatCertificate, type Validity, validityOf } from './certificate.ts';
import { formatKey, makeKey, publicKeyOf } from './key.ts';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
} from './x509.ts';

/** Certificate and key of a client, PEM. */
export interface ClientFiles {
  readonly cert: string;
  readonly key: string;
}

/** An authority that signs clients. */
export interface ClientAuthority {
  readonly pem: string;
  /** Signs a client with these common names. */
  sign(
    names: readonly string[],
    more?: { readonly validity?: Validity; readonly usage?: ExtendedKeyUsage },
  ): Promise<ClientFiles>;
}

export async function makeClientAuthority(): Promise<ClientAuthority> {
  const authority = await makeAuthority('ecdsa', new Date());
  return {
    pem: formatCertificate(authority.certificate),
    sign: (names, { validity = validityOf(new Date(), 1), usage = ExtendedKeyUsage.clientAuth } = {}) =>
      sign(authority, names, validity, usage),
  };
}

async function sign(
  authority: Authority,
  names: readonly string[],
  validity: Validity,
  usage: ExtendedKeyUsage,
): Promise<ClientFiles> {
  const key = await makeKey('ecdsa', 0);
  const draft = {
    subject: names.map((name) => ({ CN: [name] })),
    issuer: authority.certificate.subjectName,
    publicKey: publicKeyOf(key),
    validity,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new ExtendedKeyUsageExtension([usage]),
      new AuthorityKeyIdentifierExtension(await keyIdentifierOf(authority)),
    ],
  };
  return { cert: formatCertificate(await certify(draft, authority.signer)), key: formatKey(key) };
}
