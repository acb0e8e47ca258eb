import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { formatKey, makeKey, parseKey, publicKeyOf, signerOf } from './key.ts';

function ec(namedCurve: string): KeyObject {
  return generateKeyPairSync('ec', { namedCurve }).privateKey;
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const p256 = ec('P-256');

describe('private keys', () => {
  it('are made on P-256, or as RSA of the size asked for', async () => {
    const made = await makeKey('ecdsa', 2048);
    expect(made.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    expect((await makeKey('rsa', 2048)).asymmetricKeyDetails?.modulusLength).toBe(2048);
  });

  it('are written as PKCS#8', () => {
    expect(formatKey(rsa)).toMatch(/^-----BEGIN PRIVATE KEY-----\n[\s\S]+\n-----END PRIVATE KEY-----\n$/);
  });

  it.each<[form: string, text: string, header: string, key: KeyObject]>([
    ['PKCS#8', String(rsa.export({ type: 'pkcs8', format: 'pem' })), 'BEGIN PRIVATE KEY', rsa],
    ['PKCS#1', String(rsa.export({ type: 'pkcs1', format: 'pem' })), 'BEGIN RSA PRIVATE KEY', rsa],
    ['SEC1', String(p256.export({ type: 'sec1', format: 'pem' })), 'BEGIN EC PRIVATE KEY', p256],
  ])('are read from %s', (_form, text, header, key) => {
    expect(text).toContain(header);
    expect(publicKeyOf(parseKey(text, 'ca.key'))).toEqual(publicKeyOf(key));
  });

  it.each([
    ['an empty file', ''],
    ['noise', 'not a key'],
    ['a cut key', formatKey(rsa).slice(0, 900)],
    ['a public key', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n'],
  ])('are not read from %s', (_what, text) => {
    expect(() => parseKey(text, 'ca.key')).toThrow(/^ca\.key isn't a private key in PEM/);
  });

  it('are not read from behind a passphrase', () => {
    const lock = { format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' } as const;
    for (const type of ['pkcs8', 'pkcs1'] as const) {
      const text = String(rsa.export({ ...lock, type }));
      expect(() => parseKey(text, 'ca.key')).toThrow(/^ca\.key is encrypted with a passphrase/);
    }
  });

  it('sign with the hash that fits', async () => {
    const algorithms = await Promise.all(
      [rsa, p256, ec('P-384'), ec('P-521')].map(async (key) => (await signerOf(key, 'ca.key')).algorithm),
    );
    expect(algorithms).toEqual([
      { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
      { name: 'ECDSA', hash: 'SHA-256' },
      { name: 'ECDSA', hash: 'SHA-384' },
      { name: 'ECDSA', hash: 'SHA-512' },
    ]);
  });

  it.each([
    ['secp256k1', ec('secp256k1')],
    ['Ed25519', generateKeyPairSync('ed25519').privateKey],
  ])('of the kind %s are refused', async (_kind, key) => {
    await expect(signerOf(key, 'ca.key')).rejects.toThrow(/must be RSA, or ECDSA on P-256, P-384 or P-521$/);
  });
});
