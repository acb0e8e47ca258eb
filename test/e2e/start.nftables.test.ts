import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Daemon, type DaemonOptions } from './daemon.fixture.ts';
import { Network, runIn } from './network.fixture.ts';
import { ping } from './probe.fixture.ts';
import { must } from './process.fixture.ts';
import { Program } from './program.fixture.ts';
import { Table } from './table.fixture.ts';

const network = new Network();
const program = new Program();
let namespace = '';

beforeAll(async () => {
  namespace = await network.namespace('start');
});

afterAll(async () => {
  await network.close();
  program.remove();
});

function makeDaemon(config: readonly string[], options: Partial<DaemonOptions> = {}): Daemon {
  return new Daemon({ program, namespace, config: ['firewall.backend = nftables', ...config], ...options });
}

describe('a second daemon in the same namespace, with a state of its own,', () => {
  it('is refused, says why, and changes nothing; when the first has ended, it has its turn', async () => {
    const table = new Table(namespace);
    const first = makeDaemon([]);
    const second = makeDaemon(['local.server.port = 7391']);
    try {
      await first.start();
      await first.put('/drop/input/any/198.18.0.1');
      const before = await table.nft('list ruleset');
      const { code, stderr } = await second.fail();
      expect(code).toBe(1);
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(stderr).toMatch(/^rfw: .*another rfw.*end it first: nft list table inet rfw names it/);
      expect((await table.nft('list ruleset')).stdout).toBe(before.stdout);
      expect((await first.put('/drop/input/any/198.18.0.1')).status).toBe('exists');
      expect((await first.put('/drop/input/any/198.18.0.2')).status).toBe('created');
      expect(first.log).not.toContain('Drift');
      await first.stop();
      await second.start();
      expect(await table.sources()).toEqual([]);
    } finally {
      await first.kill();
      await second.kill();
      await second.flush();
    }
  });
});

describe('settings', () => {
  it.each([
    ['nftables.counters = maybe', /rfw\.conf, line 8: nftables\.counters = maybe: it must be one of auto, on, off/],
    ['reject.tcp.reset = perhaps', /rfw\.conf, line 8: reject\.tcp\.reset is a flag\. Allowed: /],
  ])('%s is refused with file and line, with nothing touched', async (line, message) => {
    const daemon = makeDaemon([line]);
    const { code, stderr } = await daemon.fail();
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(existsSync(daemon.stateDir)).toBe(false);
    expect((await runIn(namespace, 'nft', 'list', 'ruleset')).stdout).toBe('');
  });

  it('--check names the backend and how it differs from the default, and touches nothing', async () => {
    const daemon = makeDaemon(['nftables.counters = off', 'reject.tcp.reset']);
    const rfw = [program.path('bin/rfw'), '--check', '-f', daemon.configFile];
    const { status, stdout } = await runIn(namespace, process.execPath, ...rfw);
    expect(status).toBe(0);
    expect(stdout).toContain(
      '  enforce rules with the backend nftables (nftables without counters for each rule; nftables answers rejected TCP with a reset), and keep them in ',
    );
    expect(existsSync(daemon.stateDir)).toBe(false);
    expect((await runIn(namespace, 'nft', 'list', 'ruleset')).stdout).toBe('');
  });

  it('without counters a rule is enforced all the same, and listed as if it had met nothing', async () => {
    await must('ip', '-n', namespace, 'address', 'add', '198.18.0.9/32', 'dev', 'lo');
    const daemon = makeDaemon(['nftables.counters = off']);
    try {
      await daemon.start();
      expect(await ping(namespace, '198.18.0.9')).toBe('pass');
      await daemon.put('/drop/input/lo/198.18.0.9');
      expect(await ping(namespace, '198.18.0.9')).toBe('silence');
      const { body } = await daemon.request('GET', '/list');
      expect(JSON.parse(body)).toMatchObject([{ source: '198.18.0.9', pkts: '0', bytes: '0' }]);
    } finally {
      await daemon.kill();
      await daemon.flush();
    }
  });
});
