import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Daemon } from './daemon.fixture.ts';
import { Network } from './network.fixture.ts';
import { EchoServers, mustPass, probe } from './probe.fixture.ts';
import { environment, until } from './process.fixture.ts';
import { Program } from './program.fixture.ts';
import { type Ran, rfwcIn } from './rfwc.fixture.ts';
import { Table } from './table.fixture.ts';

const network = new Network();
const servers = new EchoServers();
const program = new Program();
const socket = program.fresh('socket');
const [here, there] = ['10.83.1.1', '10.83.1.2'];
let host = '';
let client = '';
let daemon: Daemon;
let table: Table;

const rfwc = (...args: string[]): Promise<Ran> => rfwcIn(host, program, ['--socket', socket, ...args]);

beforeAll(async () => {
  host = await network.namespace('host');
  client = await network.namespace('client');
  await network.link(
    { namespace: client, device: 'eth0', addresses: [`${there}/24`] },
    { namespace: host, device: 'veth0', addresses: [`${here}/24`] },
  );
  await servers.start(host);
  table = new Table(host);
  daemon = new Daemon({ program, namespace: host, config: ['firewall.backend = nftables', `socket.path = ${socket}`] });
  await daemon.start();
  await mustPass(client, here);
});

afterEach(async () => {
  expect((await rfwc('flush', '--yes', '--lists')).exit).toBe(0);
});

afterAll(async () => {
  servers.stop();
  await daemon.kill();
  await network.close();
  program.remove();
});

describe('rfwc over the unix socket', () => {
  it('has packets dropped until it unblocks their address, and says which it dropped', async () => {
    expect(await rfwc('block', there, '--for', '10m', '--reason', 'ssh brute force')).toMatchObject({
      exit: 0,
      out: `Blocked ${there} on input for 10m\n`,
    });
    expect(await probe(client, here)).toBe('silence/silence');
    const [rule] = JSON.parse((await rfwc('ls', '--json')).out);
    expect(rule).toMatchObject({ source: `${there}/32`, origin: 'socket', comment: 'ssh brute force' });
    expect(rule.counters.packets).toBeGreaterThan(0);
    expect((await rfwc('check', there)).exit).toBe(0);
    expect((await rfwc('unblock', there)).exit).toBe(0);
    expect((await rfwc('check', there)).exit).toBe(1);
    await mustPass(client, here);
  });

  it('has an address let through that its network is not', async () => {
    await rfwc('block', '10.83.1.0/24');
    expect(await probe(client, here)).toBe('silence/silence');
    await rfwc('allow', there);
    await mustPass(client, here);
    const { exit, err } = await rfwc('unblock', '10.83.1.9');
    expect([exit, err]).toEqual([1, expect.stringMatching(/10\.83\.1\.9 is still blocked: .*10\.83\.1\.0_24/)]);
  });

  it('reads addresses from standard input, a thousand at once', async () => {
    const input = Array.from({ length: 1000 }, (_, at) => `198.51.${100 + (at >> 8)}.${at & 255} # scan\n`).join('');
    const { exit, out } = await rfwcIn(host, program, ['--socket', socket, 'block', '-'], { input });
    expect([exit, out]).toEqual([0, '1000 created\n']);
    expect(await table.sources()).toHaveLength(1000);
  });

  it('undoes what nobody confirms, and keeps what is confirmed', async () => {
    await rfwc('block', there, '--confirm', '3s');
    expect(await probe(client, here)).toBe('silence/silence');
    await until('it is undone', async () => (await table.sources()).length === 0);
    await mustPass(client, here);
    await rfwc('block', there, '--confirm', '1m');
    const [{ id }] = JSON.parse((await rfwc('confirm', '--json')).out);
    expect((await rfwc('confirm', id)).exit).toBe(0);
    expect(await table.sources()).toEqual([`${there}/32`]);
  });

  it('goes on watching when rfw is started anew, and misses nothing', async () => {
    const argv = [program.path('bin/rfwc'), '--socket', socket, 'watch', '--count', '1002', '-o', 'ndjson'];
    const child = spawn(process.execPath, argv, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    const written = { out: '', err: '' };
    child.stdout.on('data', (chunk) => {
      written.out += String(chunk);
    });
    child.stderr.on('data', (chunk) => {
      written.err += String(chunk);
    });
    const ended = new Promise((resolve) => child.once('close', resolve));
    try {
      // It begins with what comes when it is connected.
      await until('it watches', async () => {
        await rfwc('block', there, '--for', '1h');
        await rfwc('unblock', there);
        return written.out.split('\n').length > 2;
      });
      await daemon.stop();
      await daemon.start();
      const input = Array.from({ length: 1002 }, (_, at) => `203.0.${112 + (at >> 8)}.${at & 255}\n`).join('');
      await rfwcIn(host, program, ['--socket', socket, 'block', '-'], { input });
      expect(await ended).toBe(0);
    } finally {
      child.kill();
    }
    const numbers = written.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).number);
    const [first] = numbers;
    expect(numbers).toEqual(Array.from({ length: 1002 }, (_, at) => first + at));
    expect(written.err).toBe('The connection has broken off: trying again\nConnected again\n');
  });

  it('keeps the whitelist, tokens, lists and the audit log', async () => {
    await rfwc('block', there);
    expect((await rfwc('whitelist', 'add', there, '--reason', 'office')).out).toContain('took out drop~input');
    await mustPass(client, here);
    expect((await rfwc('block', there)).exit).toBe(5);
    expect((await rfwc('whitelist', 'ls')).out).toMatch(/10\.83\.1\.2 +socket +office/);
    expect((await rfwc('whitelist', 'rm', there)).exit).toBe(0);
    const { out: token } = await rfwc('token', 'create', 'detector', '--scope', 'rules:write', '--longest', '1h');
    expect((await rfwc('--token', token.trim(), 'block', there, '--for', '2h')).exit).toBe(4);
    expect((await rfwc('--token', token.trim(), 'reject', there)).out).toContain('for 1h');
    expect((await rfwc('token', 'ls')).out).toMatch(/^detector +rules:write/m);
    expect((await rfwc('token', 'revoke', 'detector')).exit).toBe(0);
    expect((await rfwc('--token', token.trim(), 'block', there)).exit).toBe(4);
    expect((await rfwc('unblock', there)).exit).toBe(0);
    const source = program.fresh('feed.txt');
    writeFileSync(source, `${there}\n`);
    expect((await rfwc('list', 'put', 'feed', source, '--action', 'drop')).exit).toBe(0);
    expect(await probe(client, here)).toBe('silence/silence');
    expect((await rfwc('check', there)).out).toContain('list feed');
    expect((await rfwc('list', 'add', 'feed', '203.0.113.0/24')).exit).toBe(0);
    expect((await rfwc('list', 'remove', 'feed', there)).exit).toBe(0);
    await mustPass(client, here);
    expect((await rfwc('list', 'show', 'feed')).out).toMatch(/\n203\.0\.113\.0\/24\n$/);
    expect((await rfwc('list', 'ls')).out).toMatch(/^feed +drop +input +1 /m);
    expect((await rfwc('list', 'rm', 'feed')).exit).toBe(0);
    const { out } = await rfwc('audit', '--limit', '3');
    expect(out.split('\n').map((line) => line.split(/ {2,}/)[3])).toEqual([
      'WHAT',
      'lists.delete',
      'lists.change',
      'lists.change',
      undefined,
    ]);
  });

  it('lists rules, and goes on with what changes', async () => {
    await rfwc('block', there, '--reason', 'first');
    const argv = [program.path('bin/rfwc'), '--socket', socket, 'ls', '--watch', '-o', 'ndjson'];
    const child = spawn(process.execPath, argv, { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', (chunk) => {
      out += String(chunk);
    });
    try {
      await until('it has listed', () => out.includes('first'));
      await rfwc('unblock', there);
      await until('it tells', () => out.includes('rule-deleted'));
    } finally {
      child.kill();
    }
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .map(({ kind, comment }) => kind ?? comment),
    ).toEqual(['first', 'rule-deleted']);
  });

  it('says with 3 that nobody is there', async () => {
    await daemon.stop();
    try {
      const { exit, out, err } = await rfwc('--retry', '0', 'status');
      expect([exit, out]).toEqual([3, '']);
      expect(err).toMatch(/is rfw running/);
    } finally {
      await daemon.start();
    }
  });
});
