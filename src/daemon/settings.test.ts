import { readFileSync, unlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatPrefix } from '../domain/address.ts';
import type { ErrorCode } from '../domain/errors.ts';
import { type Folder, makeFolder } from './folder.fixture.ts';
import { loadSettings, protectionOf } from './settings.ts';

const outward = [
  'outward.server',
  'outward.server.port = 7000',
  'outward.server.certfile = server_127.0.0.1/server.crt',
  'outward.server.keyfile = server_127.0.0.1/server.key',
  'auth.username = alice',
  'auth.password = secret',
  'whitelist.file = white.list',
];

async function certified(whitelist?: string): Promise<Folder> {
  const folder = makeFolder(whitelist);
  await folder.certify();
  return folder;
}

const refusal = (code: ErrorCode, message: RegExp) =>
  expect.objectContaining({ name: 'RfwError', code, message: expect.stringMatching(message) });

describe('loadSettings', () => {
  it('reads configuration, whitelist and certificate', async () => {
    const folder = await certified('192.0.2.1 # office\n');
    const { config, whitelist, tls } = loadSettings(folder.config(...outward));
    expect(config.outward?.port).toBe(7000);
    expect(whitelist.entries.map((entry) => entry.text)).toEqual(['192.0.2.1']);
    expect(tls?.cert).toEqual(readFileSync(folder.at('server_127.0.0.1/server.crt')));
    expect(tls?.key).toEqual(readFileSync(folder.at('server_127.0.0.1/server.key')));
  });

  it('reads no certificate when the outward server is off', () => {
    const folder = makeFolder();
    folder.write('server.crt', 'no certificate');
    const lines = ['local.server', 'whitelist.file = white.list', 'outward.server.certfile = server.crt'];
    expect(loadSettings(folder.config(...lines)).tls).toBeUndefined();
  });

  it('refuses the key of another certificate', async () => {
    const folder = await certified();
    const other = await certified();
    folder.write('other.key', readFileSync(other.at('server_127.0.0.1/server.key'), 'utf8'));
    const file = folder.config(...outward, 'outward.server.keyfile = other.key');
    const [cert, key] = [folder.at('server_127.0.0.1/server.crt'), folder.at('other.key')];
    expect(() => loadSettings(file)).toThrow(
      refusal(
        'certificate-invalid',
        new RegExp(`^The outward server can't use the certificate ${cert} with the key ${key}: .*rfwgen makes`),
      ),
    );
  });

  it.each([
    ['certfile', 'not PEM'],
    ['keyfile', 'not PEM'],
    ['certfile', ''],
    ['keyfile', ''],
  ])('refuses a %s with "%s" in it', async (key, text) => {
    const folder = await certified();
    folder.write('bad.pem', text);
    const file = folder.config(...outward, `outward.server.${key} = bad.pem`);
    expect(() => loadSettings(file)).toThrow(refusal('certificate-invalid', /^The outward server can't use /));
  });

  it('refuses a folder where a certificate should be', async () => {
    const folder = await certified();
    const file = folder.config(...outward, 'outward.server.certfile = client');
    expect(() => loadSettings(file)).toThrow(refusal('certificate-invalid', /EISDIR/));
  });

  it.each([
    ['', /white\.list: no entry\. The whitelist needs at least one/],
    ['# 192.0.2.1\n', /white\.list: no entry\. The whitelist needs at least one/],
    [
      '192.0.2.1\n\nlocalhost\n',
      /white\.list, line 3: Incorrect IP address: "localhost"\. Allowed: an address, a CIDR/,
    ],
    ['192.0.2.1/33', /white\.list, line 1: Incorrect netmask "33"/],
    ['192.0.2.9-192.0.2.1', /white\.list, line 1: The range "192\.0\.2\.9-192\.0\.2\.1" ends before it begins/],
  ])('refuses the whitelist %j', (whitelist, message) => {
    const file = makeFolder(whitelist).config('local.server', 'whitelist.file = white.list');
    expect(() => loadSettings(file)).toThrow(refusal('whitelist-invalid', message));
  });

  it('says that a whitelist is missing', () => {
    const folder = makeFolder();
    const file = folder.config('local.server', 'whitelist.file = white.list');
    unlinkSync(folder.at('white.list'));
    expect(() => loadSettings(file)).toThrow(refusal('config-invalid', /line 3: whitelist\.file = .*no such file$/));
  });
});

describe('protectionOf', () => {
  it('guards the outward port for the fewest prefixes of the whitelist', async () => {
    const folder = await certified('192.0.2.0-192.0.2.255\n192.0.3.0/24\n2001:db8::/32\n192.0.2.7\n');
    const { guard, whitelist } = protectionOf(loadSettings(folder.config(...outward)));
    expect(guard?.port).toBe(7000);
    expect(guard?.allowed.map(formatPrefix)).toEqual(['192.0.2.0/23', '2001:db8::/32']);
    expect(whitelist.entries).toHaveLength(4);
  });

  it('guards nothing when the outward server is off', () => {
    const file = makeFolder().config('local.server', 'whitelist.file = white.list');
    expect(protectionOf(loadSettings(file)).guard).toBeNull();
  });
});
