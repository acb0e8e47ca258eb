import { X509Certificate as OpenSslCertificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Authority, keyIdentifierOf, makeAuthority, readAuthority } from './authority.ts';
import { formatCertificate } from './certificate.ts';
import { formatKey } from './key.ts';
import { meet } from './loopback.fixture.ts';
import { describeCertificate, hasOpenSsl, inDirectory, openSsl, verify } from './openssl.fixture.ts';
import { makeServer } from './server.ts';
import { parseSubjectNames } from './subject.ts';

const now = new Date('2026-11-23T09:00:00.789Z');

function textOf(key: string, certificate: string) {
  return { key, keyName: 'offline/ca.key', certificate, certificateName: 'client/ca.crt' };
}

function texts(authority: Authority) {
  return textOf(formatKey(authority.key), formatCertificate(authority.certificate));
}

/** An authority as openssl makes it in the directory: its own commands write ca.key and ca.crt. */
function madeByOpenSsl(commands: readonly (readonly string[])[], extra: Record<string, string> = {}) {
  return inDirectory((directory) => {
    for (const [name, text] of Object.entries(extra)) writeFileSync(join(directory, name), text);
    for (const command of commands) openSsl(directory, ...command);
    const read = (name: string) => readFileSync(join(directory, name), 'utf8');
    return textOf(read('ca.key'), read('ca.crt'));
  });
}

/** Whether a TLS client that trusts the authority believes the server that it signs today. */
async function believed(text: ReturnType<typeof textOf>): Promise<string> {
  const authority = await readAuthority(text, new Date());
  const request = { algorithm: 'ecdsa', names: parseSubjectNames('127.0.0.1', []), days: 30 } as const;
  const server = await makeServer(authority, request, new Date());
  const certificate = formatCertificate(server.certificate);
  const issuer = new OpenSslCertificate(text.certificate);
  expect(new OpenSslCertificate(certificate).checkIssued(issuer)).toBe(true);
  expect(new OpenSslCertificate(certificate).verify(issuer.publicKey)).toBe(true);
  return meet({ key: formatKey(server.key), certificate, authority: text.certificate, address: '127.0.0.1' });
}

describe('a new authority', () => {
  it('is self-signed, for twenty years, and named after its second', async () => {
    const authority = await makeAuthority('ecdsa', now);
    const certificate = new OpenSslCertificate(formatCertificate(authority.certificate));
    expect(certificate.subject).toBe('O=rfw root CA 2026-11-23 09:00:00');
    expect(certificate.issuer).toBe(certificate.subject);
    expect(certificate.ca).toBe(true);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.validFrom).toBe('Nov 23 08:00:00 2026 GMT');
    expect(certificate.validTo).toBe('Nov 23 09:00:00 2046 GMT');
    // The leading digit is 4 to 7: sixteen octets, and positive without another one before them.
    expect(certificate.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
  });

  it('has another serial number and key every time', async () => {
    const [first, second] = [await makeAuthority('ecdsa', now), await makeAuthority('ecdsa', now)];
    expect(first.certificate.serialNumber).not.toBe(second.certificate.serialNumber);
    expect(formatKey(first.key)).not.toBe(formatKey(second.key));
  });

  it('outlives 2049, where the time format of certificates changes', async () => {
    const authority = await makeAuthority('ecdsa', new Date('2035-01-01T00:00:00Z'));
    const certificate = new OpenSslCertificate(formatCertificate(authority.certificate));
    expect(certificate.validFrom).toBe('Dec 31 23:00:00 2034 GMT');
    expect(certificate.validTo).toBe('Jan  1 00:00:00 2055 GMT');
  });

  it.skipIf(!hasOpenSsl)('says what it is for', async () => {
    const text = await describeCertificate(formatCertificate((await makeAuthority('ecdsa', now)).certificate));
    expect(text).toContain('Signature Algorithm: ecdsa-with-SHA256');
    expect(text).toContain('Basic Constraints: critical CA:TRUE, pathlen:0');
    expect(text).toContain('Key Usage: critical Certificate Sign, CRL Sign');
    expect(text).toContain('Subject Key Identifier:');
  });

  it('may be RSA of 4096 bits', { timeout: 60_000 }, async () => {
    const authority = await makeAuthority('rsa', now);
    expect(authority.key.asymmetricKeyDetails?.modulusLength).toBe(4096);
    if (!hasOpenSsl) return;
    const certificate = formatCertificate(authority.certificate);
    expect(await describeCertificate(certificate)).toContain('Signature Algorithm: sha256WithRSAEncryption');
    const options = ['-x509_strict', '-attime', String(Math.floor(now.getTime() / 1000))];
    expect(await verify(certificate, certificate, ...options)).toContain(': OK');
  });
});

describe('reading an authority', async () => {
  const authority = await makeAuthority('ecdsa', now);
  const other = await makeAuthority('ecdsa', now);
  const good = texts(authority);

  it('gives back what was made', async () => {
    const read = await readAuthority(good, now);
    expect(texts(read)).toEqual(good);
    expect(read.validity).toEqual(authority.validity);
    expect(read.declared).toBe(true);
    expect(await keyIdentifierOf(read)).toBe(await keyIdentifierOf(authority));
  });

  it('skips the readable text that openssl puts above a certificate', async () => {
    const read = await readAuthority({ ...good, certificate: `Certificate:\n    Data:\n${good.certificate}` }, now);
    expect(texts(read)).toEqual(good);
  });

  it('refuses the key of another authority', async () => {
    const mixed = { ...good, key: texts(other).key };
    await expect(readAuthority(mixed, now)).rejects.toThrow(
      /^offline\/ca\.key and client\/ca\.crt don't belong together: their public keys differ/,
    );
  });

  it.each([
    ['an empty file', ''],
    ['noise', 'noise'],
    ['a cut certificate', good.certificate.slice(0, 300)],
    ['a certificate with a hole', good.certificate.replace(/\n.{20}/, '\n')],
    ['a key', good.key],
  ])('refuses %s as the certificate', async (_what, certificate) => {
    await expect(readAuthority({ ...good, certificate }, now)).rejects.toThrow(
      /^client\/ca\.crt isn't a certificate in PEM/,
    );
  });

  it('refuses a certificate with a wrong signature', async () => {
    const der = Buffer.from(new OpenSslCertificate(good.certificate).raw);
    der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1);
    const certificate = `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
    await expect(readAuthority({ ...good, certificate }, now)).rejects.toThrow(/^client\/ca\.crt is damaged/);
  });

  it('refuses an authority that is over, or not yet', async () => {
    const { from, until } = authority.validity;
    await expect(readAuthority(good, until)).rejects.toThrow(/client\/ca\.crt expired on 2046-11-23\. To start a new/);
    await expect(readAuthority(good, new Date(until.getTime() - 1))).resolves.toBeDefined();
    await expect(readAuthority(good, new Date(from.getTime() - 1))).rejects.toThrow(/set the clock of this machine$/);
    await expect(readAuthority(good, from)).resolves.toBeDefined();
  });

  it('refuses the certificate of a server', async () => {
    const request = { algorithm: 'ecdsa', names: parseSubjectNames('11.22.33.44', []), days: 30 } as const;
    const server = await makeServer(authority, request, now);
    const text = textOf(formatKey(server.key), formatCertificate(server.certificate));
    await expect(readAuthority(text, now)).rejects.toThrow(/^client\/ca\.crt isn't the certificate of an authority/);
  });
});

const rsaKey = ['genrsa', '-traditional', '-out', 'ca.key', '2048'];
const selfSigned = ['req', '-new', '-x509', '-days', '60', '-key', 'ca.key', '-out', 'ca.crt'];
const config = ['[req]', 'distinguished_name = name', 'x509_extensions = extensions', '[name]', '[extensions]'];

describe.skipIf(!hasOpenSsl)('an authority that openssl made', { timeout: 60_000 }, () => {
  it('as in 2014 works: RSA of 4096 bits as PKCS#1, version 3', async () => {
    const text = await madeByOpenSsl([
      ['genrsa', '-traditional', '-out', 'ca.key', '4096'],
      [...selfSigned, '-subj', '/O=rfw root CA 2014-03-08 10:20:30'],
    ]);
    expect(text.key).toContain('BEGIN RSA PRIVATE KEY');
    expect(await believed(text)).toBe('welcome');
  });

  it('without any extension works: version 1', async () => {
    const text = await madeByOpenSsl([
      rsaKey,
      ['req', '-new', '-key', 'ca.key', '-subj', '/O=rfw', '-out', 'ca.csr'],
      ['x509', '-req', '-in', 'ca.csr', '-signkey', 'ca.key', '-days', '60', '-out', 'ca.crt'],
    ]);
    expect(await describeCertificate(text.certificate)).toContain('Version: 1');
    expect((await readAuthority(text, new Date())).declared).toBe(true);
    expect(await believed(text)).toBe('welcome');
  });

  it('works with a PKCS#8 key, a name of several parts and letters beyond ASCII', async () => {
    const text = await madeByOpenSsl([
      ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', 'ca.key'],
      [...selfSigned, '-utf8', '-subj', '/C=DE/O=Bücher, Söhne + Co/CN=rfw "root"'],
    ]);
    expect(text.key).toContain('BEGIN PRIVATE KEY');
    expect(await believed(text)).toBe('welcome');
  });

  it('works on another curve', async () => {
    const text = await madeByOpenSsl([
      ['ecparam', '-name', 'secp384r1', '-genkey', '-noout', '-out', 'ca.key'],
      [...selfSigned, '-sha384', '-subj', '/O=rfw'],
    ]);
    expect(await believed(text)).toBe('welcome');
  });

  it('that does not declare itself is signed with, is told apart, and is not believed', async () => {
    const text = await madeByOpenSsl([rsaKey, [...selfSigned, '-config', 'req.cnf', '-subj', '/O=rfw']], {
      'req.cnf': [...config, 'subjectKeyIdentifier = hash', ''].join('\n'),
    });
    expect((await readAuthority(text, new Date())).declared).toBe(false);
    await expect(believed(text)).rejects.toMatchObject({ code: 'INVALID_PURPOSE' });
  });

  it('that may not sign certificates is refused', async () => {
    const text = await madeByOpenSsl([rsaKey, [...selfSigned, '-config', 'req.cnf', '-subj', '/O=rfw']], {
      'req.cnf': [...config, 'basicConstraints = CA:true', 'keyUsage = cRLSign', ''].join('\n'),
    });
    await expect(readAuthority(text, new Date())).rejects.toThrow(/isn't the certificate of an authority/);
  });
});
