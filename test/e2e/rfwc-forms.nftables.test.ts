import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { run, until } from './process.fixture.ts';
import { type Ran, rfwcIn } from './rfwc.fixture.ts';
import { Service } from './service.fixture.ts';

let service: Service;

const rfwc = (args: readonly string[], input?: string): Promise<Ran> =>
  rfwcIn(
    service.namespace,
    service.program,
    ['--socket', service.socketPath, ...args],
    input === undefined ? {} : { input },
  );

/** Has another program read what was exported, in a namespace that ends with it. */
async function taken(text: string, ...command: string[]): Promise<string> {
  const file = service.program.fresh('export');
  writeFileSync(file, text);
  const { status, stdout, stderr } = await run('unshare', ['--net', 'sh', '-c', `{ ${command.join(' ')}; } < ${file}`]);
  expect([status, stderr]).toEqual([0, '']);
  return stdout;
}

beforeAll(async () => {
  service = await Service.start('forms');
});
beforeEach(async () => {
  expect((await rfwc(['flush', '--yes'])).exit).toBe(0);
  for (const args of [
    ['block', '203.0.113.7', '203.0.113.0/25', '2001:db8::/32', '--for', '1h', '--reason', 'a "scan"'],
    ['reject', '198.51.100.1', '--chain', 'output'],
    ['allow', '203.0.113.9'],
    ['block', '203.0.113.99', '--in', 'eth0'],
  ])
    expect((await rfwc(args)).exit).toBe(0);
});
afterAll(() => service.close());

it('exports what nft takes', async () => {
  const { out, err } = await rfwc(['export', '-f', 'nft']);
  expect(err).toBe("1 rule left out, which nft can't express\n");
  const listed = await taken(out, 'nft -f /dev/stdin && nft list table inet rfw_export');
  expect(listed).toMatch(/elements = \{ 203\.0\.113\.0\/25 timeout (?:1h|59m)/);
  expect(listed).toMatch(/ip saddr @accept_input_ipv4 accept\n\s+ip6? saddr @drop_input_ipv[46] drop/);
});

it('exports what ipset takes', async () => {
  const { out } = await rfwc(['export', '-f', 'ipset']);
  const saved = await taken(out, 'ipset restore && ipset save');
  expect(saved).toMatch(/add rfw_drop_input_ipv4 203\.0\.113\.7 timeout 3[56]\d\d/);
  expect(saved).toMatch(/add rfw_drop_input_ipv6 2001:db8::\/32 timeout/);
});

it('exports what iptables takes, in the order of packets', async () => {
  const { out } = await rfwc(['export', '-f', 'iptables']);
  const script = `*filter\n${out
    .split('\n')
    .filter((line) => !line.includes(':'))
    .join('\n')}COMMIT\n`;
  const listed = await taken(script, 'iptables-nft-restore && iptables-nft -S');
  expect(listed.split('\n').filter((line) => line.startsWith('-A INPUT'))).toEqual([
    '-A INPUT -s 203.0.113.99/32 -i eth0 -j DROP',
    '-A INPUT -s 203.0.113.9/32 -j ACCEPT',
    expect.stringMatching(/^-A INPUT -s 203\.0\.113\.0\/25 -m comment --comment "a \\"scan\\"" -j DROP$/),
    expect.stringMatching(/^-A INPUT -s 203\.0\.113\.7\/32 /),
  ]);
});

it('imports what ipset and nft write', async () => {
  const ipset = (await rfwc(['export', '-f', 'ipset', '--action', 'drop'])).out;
  const nft = await taken(
    (await rfwc(['export', '-f', 'nft', '--action', 'drop'])).out,
    'nft -f /dev/stdin && nft list ruleset',
  );
  const all = ['2001:db8::/32', '203.0.113.0/25', '203.0.113.7/32'];
  for (const { text, prefixes } of [
    { text: ipset, prefixes: all },
    // nft has merged the address into the network that holds it.
    { text: nft, prefixes: all.slice(0, 2) },
  ]) {
    await rfwc(['flush', '--yes']);
    // The format is seen.
    const imported = await rfwc(['import', '-'], text);
    expect(imported).toMatchObject({ exit: 0, out: `${prefixes.length} created\n`, err: '' });
    const rules = JSON.parse((await rfwc(['ls', '--json', '--sort', 'address'])).out);
    expect(rules.map(({ source }: { source: string }) => source).sort()).toEqual(prefixes);
    for (const { expiresAt } of rules) expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(3_600_000);
  }
});

it('does a script of iptables as a whole or not at all', async () => {
  await rfwc(['flush', '--yes']);
  const lines = ['*filter', '-I INPUT -s 203.0.113.7 -j DROP', '-I INPUT -s 203.0.113.8 -j ACCEPT', 'COMMIT'];
  expect(await rfwc(['iptables', '-'], lines.join('\n'))).toMatchObject({ exit: 0, out: '2 created\n' });
  const protectedLine = ['-D INPUT -s 203.0.113.7 -j DROP', '-I INPUT -s 127.0.0.1 -j DROP'];
  const refused = await rfwc(['iptables', '-'], protectedLine.join('\n'));
  expect([refused.exit, refused.out, refused.err]).toEqual([5, '', expect.stringContaining('line 2: ')]);
  expect((await rfwc(['iptables', '-S'])).out).toBe(
    '-A INPUT -s 203.0.113.8/32 -j ACCEPT\n-A INPUT -s 203.0.113.7/32 -j DROP\n',
  );
  expect((await rfwc(['iptables', '-C', 'INPUT', '-s', '203.0.113.7', '-j', 'DROP'])).exit).toBe(0);
});

it('imports a hundred thousand addresses into the kernel, and lists', async () => {
  await rfwc(['flush', '--yes']);
  const text = Array.from({ length: 100_000 }, (_, at) => `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`).join('\n');
  expect(await rfwc(['import', '-', '--for', '1h'], text)).toMatchObject({ exit: 0, out: '100000 created\n' });
  // While the kernel makes a hash table larger, a listing misses some of it.
  await until('the kernel lists all', async () => (await service.sources().catch(() => undefined))?.size === 100_000);
  expect((await rfwc(['list', 'put', 'feed', '-', '--action', 'drop'], text)).out).toMatch(
    /^feed: created, \d+ prefixes/,
  );
  expect((await rfwc(['list', 'rm', 'feed'])).exit).toBe(0);
});
