import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { basic, type Question, send } from '../api/server.fixture.ts';
import { type ClientAuthority, makeClientAuthority } from '../certs/client.fixture.ts';
import { ask, memoryLines, startDaemon } from './daemon.fixture.ts';
import { Daemon } from './daemon.ts';
import { type Folder, freePort, makeFolder, makeLog } from './folder.fixture.ts';
import { loadSettings } from './settings.ts';
import { askSocket } from './socket.fixture.ts';

const rule = '/drop/input/any/203.0.113.7';

describe('the unix socket of a daemon', () => {
  it('serves whoever it lets in, as an administrator, and goes at the end', async () => {
    const folder = makeFolder();
    const path = folder.at('run/rfw.sock');
    const { daemon, entries } = await startDaemon(folder, [
      ...memoryLines(await freePort()),
      'socket.path = run/rfw.sock',
    ]);
    expect(daemon.report.urls).toContain(`unix:${path}`);
    expect(await askSocket(path, 'PUT', rule)).toMatch(/^200 .*"origin":"socket"/);
    expect(await askSocket(path, 'GET', '/')).toContain(`curl --unix-socket ${path} -X PUT 'http://localhost${rule}`);
    expect(await askSocket(path, 'GET', '/')).toContain('Authentication   none\n');
    expect(entries).toContainEqual(expect.objectContaining({ msg: 'Request', principal: 'socket', url: rule }));
    // No page in a browser reaches a unix socket, so that it may be called by any name.
    expect(await askSocket(path, 'GET', '/list', { host: 'rfw' })).toMatch(/^200 /);
    await daemon.stop();
    expect(existsSync(path)).toBe(false);
  });

  it('refuses a token that is wrong, and doesn’t mind a password', async () => {
    const folder = makeFolder();
    const { entries } = await startDaemon(folder, [...memoryLines(await freePort()), 'socket.path = rfw.sock']);
    const path = folder.at('rfw.sock');
    expect(await askSocket(path, 'PUT', rule, { authorization: 'Bearer rfw_x' })).toBe(
      '401 ERROR: This token is not known here, or was taken back',
    );
    expect(entries).toContainEqual(
      expect.objectContaining({ client: 'socket', msg: 'Refused: This token is not known here, or was taken back' }),
    );
    const authorization = basic({ username: 'who', password: 'ever' });
    expect(await askSocket(path, 'PUT', rule, { authorization })).toMatch(/^200 .*"origin":"socket"/);
  });

  it('is enough of a door', async () => {
    const folder = makeFolder();
    const lines = [
      'whitelist.file = white.list',
      'firewall.backend = memory',
      'state.dir = state',
      'socket.path = rfw.sock',
    ];
    const { daemon } = await startDaemon(folder, lines);
    expect(daemon.report.urls).toEqual([`unix:${folder.at('rfw.sock')}`]);
    expect(await askSocket(folder.at('rfw.sock'), 'GET', '/list')).toBe('200 []');
  });

  it('that can’t be opened where the file says is in the way of a start, and leaves nothing behind', async () => {
    const folder = makeFolder();
    const file = folder.write('precious', 'x');
    const port = await freePort();
    await expect(startDaemon(folder, [...memoryLines(port), 'socket.path = precious'])).rejects.toThrow(
      `Could not listen on unix:${file}: what is there is no socket, and stays as it is. socket.path sets another path, or off`,
    );
    expect(readFileSync(file, 'utf8')).toBe('x');
    await startDaemon(folder, memoryLines(port));
  });

  it('that nobody has asked for at this path is done without where it can’t be opened, and the log says so', async () => {
    const folder = makeFolder();
    const path = folder.write('precious', 'x');
    const settings = loadSettings(folder.config(...memoryLines(await freePort())));
    const { log, lines } = makeLog();
    const config = { ...settings.config, socket: { path, chosen: false, group: undefined } };
    const daemon = await Daemon.start({ ...settings, config }, log);
    onTestFinished(() => daemon.stop());
    expect(daemon.report.urls).not.toContain(`unix:${path}`);
    expect(lines()).toContain(
      `warn: Could not listen on unix:${path}: what is there is no socket, and stays as it is. socket.path sets another path, or off`,
    );
  });

  it('moves, gets another group, and is turned off by a reload', async () => {
    const folder = makeFolder();
    const lines = memoryLines(await freePort());
    const { daemon } = await startDaemon(folder, [...lines, 'socket.path = a.sock']);
    const reload = async (...more: string[]): Promise<boolean[]> => {
      folder.config(...lines, ...more);
      await daemon.reload();
      return ['a.sock', 'b.sock'].map((name) => existsSync(folder.at(name)));
    };
    expect(await reload('socket.path = b.sock')).toEqual([false, true]);
    expect(await askSocket(folder.at('b.sock'), 'GET', '/list')).toBe('200 []');
    if (process.getuid?.() === 0) {
      expect(await reload('socket.path = b.sock', 'socket.group = 4711')).toEqual([false, true]);
      expect(lstatSync(folder.at('b.sock')).gid).toBe(4711);
      expect(await askSocket(folder.at('b.sock'), 'GET', '/list')).toBe('200 []');
    }
    folder.write('precious', 'x');
    expect(await reload('socket.path = precious')).toEqual([false, true]);
    expect(await askSocket(folder.at('b.sock'), 'GET', '/list')).toBe('200 []');
    expect(await reload('socket.path = off')).toEqual([false, false]);
  });
});

/** A daemon with an outward server, and what somebody with a certificate of an authority is answered. */
async function certified(clients: ClientAuthority) {
  const folder = makeFolder();
  await folder.certify();
  const [local, outward] = [await freePort(), await freePort()];
  folder.write('clients.crt', clients.pem);
  const lines = memoryLines(local, outward);
  const list = async (question: Question): Promise<string> => {
    const to = { port: outward, authority: readFileSync(folder.at('client/ca.crt')) };
    const { status, text } = await send(to, 'GET', '/list', question);
    return `${status} ${text.trimEnd()}`;
  };
  return { folder, local, lines, list };
}

function trust(file: string, roles = 'CN=detector: rules:read'): string[] {
  return [`outward.server.clientca = ${file}`, `outward.server.clientroles = ${roles}`];
}

describe('client certificates of a daemon', () => {
  it('count from a reload that names their authority until one that doesn’t', async () => {
    const [clients, others] = await Promise.all([makeClientAuthority(), makeClientAuthority()]);
    const { folder, lines, list } = await certified(clients);
    const [tls, foreign] = await Promise.all([clients.sign(['detector']), others.sign(['detector'])]);
    const { daemon } = await startDaemon(folder, lines);
    const reload = async (...more: string[]): Promise<void> => {
      folder.config(...lines, ...more);
      await daemon.reload();
    };
    expect(await list({ tls })).toMatch(/^401 /);
    await reload(...trust('clients.crt'));
    expect(await list({ tls })).toBe('200 []');
    expect(await list({ tls: foreign })).toMatch(/^403 .*Your certificate is not accepted/);
    expect(await list({ headers: { authorization: basic({ username: 'alice', password: 'secret' }) } })).toBe('200 []');
    await reload(...trust('clients.crt', 'CN=detector: rules:write'));
    expect(await list({ tls })).toMatch(/^403 .*needs the scope rules:read$/);
    folder.write('others.crt', others.pem);
    await reload(...trust('others.crt'));
    expect(await list({ tls })).toMatch(/^403 .*Your certificate is not accepted/);
    expect(await list({ tls: foreign })).toBe('200 []');
    folder.write('both.crt', `${others.pem}\n${clients.pem}`);
    await reload(...trust('both.crt'));
    expect([await list({ tls }), await list({ tls: foreign })]).toEqual(['200 []', '200 []']);
    await reload();
    expect(await list({ tls })).toMatch(/^401 /);
  });

  it.each<[string, (folder: Folder) => string, RegExp]>([
    ['nothing', (folder) => folder.write('x.crt', ''), /there is no certificate in it/],
    [
      'no PEM',
      (folder) => folder.write('x.crt', '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----'),
      /PEM|asn1/i,
    ],
    ['no authority', (folder) => folder.at('server_127.0.0.1/server.crt'), /is no authority/],
  ])('are not read where the file of their authority has %s', async (_, write, reason) => {
    const { folder, lines } = await certified(await makeClientAuthority());
    const start = startDaemon(folder, [...lines, ...trust(write(folder))]);
    await expect(start).rejects.toThrow(/^The outward server can't take outward\.server\.clientca /);
    await expect(start).rejects.toThrow(reason);
  });
});

describe('failed logins at a daemon', () => {
  it('don’t keep it from stopping, and are told in the log when they are too many', async () => {
    const folder = makeFolder();
    const port = await freePort();
    const login = ['local.server.authentication', 'auth.username = alice', 'auth.password = secret'];
    const { daemon, lines } = await startDaemon(folder, [...memoryLines(port), ...login, 'auth.failures = 2/10m']);
    const authorization = basic({ username: 'alice', password: 'guess' });
    const guess = (): Promise<string> => ask(port, 'GET', '/list', { authorization });
    expect(await guess()).toMatch(/^401 /);
    const waiting = [guess(), guess(), guess()];
    while (!lines().some((line) => line.includes('Too many failed logins'))) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    // Whoever has only just connected would be cut off.
    await new Promise((resolve) => setTimeout(resolve, 150));
    const began = performance.now();
    await daemon.stop();
    // Less than the answers were to wait, which is up to 8 s.
    expect(performance.now() - began).toBeLessThan(5000);
    expect((await Promise.all(waiting)).filter((answer) => /^(401|503) /.test(answer))).toHaveLength(3);
    expect(lines()).toContain('warn: Too many failed logins on this host: slowed down, not blocked');
  });
});
