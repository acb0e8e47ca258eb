import { X509Certificate } from 'node:crypto';
import { readFileSync, unlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { basic, send } from '../api/server.fixture.ts';
import { ask, get, memoryLines, put, startDaemon } from './daemon.fixture.ts';
import { Daemon } from './daemon.ts';
import { type Folder, freePort, makeFolder, makeLog } from './folder.fixture.ts';
import { loadSettings, type Settings } from './settings.ts';

const list = (port: number): Promise<string> => get(`http://127.0.0.1:${port}/list`);

/** A folder whose daemon may serve HTTPS. */
async function certified(): Promise<Folder> {
  const folder = makeFolder();
  await folder.certify();
  return folder;
}

/** What the outward server answers to alice, or to whoever has her password now. */
async function outwardList(folder: Folder, port: number, password = 'secret'): Promise<string> {
  const authority = readFileSync(folder.at('client/ca.crt'));
  const headers = { authorization: basic({ username: 'alice', password }) };
  const { status, text } = await send({ port, authority }, 'GET', '/list', { headers });
  return `${status} ${text.trimEnd()}`;
}

/** The certificate that the server on the port shows, or why there is no connection. */
function shownCertificate(port: number, options: ConnectionOptions = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
    socket.on('error', (error) => resolve('code' in error ? String(error.code) : error.message));
    socket.on('secureConnect', () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
  });
}

describe('Daemon.reload', () => {
  it('takes out the rules that a new whitelist forbids, says which, and refuses them from then on', async () => {
    const folder = makeFolder();
    const port = await freePort();
    const { daemon, entries, lines } = await startDaemon(folder, memoryLines(port));
    await put(port, '/drop/input/any/203.0.113.7');
    await put(port, '/drop/input/any/198.51.100.7');
    folder.write('white.list', '127.0.0.1\n203.0.113.0/24\n');
    await daemon.reload();
    expect(await list(port)).toMatch(/^200 \[\{[^{]*"source":"198\.51\.100\.7"[^{]*\}\]$/);
    expect(lines()).toContain('warn: Rule removed: it conflicts with the whitelist');
    expect(entries).toContainEqual(
      expect.objectContaining({
        removed: ['drop input any any 203.0.113.7/32 any'],
        msg: `Reloaded ${folder.at('rfw.conf')}`,
      }),
    );
    expect(await put(port, '/drop/input/any/203.0.113.7')).toBe(
      '400 ERROR: Ignoring the request conflicting with the whitelist',
    );
  });

  it('lets rules be put that a whitelist forbade before', async () => {
    const folder = makeFolder('203.0.113.0/24');
    const port = await freePort();
    const { daemon } = await startDaemon(folder, memoryLines(port));
    expect(await put(port, '/drop/input/any/203.0.113.7')).toMatch(/^400 /);
    folder.write('white.list', '192.0.2.1');
    await daemon.reload();
    expect(await put(port, '/drop/input/any/203.0.113.7')).toMatch(/^200 /);
  });

  it.each<[string, (folder: Folder, port: number) => void, RegExp]>([
    ['an unknown key', (folder) => folder.config('local.servr'), /rfw\.conf, line 2: unknown key local\.servr/],
    ['no server', (folder) => folder.config('whitelist.file = white.list'), /no server is on/],
    ['no configuration', (folder) => unlinkSync(folder.at('rfw.conf')), /Could not read the configuration file/],
    ['an empty whitelist', (folder) => folder.write('white.list', '#'), /white\.list: no entry/],
    ['a bad line in the whitelist', (folder) => folder.write('white.list', '\nx'), /white\.list, line 2: Incorrect IP/],
    [
      'no whitelist',
      (folder) => unlinkSync(folder.at('white.list')),
      /whitelist\.file = white\.list: there is no such/,
    ],
  ])('keeps the settings in force and says why when it finds %s', async (_, spoil, reason) => {
    const folder = makeFolder();
    const port = await freePort();
    const { daemon, entries } = await startDaemon(folder, memoryLines(port));
    await put(port, '/drop/input/any/203.0.113.7');
    spoil(folder, port);
    await daemon.reload();
    const last = entries.findLast((entry) => entry.level === 'error');
    expect(last?.msg).toMatch(new RegExp(`^Reload failed, the settings in force stay: .*${reason.source}`));
    expect(await list(port)).toContain('203.0.113.7');
    expect(await put(port, '/drop/input/any/127.0.0.1')).toMatch(/^400 .*whitelist/);
  });

  it('moves the local server to another port', async () => {
    const folder = makeFolder();
    const [before, after] = [await freePort(), await freePort()];
    const { daemon } = await startDaemon(folder, memoryLines(before));
    await put(before, '/drop/input/any/203.0.113.7');
    folder.config(...memoryLines(after));
    await daemon.reload();
    expect(daemon.report.urls).toEqual([`http://127.0.0.1:${after}`, `http://[::1]:${after}`]);
    expect(await list(after)).toContain('203.0.113.7');
    await expect(list(before)).rejects.toThrow('fetch failed');
  });

  it('stays where it is when the new port is taken', async () => {
    const folder = makeFolder();
    const [before, after] = [await freePort(), await freePort()];
    const other = createServer();
    await new Promise<void>((resolve) => void other.listen(after, '::1', resolve));
    onTestFinished(() => void other.close());
    const { daemon, lines } = await startDaemon(folder, memoryLines(before));
    folder.write('white.list', '203.0.113.0/24');
    folder.config(...memoryLines(after));
    await daemon.reload();
    expect(lines().at(-1)).toMatch(
      /^error: Reload failed.*Could not listen on http:\/\/\[::1\]:\d+: listen EADDRINUSE/,
    );
    expect(daemon.report.urls).toEqual([`http://127.0.0.1:${before}`, `http://[::1]:${before}`]);
    await expect(list(after)).rejects.toThrow('fetch failed');
    expect(await put(before, '/drop/input/any/203.0.113.7')).toMatch(/^200 /);
  });

  it('follows every option of requests', async () => {
    const folder = makeFolder();
    const port = await freePort();
    const { daemon } = await startDaemon(folder, memoryLines(port));
    const credentials = ['auth.username = alice', 'auth.password = secret'];
    folder.config(
      ...memoryLines(port),
      'default.expire = 1h',
      'non.restful',
      'local.server.authentication',
      ...credentials,
    );
    await daemon.reload();
    const path = '/drop/input/any/203.0.113.7?modify=insert';
    expect(await ask(port, 'GET', path)).toMatch(/^401 /);
    const authorization = basic({ username: 'alice', password: 'secret' });
    expect(await ask(port, 'GET', path, { authorization })).toMatch(/^200 .*"expiresAt":"/);
    expect(await ask(port, 'GET', '/', { authorization })).toContain('Default expiry   3600 seconds');
  });

  it('opens and closes the outward server, and follows a new password', async () => {
    const folder = await certified();
    const [local, outward] = [await freePort(), await freePort()];
    const { daemon } = await startDaemon(folder, memoryLines(local));
    folder.config(...memoryLines(local, outward));
    await daemon.reload();
    expect(await outwardList(folder, outward)).toBe('200 []');
    folder.config(...memoryLines(local, outward), 'auth.password = new');
    await daemon.reload();
    expect(await outwardList(folder, outward)).toMatch(/^401 /);
    expect(await outwardList(folder, outward, 'new')).toBe('200 []');
    folder.write('white.list', '192.0.2.1');
    await daemon.reload();
    expect(await outwardList(folder, outward, 'new')).toMatch(/^403 /);
    folder.config(...memoryLines(local));
    await daemon.reload();
    await expect(outwardList(folder, outward, 'new')).rejects.toThrow(/ECONNREFUSED|ECONNRESET/);
    expect(daemon.report.urls).toHaveLength(2);
  });

  it('shows a new certificate to new connections, still over TLS 1.2 and 1.3 only', async () => {
    const folder = await certified();
    const outward = await freePort();
    const { daemon } = await startDaemon(folder, memoryLines(await freePort(), outward));
    const onDisk = (): string =>
      new X509Certificate(readFileSync(folder.at('server_127.0.0.1/server.crt'))).fingerprint256;
    const first = onDisk();
    expect(await shownCertificate(outward)).toBe(first);
    await folder.certify();
    expect(await shownCertificate(outward)).toBe(first);
    await daemon.reload();
    expect(onDisk()).not.toBe(first);
    expect(await shownCertificate(outward)).toBe(onDisk());
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    expect(await shownCertificate(outward, old)).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  });

  it('keeps the old certificate when the new one does not fit its key', async () => {
    const folder = await certified();
    const outward = await freePort();
    const { daemon, lines } = await startDaemon(folder, memoryLines(await freePort(), outward));
    const before = await shownCertificate(outward);
    folder.write('server_127.0.0.1/server.key', readFileSync(folder.at('offline/ca.key'), 'utf8'));
    await daemon.reload();
    expect(lines().at(-1)).toMatch(/^error: Reload failed.*can't use the certificate/);
    expect(await shownCertificate(outward)).toBe(before);
  });

  it('moves the outward server from one address to all, on the same port', async () => {
    const folder = await certified();
    const outward = await freePort();
    const lines = memoryLines(await freePort(), outward);
    const { daemon } = await startDaemon(folder, lines);
    folder.config(...lines, 'outward.server.ip = 0.0.0.0');
    await daemon.reload();
    expect(daemon.report.urls).toContain(`https://0.0.0.0:${outward}`);
  });

  it('warns that another state folder waits for a new start, naming its key', async () => {
    const folder = makeFolder();
    const port = await freePort();
    const { daemon, lines } = await startDaemon(folder, memoryLines(port));
    folder.config(...memoryLines(port), 'state.dir = elsewhere', 'audit.keep = 30d');
    await daemon.reload();
    expect(lines()).toContain('warn: A changed state.dir takes effect at the next start');
    expect(lines()).toContain('warn: A changed audit.keep takes effect at the next start');
  });

  it('warns of no change where the backend was given on the command line and the file is as it was', async () => {
    const folder = makeFolder();
    const port = await freePort();
    const file = folder.config(...memoryLines(port), 'firewall.backend = auto');
    const load = (): Settings => {
      const settings = loadSettings(file);
      return { ...settings, config: { ...settings.config, backend: 'memory' } };
    };
    const { log, lines } = makeLog();
    const daemon = await Daemon.start(load(), log, load);
    onTestFinished(() => daemon.stop());
    await daemon.reload();
    expect(lines().filter((line) => line.startsWith('warn'))).toEqual([]);
  });
});
