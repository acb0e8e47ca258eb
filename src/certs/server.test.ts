import { X509Certificate as OpenSslCertificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress, parseAddress } from '../domain/address.ts';
import { keyIdentifierOf, makeAuthority } from './authority.ts';
import { formatCertificate } from './certificate.ts';
import { formatKey, type KeyAlgorithm } from './key.ts';
import { meet } from './loopback.fixture.ts';
import { describeCertificate, hasOpenSsl, verify } from './openssl.fixture.ts';
import { makeServer } from './server.ts';
import { parseSubjectNames } from './subject.ts';

const now = new Date();
const authorities = {
  ecdsa: await makeAuthority('ecdsa', now),
  rsa: await makeAuthority('rsa', now),
};

/** A server of the authority, everything as PEM. */
async function server(
  address: string,
  others: readonly string[] = [],
  algorithm: KeyAlgorithm = 'ecdsa',
  days = 825,
  authority = authorities.ecdsa,
) {
  const names = parseSubjectNames(address, others);
  const made = await makeServer(authority, { algorithm, names, days }, now);
  return {
    key: formatKey(made.key),
    certificate: formatCertificate(made.certificate),
    authority: formatCertificate(authority.certificate),
    made,
  };
}

describe('the certificate of a server', () => {
  it('names all that clients dial', async () => {
    const { certificate } = await server('11.22.33.44', ['2001:db8::1', 'rfw.example.com', '*.rfw.example.com']);
    const read = new OpenSslCertificate(certificate);
    expect(read.subject).toBe('CN=11.22.33.44');
    expect(read.ca).toBe(false);
    expect(read.checkIP('11.22.33.44')).toBe('11.22.33.44');
    expect(read.checkIP('2001:db8::1')).toBe('2001:db8::1');
    expect(read.checkIP('11.22.33.45')).toBeUndefined();
    expect(read.checkHost('rfw.example.com')).toBe('rfw.example.com');
    expect(read.checkHost('eu.rfw.example.com')).toBe('*.rfw.example.com');
    expect(read.checkHost('example.com')).toBeUndefined();
  });

  it('holds exactly the address given, for every address', async () => {
    const address = fc.oneof(fc.ipV4(), fc.ipV6()).map((text) => formatAddress(parseAddress(text)));
    await fc.assert(
      fc.asyncProperty(address, async (text) => {
        const read = new OpenSslCertificate((await server(text)).certificate);
        expect(read.checkIP(text)).toBe(text);
        expect(read.subject).toBe(`CN=${text}`);
      }),
      { numRuns: 30 },
    );
  });

  it('lasts as many days as were asked for', async () => {
    const { made } = await server('11.22.33.44', [], 'ecdsa', 825);
    const second = Math.floor(now.getTime() / 1000) * 1000;
    expect(made.certificate.notBefore).toEqual(new Date(second - 3_600_000));
    expect(made.certificate.notAfter).toEqual(new Date(second + 825 * 86_400_000));
    expect(made.shortened).toBe(false);
  });

  it('never lasts longer than the authority, nor begins before it', async () => {
    const authority = authorities.ecdsa;
    const request = { algorithm: 'ecdsa', names: parseSubjectNames('11.22.33.44', []) } as const;
    const longest = await makeServer(authority, { ...request, days: 7305 }, now);
    expect(longest.certificate.notAfter).toEqual(authority.certificate.notAfter);
    expect(longest.shortened).toBe(false);
    const later = new Date(now.getTime() + 7304 * 86_400_000);
    const last = await makeServer(authority, { ...request, days: 2 }, later);
    expect(last.certificate.notAfter).toEqual(authority.certificate.notAfter);
    expect(last.shortened).toBe(true);
    const early = await makeServer(authority, { ...request, days: 2 }, new Date(now.getTime() - 1_800_000));
    expect(early.certificate.notBefore).toEqual(authority.certificate.notBefore);
  });

  it.skipIf(!hasOpenSsl).each([
    ['ecdsa', 'Key Usage: critical Digital Signature X509v3'],
    ['rsa', 'Key Usage: critical Digital Signature, Key Encipherment X509v3'],
  ] as const)('with %s says what it is for', async (algorithm, keyUsage) => {
    const text = await describeCertificate((await server('11.22.33.44', ['::1', 'a.example'], algorithm)).certificate);
    const authority = (await keyIdentifierOf(authorities.ecdsa)).toUpperCase().replace(/..(?!$)/g, '$&:');
    expect(text).toContain('Basic Constraints: critical CA:FALSE');
    expect(text).toContain(keyUsage);
    expect(text).toContain('Extended Key Usage: TLS Web Server Authentication X509v3');
    expect(text).toContain('IP Address:11.22.33.44, IP Address:0:0:0:0:0:0:0:1, DNS:a.example X509v3');
    expect(text).toContain(`Authority Key Identifier: ${authority}`);
    expect(text).toContain('Subject Key Identifier:');
    expect(text).toContain(algorithm === 'rsa' ? 'Public-Key: (2048 bit)' : 'NIST CURVE: P-256');
  });

  it.skipIf(!hasOpenSsl)('passes openssl verify at its strictest, by address and by name', async () => {
    const { authority, certificate } = await server('11.22.33.44', ['2001:db8::1', '*.example.com']);
    for (const name of [
      ['-verify_ip', '11.22.33.44'],
      ['-verify_ip', '2001:db8::1'],
      ['-verify_hostname', 'rfw.example.com'],
    ]) {
      const said = verify(authority, certificate, '-x509_strict', '-check_ss_sig', '-purpose', 'sslserver', ...name);
      expect(await said).toContain(': OK');
    }
    await expect(verify(authority, certificate, '-verify_ip', '11.22.33.45')).rejects.toThrow(/IP address mismatch/);
    const stranger = formatCertificate(authorities.rsa.certificate);
    await expect(verify(stranger, certificate)).rejects.toThrow(/unable to get local issuer certificate/);
  });
});

describe.each([
  ['ecdsa', 'ecdsa'],
  ['ecdsa', 'rsa'],
  ['rsa', 'ecdsa'],
  ['rsa', 'rsa'],
] as const)('over TLS, an authority with %s and a server with %s', (signing, serving) => {
  const made = (address: string, others: readonly string[] = []) =>
    server(address, others, serving, 825, authorities[signing]);

  it.each(['127.0.0.1', '::1'])('are believed at %s', async (address) => {
    expect(await meet({ ...(await made(address)), address })).toBe('welcome');
  });

  it('are believed in TLS 1.2 as well', async () => {
    const address = '127.0.0.1';
    expect(await meet({ ...(await made(address)), address, maxVersion: 'TLSv1.2' })).toBe('welcome');
  });

  it('are believed by a second address, a name and a wildcard', async () => {
    const files = await made('192.0.2.7', ['127.0.0.1', 'rfw.example.com', '*.net.example.com']);
    expect(await meet({ ...files, address: '127.0.0.1' })).toBe('welcome');
    expect(await meet({ ...files, address: '127.0.0.1', name: 'rfw.example.com' })).toBe('welcome');
    expect(await meet({ ...files, address: '127.0.0.1', name: 'a.net.example.com' })).toBe('welcome');
  });

  it('are not believed elsewhere', async () => {
    const files = await made('192.0.2.7', ['rfw.example.com']);
    const code = 'ERR_TLS_CERT_ALTNAME_INVALID';
    await expect(meet({ ...files, address: '127.0.0.1' })).rejects.toMatchObject({ code });
    const other = meet({ ...files, address: '127.0.0.1', name: 'other.example.com' });
    await expect(other).rejects.toMatchObject({ code });
  });

  it('are not believed by who trusts another authority', async () => {
    const stranger = formatCertificate(authorities[signing === 'rsa' ? 'ecdsa' : 'rsa'].certificate);
    const meeting = meet({ ...(await made('127.0.0.1')), address: '127.0.0.1', authority: stranger });
    await expect(meeting).rejects.toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  });
});
