import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, curl } from './curl.fixture.ts';
import { Daemon } from './daemon.fixture.ts';
import { Firewall } from './firewall.fixture.ts';
import { Network, runIn } from './network.fixture.ts';
import { ping } from './probe.fixture.ts';
import { must, until } from './process.fixture.ts';
import { Program } from './program.fixture.ts';

const network = new Network();
const program = new Program();
const certificates = program.fresh('certificates');
const hostAddresses = ['10.78.1.1', 'fd78:0:0:1::1'] as const;
const whitelist = ['127.0.0.0/8', '::1', '10.78.1.2', 'fd78:0:0:1::2'];

let host = '';
let friend = '';
let stranger = '';
let firewall: Firewall;
let daemon: Daemon;

beforeAll(async () => {
  host = await network.namespace('host');
  friend = await network.namespace('friend');
  stranger = await network.namespace('stranger');
  for (const [namespace, link] of [[friend, 1] as const, [stranger, 2] as const]) {
    await network.link(
      { namespace, device: 'eth0', addresses: [`10.78.${link}.2/24`, `fd78:0:0:${link}::2/64`] },
      { namespace: host, device: `veth${link}`, addresses: [`10.78.${link}.1/24`, `fd78:0:0:${link}::1/64`] },
    );
    await network.route(namespace, `10.78.${link}.1`);
    await network.route(namespace, `fd78:0:0:${link}::1`);
  }
  firewall = new Firewall(host);
  mkdirSync(certificates);
  await rfwgen();
});

afterAll(async () => {
  await network.close();
  program.remove();
});

beforeEach(async () => {
  daemon = new Daemon({ program, namespace: host, config: outward(7393), whitelist });
  await daemon.start();
});

afterEach(async () => {
  await daemon.kill();
  await firewall.change(4, '-F');
  await firewall.change(6, '-F');
});

/** Makes, or makes anew, the certificate of the host as an operator does. */
async function rfwgen(...flags: string[]): Promise<void> {
  const command = [process.execPath, program.path('bin/rfwgen'), ...flags, ...hostAddresses].join(' ');
  await must('sh', '-c', `cd ${certificates} && ${command}`);
}

function outward(port: number): string[] {
  return [
    'outward.server',
    `outward.server.port = ${port}`,
    'outward.server.ip = ::',
    `outward.server.certfile = ${join(certificates, 'server_10.78.1.1/server.crt')}`,
    `outward.server.keyfile = ${join(certificates, 'server_10.78.1.1/server.key')}`,
    'auth.username = central',
    'auth.password = s3cret',
  ];
}

interface HttpsRequest {
  readonly from?: string;
  readonly to?: string;
  readonly port?: number;
  readonly method?: string;
  readonly path?: string;
  /** `name:password`; empty for none. */
  readonly user?: string;
}

/** A request over HTTPS whose certificate is verified; it waits two seconds for a connection. */
function https({ from = friend, to = hostAddresses[0], port = 7393, ...rest }: HttpsRequest = {}): Promise<Answer> {
  const { method = 'GET', path = '/list', user = 'central:s3cret' } = rest;
  const target = to.includes(':') ? `[${to}]` : to;
  const login = user === '' ? [] : ['--user', user];
  const trust = ['--connect-timeout', '2', '--cacert', join(certificates, 'client/ca.crt')];
  return curl(from, ...trust, ...login, '-X', method, `https://${target}:${port}${path}`);
}

/** The lines of the guard in the two chains, top to bottom, for whitelisted addresses in ascending order. */
function guard(port: number, addresses: readonly string[]): string[] {
  return (['INPUT -s', 'OUTPUT -d'] as const).flatMap((start) => {
    const [chain = '', side = ''] = start.split(' ');
    const ports = `-p tcp -m tcp ${side === '-s' ? '--dport' : '--sport'} ${port}`;
    return [
      ...addresses.map((address) => `-A ${chain} ${side} ${address} ${ports} -j ACCEPT`),
      `-A ${chain} ${ports} -j DROP`,
    ];
  });
}

const guard4 = guard(7393, ['10.78.1.2/32', '127.0.0.0/8']);
const guard6 = guard(7393, ['::1/128', 'fd78:0:0:1::2/128']);

describe('the outward server', () => {
  it.each(hostAddresses)('serves a whitelisted client at %s with a certificate of rfwgen', async (to) => {
    expect(await https({ to })).toMatchObject({ exit: 0, code: 200 });
    expect(await https({ to, method: 'PUT', path: '/drop/input/any/198.18.0.1' })).toMatchObject({ code: 200 });
    expect(await firewall.rulesOf(4, 'INPUT')).toContain('-A INPUT -s 198.18.0.1/32 -j DROP');
  });

  it('asks for the password', async () => {
    for (const user of ['', 'central:wrong', 'other:s3cret']) {
      expect(await https({ user, method: 'PUT', path: '/drop/input/any/198.18.0.1' })).toMatchObject({ code: 401 });
    }
    const headers = await curl(friend, '--insecure', '--head', `https://${hostAddresses[0]}:7393/`);
    expect(headers.body).toMatch(/^www-authenticate: Basic realm="private"\r?$/im);
    expect(await firewall.rulesOf(4)).toEqual(guard4);
  });

  it.each([
    ['-tls1', false],
    ['-tls1_1', false],
    ['-tls1_2', true],
    ['-tls1_3', true],
  ])('speaks TLS as modern clients do: %s is %s', async (version, spoken) => {
    const client = ['s_client', '-connect', `${hostAddresses[0]}:7393`, version, '-cipher', 'ALL:@SECLEVEL=0'];
    const { stdout, stderr } = await runIn(friend, 'openssl', ...client);
    if (spoken) expect(stdout).toMatch(/Verification error|Verify return code/);
    else expect(stderr).toContain('alert protocol version');
  });

  it('takes up a new certificate on SIGHUP', async () => {
    const fingerprint = async (): Promise<string> => {
      const { stdout } = await runIn(friend, 'openssl', 's_client', '-connect', `${hostAddresses[0]}:7393`);
      return /-----BEGIN CERTIFICATE-----[^-]*/.exec(stdout)?.[0] ?? '';
    };
    const before = await fingerprint();
    await rfwgen('--force');
    expect(await fingerprint()).toBe(before);
    expect(await daemon.reload()).toContain('Reloaded');
    expect(await fingerprint()).not.toBe(before);
    expect(await https()).toMatchObject({ exit: 0, code: 200 });
  });
});

describe('the guard of its port', () => {
  it('drops the packets of everybody else, and nothing but that port', async () => {
    expect(await https({ from: stranger })).toMatchObject({ exit: 28, code: 0 });
    expect(await https({ from: stranger, to: hostAddresses[1] })).toMatchObject({ exit: 28, code: 0 });
    expect(await ping(stranger, hostAddresses[0])).toBe('pass');
    expect(daemon.log).not.toContain('not in the whitelist');
  });

  it('stands once, above everything, after restarts in order and by kill -9', async () => {
    for (const end of ['stop', 'kill', 'kill', 'stop'] as const) {
      await daemon.put('/drop/input/any/198.18.0.1');
      await daemon.put('/drop/input/any/2001:db8::/32');
      await daemon.put(`/drop/output/any/198.18.0.${['stop', 'kill'].indexOf(end)}`);
      await daemon[end]();
      await daemon.start();
      for (const [family, lines] of [[4, guard4] as const, [6, guard6] as const]) {
        const rules = await firewall.rulesOf(family);
        expect(rules.filter((line) => line.includes('7393'))).toEqual(lines);
        for (const chain of ['INPUT', 'OUTPUT']) {
          const own = lines.filter((line) => line.startsWith(`-A ${chain} `));
          expect((await firewall.rulesOf(family, chain)).slice(0, own.length)).toEqual(own);
        }
      }
    }
  });

  it('keeps the client in, whatever that client blocks around itself', async () => {
    const message = 'ERROR: Ignoring the request conflicting with the whitelist';
    for (const network of ['10.0.0.0/9', '10.78.1.0/24', '10.78.1.2', 'fd78::/16', 'fd78:0:0:1::/64']) {
      for (const chain of ['input', 'output']) {
        const refused = await https({ method: 'PUT', path: `/drop/${chain}/any/${network}` });
        expect(refused, network).toMatchObject({ code: 400, body: expect.stringContaining(message) });
      }
    }
    // All the rest of 10.78.1.0/24, and of what is around it up to a /9.
    const around = [...Array(23).keys()].map((index) => {
      const length = 32 - index;
      return `${dotted(((parse('10.78.1.2') ^ (2 ** index)) & -(2 ** index)) >>> 0)}/${length}`;
    });
    for (const network of around) {
      for (const chain of ['input', 'output']) {
        expect(await https({ method: 'PUT', path: `/drop/${chain}/any/${network}` })).toMatchObject({ code: 200 });
      }
    }
    expect(await https()).toMatchObject({ code: 200 });
    expect((await firewall.rulesOf(4, 'INPUT')).slice(0, 3)).toEqual(guard4.slice(0, 3));
  });

  it('keeps a client behind a router in, whatever it blocks of the addresses that routers use among themselves', async () => {
    const router = await network.namespace('router');
    const remote = await network.namespace('remote');
    await network.link(
      { namespace: remote, device: 'eth0', addresses: ['fd78:0:0:9::2/64'] },
      { namespace: router, device: 'eth0', addresses: ['fd78:0:0:9::1/64'] },
    );
    await network.link(
      { namespace: router, device: 'eth1', addresses: ['fd78:0:0:3::2/64'] },
      { namespace: host, device: 'veth3', addresses: ['fd78:0:0:3::1/64'] },
    );
    await network.forward(router);
    await network.route(remote, 'fd78:0:0:9::1');
    await must('ip', '-n', host, 'route', 'add', 'fd78:0:0:9::/64', 'via', 'fd78:0:0:3::2');
    daemon.allow([...whitelist, 'fd78:0:0:9::2']);
    await daemon.reload();
    const reach = async (): Promise<boolean> => {
      for (const namespace of [host, router]) await must('ip', '-n', namespace, '-6', 'neigh', 'flush', 'all');
      // The certificate doesn't know this address: that curl could see it is enough.
      return (await https({ from: remote, to: 'fd78:0:0:3::1' })).exit === 60;
    };
    // Routers look for their neighbours from link-local addresses, which come into being some time after the link.
    await until('the remote client gets through', reach);
    const blocked = await https({ to: hostAddresses[1], method: 'PUT', path: '/drop/input/any/fe80::/16' });
    expect([200, 400]).toContain(blocked.code);
    expect(await reach()).toBe(true);
  });
});

function parse(address: string): number {
  return address.split('.').reduce((value, part) => value * 256 + Number(part), 0);
}

function dotted(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

describe('a reload', () => {
  it('follows a changed whitelist with the guard, the door and the rules', async () => {
    await daemon.put('/drop/input/any/10.78.2.0/30');
    expect(await https({ from: stranger })).toMatchObject({ exit: 28 });
    daemon.allow([...whitelist, '10.78.2.2 # a new colleague']);
    expect(await daemon.reload()).toContain('Reloaded');
    expect(await https({ from: stranger })).toMatchObject({ code: 200 });
    expect(await firewall.rulesOf(4)).toEqual(guard(7393, ['10.78.1.2/32', '10.78.2.2/32', '127.0.0.0/8']));
    expect(daemon.log).toMatch(/10\.78\.2\.0\/30.*conflicts with the whitelist/);
    daemon.allow(whitelist);
    expect(await daemon.reload()).toContain('Reloaded');
    expect(await https({ from: stranger })).toMatchObject({ exit: 28 });
    expect(await firewall.rulesOf(4)).toEqual(guard4);
  });

  it('keeps what is in force when a file is bad', async () => {
    daemon.allow([...whitelist, 'not an address']);
    expect(await daemon.reload()).toMatch(/Reload failed.*white\.list, line 5/);
    daemon.allow(whitelist);
    daemon.configure([...outward(7393), 'outward.server.prot = 1']);
    expect(await daemon.reload()).toMatch(/Reload failed.*unknown key outward\.server\.prot/);
    expect(await firewall.rulesOf(4)).toEqual(guard4);
    expect(await https()).toMatchObject({ code: 200 });
    expect(await https({ from: stranger })).toMatchObject({ exit: 28 });
  });

  it('moves the server and its guard to another port', async () => {
    daemon.configure(outward(7394));
    expect(await daemon.reload()).toContain('Reloaded');
    expect(await firewall.rulesOf(4)).toEqual(guard(7394, ['10.78.1.2/32', '127.0.0.0/8']));
    expect(await https({ port: 7394 })).toMatchObject({ code: 200 });
    await until('the old port is closed', async () => (await https()).exit === 7);
  });

  it('moves the server to one address of the host', async () => {
    const narrow = outward(7393).map((line) => line.replace('.ip = ::', `.ip = ${hostAddresses[0]}`));
    daemon.configure(narrow);
    expect(await daemon.reload()).toContain('Reloaded');
    expect(await https()).toMatchObject({ code: 200 });
    expect((await https({ to: hostAddresses[1] })).exit).not.toBe(0);
  });

  it('takes the guard away with the server', async () => {
    daemon.configure([]);
    expect(await daemon.reload()).toContain('Reloaded');
    expect(await firewall.rules()).toEqual([]);
    expect(await https()).toMatchObject({ exit: 7 });
  });
});

describe('a start with other settings', () => {
  it('leaves no guard of the former port, and none at all without the server', async () => {
    await daemon.kill();
    daemon.configure(outward(7394));
    await daemon.start();
    expect(await firewall.rulesOf(6)).toEqual(guard(7394, ['::1/128', 'fd78:0:0:1::2/128']));
    await daemon.stop();
    daemon.configure([]);
    await daemon.start();
    expect(await firewall.rules()).toEqual([]);
  });
});
