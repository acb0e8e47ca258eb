import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Api } from './api.fixture.ts';
import { Daemon } from './daemon.fixture.ts';
import { Firewall } from './firewall.fixture.ts';
import { residentOf } from './memory.fixture.ts';
import { Network } from './network.fixture.ts';
import { Peer } from './peer.fixture.ts';
import { environment, must, run, until } from './process.fixture.ts';
import { Program } from './program.fixture.ts';

const network = new Network();
const program = new Program();
const lock = '/run/xtables.lock';
const socketPath = program.fresh('socket');
const api = new Api(socketPath);
let daemon: Daemon;
let firewall: Firewall;
let holder: ChildProcess | undefined;
const peers: Peer[] = [];

beforeAll(async () => {
  // The lock of this mount namespace alone: programs of the host must not wait for this test.
  const own = program.fresh('lock');
  writeFileSync(own, '');
  writeFileSync(lock, '', { flag: 'a' });
  await must('mount', '--bind', own, lock);
  const namespace = await network.namespace('overload');
  firewall = new Firewall(namespace, 'iptables-legacy');
  daemon = new Daemon({ program, namespace, iptables: 'iptables-legacy', config: [`socket.path = ${socketPath}`] });
  await daemon.start();
});

afterAll(async () => {
  holder?.kill('SIGKILL');
  for (const peer of peers) peer.close();
  await daemon.kill();
  await run('umount', [lock]);
  await network.close();
  program.remove();
});

const connections = 12;
const each = 1000;

it('refuses with 503 and Retry-After what is too much while the kernel is kept, in bounded memory, and does the rest', async () => {
  const before = residentOf(daemon.pid);
  // Longer than any test: it is ended here.
  holder = spawn('flock', ['--no-fork', lock, 'sleep', '300'], { env: environment, stdio: 'ignore' });
  await until('the lock is held', async () => (await run('flock', ['--nonblock', lock, 'true'])).status !== 0);
  const paths = Array.from({ length: each }, (_, index) => `/drop/input/any/198.18.0.${index % 100}`);
  const text = paths.map((path) => `PUT ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`).join('');
  const heard: string[] = Array(connections).fill('');
  const count = (pattern: RegExp): number => heard.join('').match(pattern)?.length ?? 0;
  for (let number = 0; number < connections; number++) {
    const peer = Peer.plain(socketPath, (piece) => {
      heard[number] += piece;
    });
    peers.push(peer);
    peer.send(text);
  }
  await until('one is refused', async () => {
    const { status, headers } = await api.ask('GET', '/v1/status');
    return status === 503 && headers['retry-after'] === '1';
  });
  expect((await api.ask('GET', '/v1/health/live')).status, 'it lives').toBe(200);
  expect(residentOf(daemon.pid) - before, 'MB').toBeLessThan(250);
  holder.kill('SIGKILL');
  await until('all are answered', () => count(/HTTP\/1\.1 (?:200|503)/g) === connections * each, 60);
  expect(count(/HTTP\/1\.1 200/g)).toBeGreaterThan(5000);
  expect(count(/HTTP\/1\.1 503/g)).toBeGreaterThan(0);
  expect(count(/retry-after: 1\r/gi)).toBe(count(/HTTP\/1\.1 503/g));
  expect(await firewall.rules()).toHaveLength(100);
});
