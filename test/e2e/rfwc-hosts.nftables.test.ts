import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Daemon } from './daemon.fixture.ts';
import { Network } from './network.fixture.ts';
import { must } from './process.fixture.ts';
import { Program } from './program.fixture.ts';
import { type Ran, rfwcIn } from './rfwc.fixture.ts';
import { Table } from './table.fixture.ts';

const network = new Network();
const program = new Program();
const keys = program.fresh('keys');
const settings = join(program.fresh('settings'));
const env = { RFW_CONFIG: settings, RFW_PASSWORD: 's3cret' };
const blocked = '203.0.113.7';

/** Of two hosts, and of one that is down. */
const addresses = ['10.84.1.1', '10.84.2.1', '10.84.3.1'] as const;
const urls = addresses.map((address) => `https://${address}:7393`);
let client = '';
const daemons: Daemon[] = [];
const tables: Table[] = [];

const rfwc = (...args: string[]): Promise<Ran> =>
  rfwcIn(client, program, ['--cacert', join(keys, 'client/ca.crt'), '--retry', '0', ...args], { env });
const asCentral = ['--user', 'central'];

beforeAll(async () => {
  client = await network.namespace('client');
  mkdirSync(keys);
  for (const [at, address] of addresses.entries()) {
    const host = await network.namespace(`host${at}`);
    const near = address.replace(/1$/, '2');
    await network.link(
      { namespace: client, device: `eth${at}`, addresses: [`${near}/24`] },
      { namespace: host, device: 'veth0', addresses: [`${address}/24`] },
    );
    await must('sh', '-c', `cd ${keys} && ${process.execPath} ${program.path('bin/rfwgen')} ${address}`);
    const server = join(keys, `server_${address}`);
    const daemon = new Daemon({
      program,
      namespace: host,
      whitelist: ['127.0.0.0/8', near],
      config: [
        'firewall.backend = nftables',
        ...['outward.server', `outward.server.certfile = ${server}/server.crt`],
        ...[`outward.server.keyfile = ${server}/server.key`, 'auth.username = central', 'auth.password = s3cret'],
      ],
    });
    daemons.push(daemon);
    tables.push(new Table(host));
    if (at < 2) await daemon.start();
  }
});

afterAll(async () => {
  for (const daemon of daemons) await daemon.kill();
  await network.close();
  program.remove();
});

describe('several hosts', () => {
  it('are asked in one go, each answers for itself, and one that is down makes it partly done', async () => {
    const file = program.fresh('hosts');
    writeFileSync(file, `# the edge\n${urls.join('\n')}\n`);
    const { exit, out, err } = await rfwc(...asCentral, '--hosts', file, 'block', blocked, '--for', '1h');
    expect(exit).toBe(6);
    expect(out.trim().split('\n').sort()).toEqual(
      urls.slice(0, 2).map((url) => `${url}  Blocked ${blocked} on input for 1h`),
    );
    expect(err).toMatch(/^rfwc: https:\/\/10\.84\.3\.1:7393: .*nobody listens there/m);
    expect(err).toMatch(/2 of 3 hosts answered, 1 failed\n$/);
    for (const table of tables.slice(0, 2)) expect(await table.sources()).toEqual([`${blocked}/32`]);
  });

  it('answer programs in one document, by a group and with a token of each', async () => {
    for (const url of urls.slice(0, 2))
      expect(
        (await rfwc(...asCentral, '--host', url, 'token', 'create', 'detector', '--scope', 'rules:read')).exit,
      ).toBe(0);
    expect((await rfwc('group', 'set', 'edge', ...urls.slice(0, 2))).exit).toBe(0);
    const { exit, out } = await rfwc(...asCentral, '-g', 'edge', '--json', 'check', blocked);
    expect(exit).toBe(0);
    expect(JSON.parse(out).map(({ host, exit: each }: { host: string; exit: number }) => [host, each])).toEqual(
      urls.slice(0, 2).map((url) => [url, 0]),
    );
  });

  it('do not wait for one that says nothing', async () => {
    const began = performance.now();
    // Nobody has this address: packets to it get no answer.
    const args = ['--host', urls[0] ?? '', '--host', 'https://10.84.1.9', '--timeout', '1', 'status'];
    const { exit, out, err } = await rfwc(...asCentral, ...args);
    expect([exit, out]).toEqual([6, expect.stringContaining('state       ready')]);
    expect(err).toContain('https://10.84.1.9:7393');
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

describe('a context', () => {
  it('has a host and a token, from a file that nobody else may read', async () => {
    const [url = ''] = urls;
    const made = await rfwc(
      ...asCentral,
      '--host',
      url,
      'token',
      'create',
      'ops',
      '--scope',
      'rules:write',
      'rules:read',
    );
    expect((await rfwc('context', 'set', 'ops', '--host', url, '--token', made.out.trim())).exit).toBe(0);
    expect((await rfwc('-c', 'ops', 'block', '203.0.113.8', '--for', '10m')).exit).toBe(0);
    expect((await rfwc('-c', 'ops', 'audit')).exit).toBe(4);
    chmodSync(settings, 0o644);
    expect((await rfwc('-c', 'ops', 'ls')).exit).toBe(2);
    chmodSync(settings, 0o600);
    expect((await rfwc('-c', 'ops', 'ls')).exit).toBe(0);
  });
});

describe('doctor', () => {
  it('says of each host what is well, and of the one that is down what to do', async () => {
    const { exit, out, err } = await rfwc(...asCentral, ...urls.flatMap((url) => ['--host', url]), 'doctor');
    expect(exit).toBe(6);
    expect(out.match(/ok {4}certificate {2}of 10\.84\.\d\.1, by /g)).toHaveLength(2);
    expect(out.match(/ok {4}rights {7}everything \(admin\)/g)).toHaveLength(2);
    expect(out.match(/ok {4}backend {6}nftables/g)).toHaveLength(2);
    expect(out).toMatch(/FAIL {2}certificate .*is rfw running\?/);
    expect(err).toMatch(/3 of 3 hosts answered\n$/);
  });

  it('tells who is not in the whitelist', async () => {
    const [url = ''] = urls;
    daemons[0]?.allow(['127.0.0.0/8']);
    await daemons[0]?.reload();
    const { exit, out } = await rfwc(...asCentral, '--timeout', '1', '--host', url, 'doctor');
    expect([exit, out]).toEqual([3, expect.stringContaining('FAIL  certificate')]);
  });
});
