import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { curl } from './curl.fixture.ts';
import { Daemon, type DaemonOptions } from './daemon.fixture.ts';
import { Firewall, variants } from './firewall.fixture.ts';
import { Network, runIn } from './network.fixture.ts';
import { environment, must, until } from './process.fixture.ts';
import { Program } from './program.fixture.ts';

const network = new Network();
const program = new Program();
const daemons: Daemon[] = [];
let namespace = '';
let firewall: Firewall;

beforeAll(async () => {
  namespace = await network.namespace('start');
  firewall = new Firewall(namespace);
});

afterEach(async () => {
  for (const daemon of daemons.splice(0)) await daemon.kill();
  for (const variant of variants) {
    await new Firewall(namespace, variant).change(4, '-F');
    await new Firewall(namespace, variant).change(6, '-F');
  }
});

afterAll(async () => {
  await network.close();
  program.remove();
});

function makeDaemon(options: Partial<DaemonOptions> = {}): Daemon {
  const daemon = new Daemon({ program, namespace, ...options });
  daemons.push(daemon);
  return daemon;
}

const marker = '-A INPUT -s 192.0.2.1/32 -p icmp -j ACCEPT';

describe('a start that can not be', () => {
  it.each([
    ['root without CAP_NET_ADMIN', ['--bounding-set=-net_admin']],
    [
      'another user',
      // Who may still read the program wherever the checkout is.
      [
        '--reuid=65534',
        '--regid=65534',
        '--clear-groups',
        '--inh-caps=-all,+dac_read_search',
        '--ambient-caps=-all,+dac_read_search',
      ],
    ],
  ])('tells %s what to do, and starts nothing', async (_who, flags) => {
    const daemon = makeDaemon();
    const { code, stderr } = await daemon.fail(['setpriv', ...flags]);
    expect(code).toBe(1);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(/^rfw: .*CAP_NET_ADMIN.*root.*--backend memory/);
    expect(existsSync(daemon.logfile) || existsSync(daemon.stateDir)).toBe(false);
  });

  it('says that there is no iptables, when there is none', async () => {
    const empty = program.fresh('empty');
    mkdirSync(empty);
    const hide = ['unshare', '--mount', 'sh', '-c', `mount --bind ${empty} /usr/sbin && exec "$@"`, 'sh'];
    const daemon = makeDaemon({ config: ['firewall.backend = iptables'] });
    const { code, stderr } = await daemon.fail(hide);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^rfw: Could not find iptables: install iptables/);
    expect(existsSync(daemon.stateDir)).toBe(false);
  });

  it('says of every backend why it does not work, when none does', async () => {
    const empty = program.fresh('empty');
    mkdirSync(empty);
    // In a user namespace of its own root has every right but those over the network of the test.
    const hide = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c'];
    const daemon = makeDaemon();
    const { code, stderr } = await daemon.fail([...hide, `mount --bind ${empty} /usr/sbin && exec "$@"`, 'sh']);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^rfw: No backend works on this host\. iptables does not work here: Could not find iptables.*; nftables does not work here: /,
    );
    expect(existsSync(daemon.stateDir)).toBe(false);
  });

  it('refuses a second daemon on the same state, and leaves the first alone', async () => {
    const first = makeDaemon();
    await first.start();
    await first.put('/drop/input/any/198.18.0.1');
    const before = await firewall.rules();
    const second = makeDaemon({ stateDir: first.stateDir });
    const { code, stderr } = await second.fail();
    expect(code).toBe(1);
    expect(stderr).toContain('Another rfw is running');
    expect(await firewall.rules()).toEqual(before);
    expect((await first.put('/drop/input/any/198.18.0.1')).status).toBe('exists');
  });

  it('refuses an occupied port, with the kernel untouched', async () => {
    const squatter = await listen(7390);
    try {
      await firewall.change(4, marker);
      const daemon = makeDaemon();
      const { code, stderr } = await daemon.fail();
      expect(code).toBe(1);
      expect(stderr).toMatch(/127\.0\.0\.1:7390.*EADDRINUSE/);
      expect(await firewall.rules()).toEqual([marker]);
    } finally {
      squatter.kill('SIGKILL');
    }
  });

  it.each([
    ['an unknown key', ['firewal.backend = auto'], /rfw\.conf, line 7: unknown key firewal\.backend\. Allowed: /],
    ['a bad value', ['default.expire = soon'], /rfw\.conf, line 7: default\.expire = soon/],
    [
      'a missing certificate',
      ['outward.server', 'outward.server.certfile = none.crt'],
      /line 8: .*no such file.*rfwgen/,
    ],
  ])('names file and line of %s, with the kernel untouched', async (_what, config, message) => {
    await firewall.change(4, marker);
    const daemon = makeDaemon({ config });
    const { code, stderr } = await daemon.fail();
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(await firewall.rules()).toEqual([marker]);
    expect(existsSync(daemon.stateDir)).toBe(false);
  });

  it('says that the stored rules are damaged, with the kernel untouched', async () => {
    await firewall.change(4, marker);
    const daemon = makeDaemon();
    mkdirSync(daemon.stateDir);
    writeFileSync(join(daemon.stateDir, 'rfw.db'), 'no database '.repeat(1000));
    const { code, stderr } = await daemon.fail();
    expect(code).toBe(1);
    expect(stderr).toMatch(/^rfw: .*rfw\.db.*not a database/m);
    expect(await firewall.rules()).toEqual([marker]);
  });
});

/** A program that listens on the port of the namespace. */
async function listen(port: number): Promise<ChildProcess> {
  const script = `require('node:net').createServer().listen(${port}, '127.0.0.1', () => console.log('ready'))`;
  const args = ['netns', 'exec', namespace, process.execPath, '-e', script];
  const child = spawn('ip', args, { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += String(chunk);
  });
  await until('the port is taken', () => output.includes('ready'));
  return child;
}

describe('a start', () => {
  it('takes the command line and the configuration of 2014', async () => {
    const folder = program.fresh('seed');
    mkdirSync(join(folder, 'config'), { recursive: true });
    const shipped = readFileSync(program.path('config/rfw.conf'), 'utf8');
    const adapted = shipped
      .replace('state.dir = /var/lib/rfw', `state.dir = ${join(folder, 'state')}`)
      .replace('# socket.path = /run/rfw/rfw.sock', 'socket.path = off');
    writeFileSync(join(folder, 'config/rfw.conf'), adapted);
    writeFileSync(join(folder, 'config/white.list'), '127.0.0.1\n');
    const line = `exec ${program.path('bin/rfw')} -f config/rfw.conf --logfile=rfw.log`;
    const args = ['netns', 'exec', namespace, 'sh', '-c', line];
    const child = spawn('ip', args, { env: environment, cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
    try {
      const url = 'http://127.0.0.1:7390';
      await until('it answers', async () => (await curl(namespace, `${url}/`)).code === 200);
      const put = await curl(namespace, '-X', 'PUT', `${url}/drop/input/eth0/11.22.33.44`);
      expect(put).toMatchObject({ code: 200 });
      expect(await firewall.rules()).toEqual(['-A INPUT -s 11.22.33.44/32 -i eth0 -j DROP']);
      expect(readFileSync(join(folder, 'rfw.log'), 'utf8')).toContain('Rule created');
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('checks the configuration without a trace', async () => {
    const daemon = makeDaemon();
    const rfw = [program.path('bin/rfw'), '--check', '-f', daemon.configFile];
    const { status, stdout } = await runIn(namespace, process.execPath, ...rfw);
    expect(status).toBe(0);
    expect(stdout).toContain('are correct. A start would');
    expect(existsSync(daemon.stateDir)).toBe(false);
  });

  it('does without IPv6 on the loopback interface where that is off', async () => {
    const plain = await network.namespace('plain');
    await must('ip', 'netns', 'exec', plain, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6');
    const daemon = makeDaemon({ namespace: plain });
    await daemon.start();
    expect(await daemon.request('PUT', '/drop/input/any/198.18.0.1')).toMatchObject({ code: 200 });
  });

  it('starts a new log file on SIGHUP, after the old one was moved away', async () => {
    const daemon = makeDaemon();
    await daemon.start();
    await daemon.put('/drop/input/any/198.18.0.1');
    renameSync(daemon.logfile, `${daemon.logfile}.1`);
    await daemon.reload();
    await daemon.put('/drop/input/any/198.18.0.2');
    expect(daemon.log).toContain('198.18.0.2');
    expect(daemon.log).not.toContain('198.18.0.1/');
    expect(readFileSync(`${daemon.logfile}.1`, 'utf8')).not.toContain('198.18.0.2');
  });

  it('survives that the folder of the log file is gone on SIGHUP', async () => {
    const folder = program.fresh('logs');
    mkdirSync(folder);
    const daemon = makeDaemon({ logfile: join(folder, 'rfw.log') });
    await daemon.start();
    renameSync(folder, `${folder}.old`);
    daemon.signal('SIGHUP');
    await daemon.put('/drop/input/any/198.18.0.1');
    expect(daemon.isRunning, daemon.stderr).toBe(true);
  });

  it('waits for what a killed daemon has left running, and survives a SIGHUP meanwhile', async () => {
    const daemon = makeDaemon();
    // The mark that rfw gives to the programs that it starts: this one stands for an iptables-restore that still commits.
    const leftOver = spawn('sleep', ['60'], { env: { ...environment, RFW_OWNER: daemon.stateDir }, stdio: 'ignore' });
    try {
      const running = daemon.launch();
      await until('node has started', () => existsSync(daemon.logfile));
      await sleep(500);
      expect(running.stdout).toBe('');
      daemon.signal('SIGHUP');
      await sleep(200);
      expect(running.exit, 'the daemon is still there').toBeUndefined();
      leftOver.kill('SIGKILL');
      await until('the daemon is ready', () => running.stdout.includes('\nTry\n'));
    } finally {
      leftOver.kill('SIGKILL');
    }
  });
});
