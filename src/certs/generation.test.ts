import { X509Certificate as OpenSslCertificate } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { meet } from './loopback.fixture.ts';
import { inDirectory } from './openssl.fixture.ts';
import { contents, now, rfwgen } from './rfwgen.fixture.ts';

const year = 365.25 * 86_400_000;

function certificate(directory: string, path: string): OpenSslCertificate {
  return new OpenSslCertificate(readFileSync(join(directory, path)));
}

describe('the first run', () => {
  it('makes the four files of 2014, with their modes', () =>
    inDirectory(async (directory) => {
      const run = await rfwgen(directory, '11.22.33.44 rfw.example.com');
      expect(run).toMatchObject({ status: 0, err: '' });
      const modes = Object.entries(contents(directory)).map(([path, text]) => `${text.split(' ')[0]} ${path}`);
      expect(modes).toEqual([
        '755 client',
        '644 client/ca.crt',
        '700 offline',
        '600 offline/ca.key',
        '700 server_11.22.33.44',
        '644 server_11.22.33.44/server.crt',
        '600 server_11.22.33.44/server.key',
      ]);
      expect(readFileSync(join(directory, 'offline/ca.key'), 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
      expect(readFileSync(join(directory, 'client/ca.crt'), 'utf8')).toMatch(
        /^-----BEGIN CERTIFICATE-----\n[\s\S]+\n-----END CERTIFICATE-----\n$/,
      );
    }));

  it('says what was made and where each file goes', () =>
    inDirectory(async (directory) => {
      const { out } = await rfwgen(directory, '11.22.33.44 rfw.example.com');
      expect(out.split('\n')).toEqual([
        'Made the authority O=rfw root CA 2026-11-23 09:00:00, valid until 2046-11-23',
        'Made the certificate for 11.22.33.44, rfw.example.com, valid until 2036-11-22',
        'offline/ca.key: keep it off the network; it is needed only to make the certificates of more servers',
        'server_11.22.33.44/server.key: put it on the server, readable by root only, and set outward.server.keyfile in rfw.conf to its path',
        'server_11.22.33.44/server.crt: put it on the server, and set outward.server.certfile in rfw.conf to its path',
        "client/ca.crt: put it on every client: curl --cacert client/ca.crt --user NAME:PASSWORD 'https://11.22.33.44:7393/'",
        '',
      ]);
    }));

  it('names files by the canonical address', () =>
    inDirectory(async (directory) => {
      const { out } = await rfwgen(directory, '2001:DB8:0::0:7');
      expect(out).toContain("'https://[2001:db8::7]:7393/'");
      expect(certificate(directory, 'server_2001:db8::7/server.crt').checkIP('2001:db8::7')).toBe('2001:db8::7');
    }));

  it('makes RSA keys when asked', { timeout: 60_000 }, () =>
    inDirectory(async (directory) => {
      expect((await rfwgen(directory, '--rsa 11.22.33.44')).status).toBe(0);
      const sizes = ['client/ca.crt', 'server_11.22.33.44/server.crt'].map(
        (path) => certificate(directory, path).publicKey.asymmetricKeyDetails?.modulusLength,
      );
      expect(sizes).toEqual([4096, 2048]);
    }),
  );

  it('makes files that serve', () =>
    inDirectory(async (directory) => {
      await rfwgen(directory, '127.0.0.1 --days 1', { now: new Date() });
      const read = (path: string) => readFileSync(join(directory, path), 'utf8');
      const meeting = {
        key: read('server_127.0.0.1/server.key'),
        certificate: read('server_127.0.0.1/server.crt'),
        authority: read('client/ca.crt'),
        address: '127.0.0.1',
      };
      expect(await meet(meeting)).toBe('welcome');
    }));

  it('keeps two that run at once from making two authorities', () =>
    inDirectory(async (directory) => {
      const runs = await Promise.all(['11.22.33.44', '11.22.33.55'].map((ip) => rfwgen(directory, ip)));
      expect(runs.map((run) => run.status).sort()).toEqual([0, 1]);
      expect(runs.map((run) => run.err).join('')).toMatch(/appeared meanwhile: is rfwgen running twice\?\n$/);
      // What stands is whole: a third run can use it, and it has no leftovers of the one that lost.
      expect(await rfwgen(directory, '11.22.33.66')).toMatchObject({ status: 0 });
      expect(readdirSync(join(directory, 'offline'))).toEqual(['ca.key']);
      expect(readdirSync(directory)).toHaveLength(4);
    }));
});

describe('another run', () => {
  it('signs with the same authority', () =>
    inDirectory(async (directory) => {
      await rfwgen(directory, '11.22.33.44');
      const before = contents(directory);
      const { status, out } = await rfwgen(directory, '11.22.33.55');
      expect(status).toBe(0);
      expect(out).toMatch(/^Used the authority O=rfw root CA 2026-11-23 09:00:00, valid until 2046-11-23\n/);
      expect(contents(directory)).toMatchObject(before);
      const authority = certificate(directory, 'client/ca.crt');
      expect(certificate(directory, 'server_11.22.33.55/server.crt').verify(authority.publicKey)).toBe(true);
    }));

  it('near the end of the authority ends the certificate with it, and says so', () =>
    inDirectory(async (directory) => {
      await rfwgen(directory, '11.22.33.44');
      const later = new Date(now.getTime() + 15 * year);
      const { out } = await rfwgen(directory, '11.22.33.55', { now: later });
      expect(out).toContain('11.22.33.55, valid until 2046-11-23, when the authority ends\n');
      const [authority, server] = ['client/ca.crt', 'server_11.22.33.55/server.crt'].map(
        (path) => certificate(directory, path).validTo,
      );
      expect(server).toBe(authority);
    }));

  it('follows a link to the medium with the key of the authority', () =>
    inDirectory(async (directory) => {
      mkdirSync(join(directory, 'medium'));
      symlinkSync('medium', join(directory, 'offline'));
      expect((await rfwgen(directory, '11.22.33.44')).status).toBe(0);
      expect(readdirSync(join(directory, 'medium'))).toEqual(['ca.key']);
      rmSync(join(directory, 'offline'));
      symlinkSync('unmounted', join(directory, 'offline'));
      const { status, err } = await rfwgen(directory, '11.22.33.55');
      expect(status).toBe(1);
      expect(err).toMatch(/^rfwgen: offline\/ca\.key is missing, but client\/ca\.crt is there\. Put back/);
    }));

  it('warns of a key that others can read', () =>
    inDirectory(async (directory) => {
      await rfwgen(directory, '11.22.33.44');
      chmodSync(join(directory, 'offline/ca.key'), 0o644);
      const { out } = await rfwgen(directory, '11.22.33.55');
      expect(out).toContain('\nWarning: other users can read offline/ca.key: chmod 600 offline/ca.key\n');
    }));
});

describe('files of the same server', () => {
  it.each(['y', 'Y', 'yes', ' y '])('are overwritten on %j', (reply) =>
    inDirectory(async (directory) => {
      await rfwgen(directory, '11.22.33.44');
      const before = contents(directory);
      const run = await rfwgen(directory, '11.22.33.44', { reply });
      expect(run.status).toBe(0);
      expect(run.asked).toEqual([
        'server_11.22.33.44/server.key and server_11.22.33.44/server.crt already exist. Overwrite? (y/n) [n] ',
      ]);
      const after = contents(directory);
      expect(Object.keys(after)).toEqual(Object.keys(before));
      const changed = Object.keys(after).filter((path) => after[path] !== before[path]);
      expect(changed).toEqual(['server_11.22.33.44/server.crt', 'server_11.22.33.44/server.key']);
    }),
  );

  it.each(['', 'n', 'no', 'yikes', 'ja'])('are kept on %j', (reply) =>
    inDirectory(async (directory) => {
      await rfwgen(directory, '11.22.33.44');
      const before = contents(directory);
      const run = await rfwgen(directory, '11.22.33.44', { reply });
      expect(run).toMatchObject({ status: 1, out: '', err: 'rfwgen: Nothing was changed\n' });
      expect(contents(directory)).toEqual(before);
    }),
  );

  it('are kept when there is nobody to ask', () =>
    inDirectory(async (directory) => {
      await rfwgen(directory, '11.22.33.44');
      const before = contents(directory);
      const { status, out, err } = await rfwgen(directory, '11.22.33.44');
      expect({ status, out }).toEqual({ status: 1, out: '' });
      expect(err).toMatch(/already exist, and there is no terminal to ask on: use --force to overwrite\. Nothing was/);
      expect(contents(directory)).toEqual(before);
    }));

  it('are overwritten with --force, and nobody is asked', () =>
    inDirectory(async (directory) => {
      await rfwgen(directory, '11.22.33.44');
      const before = contents(directory);
      const run = await rfwgen(directory, '--force 11.22.33.44', { reply: 'n' });
      expect(run).toMatchObject({ status: 0, asked: [] });
      expect(contents(directory)['server_11.22.33.44/server.key']).not.toBe(before['server_11.22.33.44/server.key']);
      expect(contents(directory)['offline/ca.key']).toBe(before['offline/ca.key']);
    }));

  it('are asked about when only one stands, and before an authority is made', () =>
    inDirectory(async (directory) => {
      mkdirSync(join(directory, 'server_11.22.33.44'));
      writeFileSync(join(directory, 'server_11.22.33.44/server.key'), 'precious');
      const before = contents(directory);
      const run = await rfwgen(directory, '11.22.33.44', { reply: 'n' });
      expect(run.asked).toEqual(['server_11.22.33.44/server.key already exists. Overwrite? (y/n) [n] ']);
      expect(run.status).toBe(1);
      expect(contents(directory)).toEqual(before);
    }));
});

describe('an authority that is not right stops everything', () => {
  it.each<[string, (directory: string) => void, RegExp, Date?]>([
    [
      'without its key',
      (directory) => rmSync(join(directory, 'offline/ca.key')),
      /^rfwgen: offline\/ca\.key is missing, but client\/ca\.crt is there\. Put back the offline\/ca\.key that/,
    ],
    [
      'without its certificate',
      (directory) => rmSync(join(directory, 'client'), { recursive: true }),
      /^rfwgen: client\/ca\.crt is missing, but offline\/ca\.key is there\. Put back the client\/ca\.crt that/,
    ],
    [
      'with another key',
      (directory) =>
        cpSync(join(directory, 'server_11.22.33.44/server.key'), join(directory, 'offline/ca.key'), { force: true }),
      /^rfwgen: offline\/ca\.key and client\/ca\.crt don't belong together/,
    ],
    [
      'with a broken key',
      (directory) => writeFileSync(join(directory, 'offline/ca.key'), ''),
      /^rfwgen: offline\/ca\.key isn't a private key in PEM/,
    ],
    [
      'with a broken certificate',
      (directory) => writeFileSync(join(directory, 'client/ca.crt'), 'broken'),
      /^rfwgen: client\/ca\.crt isn't a certificate in PEM/,
    ],
    [
      'with a directory for a certificate',
      (directory) => {
        rmSync(join(directory, 'client/ca.crt'));
        mkdirSync(join(directory, 'client/ca.crt'));
      },
      /^rfwgen: Can't read .*client\/ca\.crt: EISDIR/,
    ],
    ['expired', () => undefined, /expired on 2046-11-23\. To start a new one/, new Date(now.getTime() + 21 * year)],
    ['not begun', () => undefined, /is in the future: set the clock/, new Date(now.getTime() - year)],
  ])('%s', (_what, spoil, message, at) =>
    inDirectory(async (directory) => {
      await rfwgen(directory, '11.22.33.44');
      spoil(directory);
      const before = contents(directory);
      const run = await rfwgen(directory, '--force 11.22.33.44', {
        reply: 'y',
        ...(at === undefined ? {} : { now: at }),
      });
      expect(run).toMatchObject({ status: 1, out: '', asked: [] });
      expect(run.err).toMatch(message);
      expect(run.err.split('\n')).toHaveLength(2);
      expect(contents(directory)).toEqual(before);
    }),
  );
});
