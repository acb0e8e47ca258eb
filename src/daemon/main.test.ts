import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenServer, openServer, sendRaw } from '../api/server.fixture.ts';
import { version } from '../domain/version.ts';
import { auditEntry } from '../engine/audit.fixture.ts';
import { AuditTable, auditSchema } from '../engine/store/audit-table.ts';
import { get, memoryLines, put } from './daemon.fixture.ts';
import { type Folder, freePort, makeFolder } from './folder.fixture.ts';
import { type Ended, type Program, program, run, start, untilOut } from './program.fixture.ts';

const rfw = program('bin/rfw');

/** A client of a server in this process that begins a request and says no more: how long it was borne with, and the answer. */
let slow: Promise<{ readonly milliseconds: number; readonly answer: string }>;
let server: OpenServer;

beforeAll(async () => {
  // What becomes of it shows after ten seconds, in the last test: meanwhile the others run.
  server = await openServer();
  const begin = performance.now();
  slow = sendRaw(server.port, ['GET /list HTTP/1.1\r\nHost: localhost\r\nX-Slow:'], 14_000).then((answer) => ({
    milliseconds: performance.now() - begin,
    answer,
  }));
  // One build, before programs that would each see that it is needed run side by side.
  expect(spawnSync(process.execPath, [program('scripts/build.mjs')], { encoding: 'utf8' }).status).toBe(0);
}, 120_000);

afterAll(() => server.close());

const once = (...args: string[]): Promise<Ended> => run(rfw, args);

/** Starts a daemon without a kernel, and waits until it serves. */
async function serve(folder: Folder, port: number, ...args: string[]): Promise<Program> {
  const file = folder.config(...memoryLines(port));
  const daemon = start(rfw, ['-f', file, '--logfile', folder.at('rfw.log'), ...args]);
  await untilOut(daemon, 'Try\n');
  return daemon;
}

describe('rfw', () => {
  it.each(['-h', '--help'])('shows with %s the flags of 2014 and the new ones', async (flag) => {
    const { status, out, err } = await once(flag);
    expect([status, err]).toEqual([0, '']);
    for (const word of [
      '-f <CONFIGFILE>',
      '--logfile',
      '--loglevel',
      '-v',
      '--backend',
      '--check',
      '--flush',
      '--init',
      '--verify-audit',
      '--version',
    ])
      expect(out).toContain(word);
    for (const fallback of ['/etc/rfw/rfw.conf', '/var/log/rfw.log', 'INFO']) expect(out).toContain(fallback);
    for (const level of ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL']) expect(out).toContain(`"${level}"`);
  });

  it('shows its version', async () => {
    expect(await once('--version')).toEqual({ status: 0, out: `${version}\n`, err: '' });
  });

  it.each([
    ['--frobnicate'],
    ['-x'],
    ['surplus'],
    ['--loglevel', 'LOUD'],
    ['--backend', 'pf'],
    ['-f'],
    ['--check=yes'],
    ['--verify-audit', '17'],
  ])('ends with status 2 and says what is wrong: %s %s', async (...args) => {
    const { status, out, err } = await once(...args.filter((arg) => arg !== undefined));
    expect([status, out]).toEqual([2, '']);
    expect(err).toMatch(/^error: .*\n$/);
  });

  it('ends with status 1 and one line when the configuration is bad', async () => {
    const file = makeFolder().config('local.server', 'whitelist.file = white.list', 'local.server.port = x');
    for (const args of [
      ['-f', file],
      ['-f', file, '--check'],
      ['-f', file, '--backend', 'memory'],
    ]) {
      expect(await once(...args)).toEqual({
        status: 1,
        out: '',
        err: `rfw: ${file}, line 4: local.server.port = x: it must be a number from 1 to 65535\n`,
      });
    }
  });

  it('ends with status 1 and one line when there is no configuration', async () => {
    const { status, out, err } = await once('-f', '/nonexistent/rfw.conf');
    expect([status, out]).toEqual([1, '']);
    expect(err).toMatch(/^rfw: Could not read the configuration file \/nonexistent\/rfw\.conf: ENOENT.*\n$/);
  });

  it('--check says what a start would do, and does nothing of it', async () => {
    const folder = makeFolder();
    const { status, out, err } = await once('-f', folder.config(...memoryLines(await freePort())), '--check');
    expect([status, err]).toEqual([0, '']);
    expect(out).toContain('are correct. A start would\n  listen on http://127.0.0.1:');
    expect(existsSync(folder.at('state'))).toBe(false);
  });

  it('--verify-audit says whether the audit log is whole, with status 0 or 1, and changes nothing', async () => {
    const folder = makeFolder();
    const file = folder.config(...memoryLines(await freePort()));
    expect(await once('-f', file, '--verify-audit')).toMatchObject({ status: 1, out: '' });
    expect(existsSync(folder.at('state'))).toBe(false);
    mkdirSync(folder.at('state/memory'), { recursive: true });
    const db = new DatabaseSync(folder.at('state/memory/rfw.db'));
    db.exec(`PRAGMA journal_mode = WAL; ${auditSchema}`);
    new AuditTable(db, { keep: 0, limit: 0 }).append([auditEntry(1), auditEntry(2)]);
    const { status, out, err } = await once('-f', file, '--verify-audit');
    expect([status, err]).toEqual([0, '']);
    const [, head = ''] = /^ {2}entries {2}2\n.*^ {2}head {5}(2:[\da-f]{64})\n$/ms.exec(out) ?? [];
    db.close();
    expect(await once('-f', file, '--verify-audit', head)).toEqual({ status, out, err });
    expect(await once('-f', file, '--verify-audit', head.replace('2:', '1:'))).toMatchObject({
      status: 1,
      err: expect.stringMatching(/^rfw: The audit log in .* is broken: entry 1 is not the one .*\n$/),
    });
  });

  it('--flush says what it removed, line by line, from a daemon that runs and from one that has ended', async () => {
    const folder = makeFolder();
    const port = await freePort();
    const daemon = await serve(folder, port);
    await put(port, '/drop/input/any/203.0.113.7');
    const flush = (): Promise<Ended> => once('--flush', '-f', folder.at('rfw.conf'));
    const deleted = 'Deleted 1 stored rule: no start brings them back';
    expect(await flush()).toEqual({
      status: 0,
      out: `Removed drop input any any 203.0.113.7/32 any\n${deleted}\n`,
      err: '',
    });
    await put(port, '/drop/input/any/203.0.113.7');
    daemon.child.kill('SIGTERM');
    await daemon.exit;
    expect(await flush()).toEqual({ status: 0, out: `Nothing of rfw was in the kernel\n${deleted}\n`, err: '' });
    expect(await flush()).toEqual({ status: 0, out: 'Nothing of rfw was in the kernel\n', err: '' });
  });

  it('without the right to change the firewall ends with status 1 and one line, and makes nothing', async () => {
    const folder = makeFolder();
    // Should the right not be gone, there is still no iptables to do anything with.
    const lines = [...memoryLines(await freePort()), 'firewall.backend = auto', `iptables.path = ${folder.at('none')}`];
    const daemon = [rfw, '-f', folder.config(...lines), '--logfile', folder.at('rfw.log')];
    const drop = process.getuid?.() === 0 ? ['setpriv', '--bounding-set', '-net_admin'] : ['env'];
    const [file = '', ...args] = [...drop, ...daemon];
    const { status, out, err } = await run(file, args);
    expect([status, out]).toEqual([1, '']);
    expect(err).toMatch(/^rfw: rfw needs the right to change the firewall \(CAP_NET_ADMIN\): run it as root.*\n$/);
    expect([existsSync(folder.at('state')), existsSync(folder.at('rfw.log'))]).toEqual([false, false]);
  });

  it('ends with status 1 and one line when its port is taken', async () => {
    const port = await freePort();
    await serve(makeFolder(), port);
    const folder = makeFolder();
    const file = folder.config(...memoryLines(port));
    const { status, out, err } = await once('-f', file, '--logfile', folder.at('rfw.log'));
    expect([status, out]).toEqual([1, '']);
    expect(err.split('\n').at(-2)).toMatch(/^rfw: Could not listen on http:\/\/127\.0\.0\.1:\d+: listen EADDRINUSE/);
    expect(readFileSync(folder.at('rfw.log'), 'utf8')).toContain('rfw could not start: Could not listen on');
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  });

  it('ends with status 1 and one line when it can not write its log', async () => {
    const folder = makeFolder();
    const file = folder.config(...memoryLines(await freePort()));
    const { status, out, err } = await once('-f', file, '--logfile', folder.at('none/rfw.log'));
    expect([status, out]).toEqual([1, '']);
    expect(err).toMatch(/^rfw: Could not write the log file .*none\/rfw\.log: ENOENT.*--logfile\n$/);
  });
});

describe('a running rfw', () => {
  it('says where it listens, and with -v logs to the console', async () => {
    const port = await freePort();
    const daemon = await serve(makeFolder(), port, '-v');
    expect(daemon.out()).toContain(`  listens   http://127.0.0.1:${port}  http://[::1]:${port}\n`);
    await put(port, '/drop/input/any/203.0.113.7');
    await expect.poll(daemon.err).toContain('INFO: Rule created');
    await expect.poll(daemon.err).toContain('DEBUG: Request');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends with status 0 at %s, and has finished what it accepted',
    async (signal) => {
      const folder = makeFolder();
      const port = await freePort();
      const daemon = await serve(folder, port);
      const requests = Array.from({ length: 60 }, (_, index) => put(port, `/drop/input/any/203.0.113.${index + 1}`));
      await Promise.race(requests);
      daemon.child.kill(signal);
      daemon.child.kill(signal);
      const answers = await Promise.allSettled(requests);
      expect([await daemon.exit, daemon.err()]).toEqual([0, '']);
      const acknowledged = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
      const created = acknowledged.filter((answer) => answer.startsWith('200 ')).length;
      expect(readFileSync(folder.at('rfw.log'), 'utf8')).toContain('Stopped; the rules stay enforced');
      const again = await serve(folder, port);
      const standing = JSON.parse((await get(`http://127.0.0.1:${port}/list`)).slice(4)) as unknown[];
      expect(standing.length).toBeGreaterThanOrEqual(created);
      expect(created).toBeGreaterThan(0);
      again.child.kill('SIGTERM');
    },
  );

  it('ends within five seconds with idle clients, and with one that sends half a request', async () => {
    const port = await freePort();
    const daemon = await serve(makeFolder(), port);
    const half = connect(port, '127.0.0.1').on('error', () => {});
    half.write('PUT /drop/input/any/203.0.113.7 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf');
    const idle = request({ port, host: '127.0.0.1', path: '/list' }).on('error', () => {});
    await new Promise((resolve) => idle.on('response', (response) => resolve(response.resume())).end());
    const begin = performance.now();
    daemon.child.kill('SIGTERM');
    expect(await daemon.exit).toBe(0);
    expect(performance.now() - begin).toBeLessThan(5000);
    half.destroy();
  });

  it('follows SIGHUP, also several at once, and reopens its log', async () => {
    const folder = makeFolder();
    const port = await freePort();
    const daemon = await serve(folder, port);
    await put(port, '/drop/input/any/203.0.113.7');
    folder.write('white.list', '203.0.113.0/24');
    rmSync(folder.at('rfw.log'));
    for (let count = 0; count < 5; count++) daemon.child.kill('SIGHUP');
    await expect.poll(() => get(`http://127.0.0.1:${port}/list`)).toBe('200 []');
    const log = (): string => (existsSync(folder.at('rfw.log')) ? readFileSync(folder.at('rfw.log'), 'utf8') : '');
    await expect.poll(log).toContain('Reloaded ');
    daemon.child.kill('SIGTERM');
    expect(await daemon.exit).toBe(0);
  });

  it('survives SIGHUP when the folder of its log is gone', async () => {
    const folder = makeFolder();
    const logs = makeFolder();
    const port = await freePort();
    const daemon = await serve(folder, port, '--logfile', logs.at('rfw.log'));
    rmSync(logs.path, { recursive: true });
    daemon.child.kill('SIGHUP');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([daemon.child.exitCode, await get(`http://127.0.0.1:${port}/list`)]).toEqual([null, '200 []']);
  });

  it.skipIf(!existsSync('/dev/full'))('serves on, and answers truly, when the disk of its log is full', async () => {
    const folder = makeFolder();
    const log = folder.at('current.log');
    symlinkSync(folder.write('real.log', ''), log);
    const port = await freePort();
    const daemon = await serve(folder, port, '--logfile', log);
    rmSync(log);
    symlinkSync('/dev/full', log);
    daemon.child.kill('SIGHUP');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(daemon.child.exitCode).toBeNull();
    expect(await put(port, '/drop/input/any/203.0.113.7')).toMatch(/^200 .*"created"/);
    expect(await get(`http://127.0.0.1:${port}/list`)).toContain('203.0.113.7');
  });
});

it('cuts off a client that begins a request and does not go on', { timeout: 35_000 }, async () => {
  const { milliseconds, answer } = await slow;
  expect(answer).toMatch(/^HTTP\/1\.1 408 .*\r\n\r\nERROR: Request Timeout\r\n$/s);
  expect(milliseconds).toBeGreaterThan(9000);
  // 11 s on an idle machine.
  expect(milliseconds).toBeLessThan(30_000);
});
