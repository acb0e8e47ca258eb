import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { get, put } from '../../src/daemon/daemon.fixture.ts';
import { freePort } from '../../src/daemon/folder.fixture.ts';
import { type Ended, type Program, run, start, untilOut } from '../../src/daemon/program.fixture.ts';

interface PackedFile {
  readonly path: string;
  readonly mode: number;
}

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'rfw-package-'));
const at = (name: string): string => join(temporary, name);
const config = at('etc/rfw/rfw.conf');
let files: readonly PackedFile[] = [];

/** Everything that npm would change outside stays in the temporary folder, but for its cache. */
async function npm(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: checkout,
    maxBuffer: 64 << 20,
  });
  return stdout;
}

/** Runs a program of the installed package, as the ssh client at 198.51.100.9 would. */
function installed(name: string, ...args: string[]): Promise<Ended> {
  const env = { SSH_CONNECTION: '198.51.100.9 50000 192.0.2.1 22' };
  return run(at(`bin/${name}`), args, { cwd: temporary, env });
}

beforeAll(async () => {
  const [packed] = JSON.parse(await npm('pack', '--json', '--pack-destination', temporary)) as {
    readonly filename: string;
    readonly files: readonly PackedFile[];
  }[];
  if (packed === undefined) throw new Error('npm pack made nothing');
  files = packed.files;
  await npm('install', '--global', '--prefix', temporary, at(packed.filename));
});
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

describe('the tarball', () => {
  const paths = (): string[] => files.map(({ path }) => path);

  it('holds the programs, what they need, and the licence', () => {
    expect(paths()).toEqual(
      expect.arrayContaining([
        'package.json',
        'LICENSE',
        'README.md',
        'bin/rfw',
        'bin/rfwgen',
        'dist/daemon/main.js',
        'dist/certs/rfwgen.js',
        'man/rfw.8',
        'man/rfwc.1',
        'man/rfwgen.1',
        'man/rfw.conf.5',
        'dist/cli/main.js',
        'bin/rfwc',
        'config/rfw.conf',
        'config/white.list',
        'config/deploy/README.md',
      ]),
    );
  });

  it('holds programs that can be run', () => {
    for (const name of ['bin/rfw', 'bin/rfwc', 'bin/rfwgen', 'config/deploy/rfwgen']) {
      expect(`${name} ${(files.find(({ path }) => path === name)?.mode ?? 0) & 0o111}`).toBe(`${name} ${0o111}`);
    }
  });

  it('holds no sources, no tests, and nothing of the build or of a run', () => {
    const foreign =
      /^(?:src|test|scripts|node_modules|var|offline|client|server_[^/]*|\.[^/]+)\/|\.(?:test|fixture|conformance)\.|\.ts$|\.(?:log|db|key|crt|tgz)$|(?:^|\/)\.[^/]+$/;
    expect(paths().filter((path) => foreign.test(path))).toEqual([]);
  });
});

describe('the installed package', () => {
  it('has rfw, rfwc and rfwgen, which tell their version', async () => {
    const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { version: string };
    expect(await installed('rfw', '--version')).toEqual({ status: 0, out: `${version}\n`, err: '' });
    expect(await installed('rfwc', '--version')).toEqual({ status: 0, out: `${version}\n`, err: '' });
    expect(await installed('rfwgen', '--version')).toEqual({ status: 0, out: `${version}\n`, err: '' });
  });

  it('writes a first configuration with the ssh client of the caller in the whitelist, and takes it', async () => {
    const { status, out, err } = await installed('rfw', '--init', '-f', config);
    expect([status, err]).toEqual([0, '']);
    expect(out).toContain(`${config}: written\n`);
    expect(out).toContain('with loopback and your ssh client 198.51.100.9\n');
    expect(statSync(config).mode & 0o777).toBe(0o600);
    expect(readFileSync(at('etc/rfw/white.list'), 'utf8').split('\n')).toContain('198.51.100.9');
    const check = await installed('rfw', '--check', '-f', config);
    expect([check.status, check.err]).toEqual([0, '']);
    expect(check.out).toContain('refuse rules that touch 127.0.0.0/8, ::1, 198.51.100.9\n');
  });

  it('runs, takes rules, keeps them over a restart, and ends when it is told to', async () => {
    const port = await freePort();
    const text = readFileSync(config, 'utf8')
      .replace('local.server.port = 7390', `local.server.port = ${port}`)
      .replace('state.dir = /var/lib/rfw', `state.dir = ${at('state')}`)
      .replace('# socket.path = /run/rfw/rfw.sock', `socket.path = ${at('run/rfw.sock')}`);
    writeFileSync(config, text);
    const serve = async (): Promise<Program> => {
      const args = ['-f', config, '--backend', 'memory', '--logfile', at('rfw.log')];
      const daemon = start(at('bin/rfw'), args, { cwd: temporary });
      await untilOut(daemon, 'Try\n');
      return daemon;
    };
    const first = await serve();
    expect(await put(port, '/drop/input/any/203.0.113.7')).toMatch(/^200 .*"created"/);
    expect(await put(port, '/drop/input/any/198.51.100.9')).toMatch(/^400 .*whitelist/);
    first.child.kill('SIGTERM');
    expect([await first.exit, first.err()]).toEqual([0, '']);
    const second = await serve();
    expect(await get(`http://127.0.0.1:${port}/list/input`)).toMatch(/^200 \[\{.*"source":"203\.0\.113\.7"/);
    second.child.kill('SIGTERM');
    expect([await second.exit, second.err()]).toEqual([0, '']);
    expect(existsSync(at('state/memory/rfw.db'))).toBe(true);
  });

  it('makes keys and certificates', async () => {
    const { status, err } = await installed('rfwgen', '127.0.0.1');
    expect([status, err]).toEqual([0, '']);
    for (const key of ['offline/ca.key', 'server_127.0.0.1/server.key']) {
      expect(`${key} ${(statSync(at(key)).mode & 0o777).toString(8)}`).toBe(`${key} 600`);
    }
    for (const certificate of ['client/ca.crt', 'server_127.0.0.1/server.crt']) {
      expect(readFileSync(at(certificate), 'utf8')).toMatch(/^-----BEGIN CERTIFICATE-----\n/);
    }
  });
});
