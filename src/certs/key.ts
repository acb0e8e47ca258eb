import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, webcrypto } from 'node:crypto';
import { promisify } from 'node:util';
import { RfwError, reasonOf } from '../domain/errors.ts';

export type KeyAlgorithm = 'ecdsa' | 'rsa';

/** A private key as WebCrypto signs with it. */
export interface Signer {
  readonly key: webcrypto.CryptoKey;
  readonly algorithm: { readonly name: string; readonly hash: string };
}

const generate = promisify(generateKeyPair);

/** Makes a private key: ECDSA on P-256, or RSA of `rsaBits`. */
export async function makeKey(algorithm: KeyAlgorithm, rsaBits: number): Promise<KeyObject> {
  const pair =
    algorithm === 'rsa'
      ? await generate('rsa', { modulusLength: rsaBits })
      : await generate('ec', { namedCurve: 'P-256' });
  return pair.privateKey;
}

/** A private key as PKCS#8 PEM (RFC 7468, section 10). */
export function formatKey(key: KeyObject): string {
  return String(key.export({ type: 'pkcs8', format: 'pem' }));
}

/** The SubjectPublicKeyInfo of a private key, DER. */
export function publicKeyOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

/**
 * Reads a private key in PEM: PKCS#8, or the PKCS#1 and SEC1 forms that openssl wrote in 2014.
 * @param source names the file in a message
 * @throws RfwError `certificate-invalid`
 */
export function parseKey(text: string, source: string): KeyObject {
  // Both PEM forms of an encrypted key say so in plain text: `ENCRYPTED PRIVATE KEY` and `Proc-Type: 4,ENCRYPTED`.
  if (text.includes('ENCRYPTED')) {
    throw new RfwError(
      'certificate-invalid',
      `${source} is encrypted with a passphrase: decrypt it first, for example with openssl pkey`,
    );
  }
  try {
    return createPrivateKey(text);
  } catch (error) {
    throw new RfwError('certificate-invalid', `${source} isn't a private key in PEM (${reasonOf(error)})`, {
      cause: error,
    });
  }
}

/** The name that WebCrypto has for a curve, and the hash of matching strength (FIPS 186-5, section 6.1.1). */
const curves: Readonly<Record<string, { readonly namedCurve: string; readonly hash: string }>> = {
  prime256v1: { namedCurve: 'P-256', hash: 'SHA-256' },
  secp384r1: { namedCurve: 'P-384', hash: 'SHA-384' },
  secp521r1: { namedCurve: 'P-521', hash: 'SHA-512' },
};

/**
 * What signs certificates with the key.
 * @throws RfwError `certificate-invalid` when the key is neither RSA nor on a NIST curve
 */
export async function signerOf(key: KeyObject, source: string): Promise<Signer> {
  const der = key.export({ type: 'pkcs8', format: 'der' });
  if (key.asymmetricKeyType === 'rsa') {
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    return { key: await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']), algorithm };
  }
  const curve = curves[key.asymmetricKeyDetails?.namedCurve ?? ''];
  if (key.asymmetricKeyType !== 'ec' || curve === undefined) {
    throw new RfwError(
      'certificate-invalid',
      `${source} is a key of a kind that rfwgen can't sign with: it must be RSA, or ECDSA on P-256, P-384 or P-521`,
    );
  }
  const imported = { name: 'ECDSA', namedCurve: curve.namedCurve };
  return {
    key: await webcrypto.subtle.importKey('pkcs8', der, imported, false, ['sign']),
    algorithm: { name: 'ECDSA', hash: curve.hash },
  };
}
