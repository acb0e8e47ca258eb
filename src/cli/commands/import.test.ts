import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type OpenServer, openServer } from '../../api/server.fixture.ts';
import { rfwcAt, runRfwc } from '../cli.fixture.ts';

let server: OpenServer;
const folder = mkdtempSync(join(tmpdir(), 'rfwc-import-'));
const rfwc = (...args: string[]) => rfwcAt(server, ...args);

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

beforeEach(async () => {
  server = await openServer();
});
afterEach(() => server.close());
afterAll(() => rmSync(folder, { recursive: true }));

describe('import', () => {
  it('puts a rule on all that a file names, with its time and reason', async () => {
    const source = file('a.txt', '203.0.113.7\n198.51.100.0/31 # x\n198.51.100.8-198.51.100.10\n');
    expect(await rfwc('import', source, '--for', '1h', '--reason', 'feed')).toEqual({
      exit: 0,
      out: '4 created\n',
      err: '',
    });
    expect(server.backend.dump().split('\n').sort()).toEqual([
      'drop input any any 198.51.100.0/31 any',
      'drop input any any 198.51.100.10/32 any',
      'drop input any any 198.51.100.8/31 any',
      'drop input any any 203.0.113.7/32 any',
    ]);
    const { items } = JSON.parse((await server.send('GET', '/v1/rules')).text);
    expect(items[0]).toMatchObject({ comment: 'feed', expiresAt: expect.any(String) });
    expect((await rfwc('import', source)).out).toBe('4 updated\n');
    expect((await rfwc('import', source, '--delete')).out).toBe('4 deleted\n');
    expect((await rfwc('import', source, '--delete')).out).toBe('4 absent\n');
  });

  it('takes the time that the source says', async () => {
    await rfwc('import', file('b.ipset', 'create b hash:ip timeout 0\nadd b 203.0.113.7 timeout 600\n'), '--for', '1d');
    const { items } = JSON.parse((await server.send('GET', '/v1/rules')).text);
    expect(Date.parse(items[0].expiresAt) - Date.now()).toBeLessThanOrEqual(600_000);
  });

  it('says what it leaves out, and what was refused', async () => {
    const names = Array.from({ length: 50 }, (_, at) => `203.0.113.${at}`);
    const { exit, out, err } = await rfwc('import', file('c.txt', [...names, 'nonsense', '192.0.2.1'].join('\n')));
    expect([exit, out]).toEqual([6, '50 created, 1 refused\n']);
    expect(err).toMatch(/^rfwc: line 51: "nonsense" is not an address\nrfwc: 192\.0\.2\.1: .*whitelist.*\n$/);
  });

  it('does nothing when much of it can not be read', async () => {
    const source = file('d.txt', '203.0.113.7\n<html>\n203.0.113.300\n');
    const { exit, out, err } = await rfwc('import', source);
    expect([exit, out]).toEqual([2, '']);
    expect(err).toContain('line 2: "<html>" is not an address');
    expect(err).toContain('line 3: Incorrect');
    expect(err).toContain("Nothing is done: 66.7 % of it can't be read, and at most 5 % may be so");
    expect(server.engine.size).toBe(0);
    expect((await rfwc('import', source, '--bad-share', '70%')).exit).toBe(0);
    expect((await rfwc('import', file('e.txt', '# nothing\n'))).exit).toBe(2);
    expect(await rfwc('import', '/nonexistent')).toMatchObject({ exit: 2, err: expect.stringContaining('ENOENT') });
  });

  it('is tried only with --dry-run, and undone unless it is confirmed', async () => {
    const source = file('f.txt', '203.0.113.7\n203.0.113.8\n');
    expect((await rfwc('import', source, '-n')).out).toBe('Would be: 2 created\n');
    expect(server.engine.size).toBe(0);
    const at = ['--host', `http://127.0.0.1:${server.port}`];
    const { err } = await runRfwc(['import', source, '--confirm', '1m', ...at], { ask: async () => 'y' });
    expect(err).toBe('Confirmed: it stays\n');
  });

  it('shows how far it is on a terminal', async () => {
    const many = Array.from({ length: 200_000 }, (_, at) => `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`).join('\n');
    const at = ['--host', `http://127.0.0.1:${server.port}`];
    const { exit, err } = await runRfwc(['import', file('g.txt', many), ...at], {
      columns: 120,
      env: { NO_COLOR: '1' },
    });
    expect(exit).toBe(0);
    const drawn = err.split('\r\u001b[K');
    expect(drawn.filter((text) => /^Reading {2}[\d,]+ {2}[\d,]+\/s$/.test(text))).not.toEqual([]);
    expect(drawn.filter((text) => /^http:\S+ {2}[━─]{24} {2}\d+ % {2}[\d,]+ of 200,000 {2}/.test(text))).not.toEqual(
      [],
    );
    expect(drawn.at(-1)).toBe('');
  });
});

describe('a URL', () => {
  let feed: Server;
  let url = '';
  beforeAll(async () => {
    feed = createServer((request, response) => {
      if (request.url !== '/feed') return void response.writeHead(404).end();
      response.end('203.0.113.7\n203.0.113.8\n');
    });
    await new Promise<void>((resolve) => feed.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(feed.address() as AddressInfo).port}`;
  });
  afterAll(() => void feed.close());

  it('is fetched', async () => {
    expect((await rfwc('import', `${url}/feed`)).out).toBe('2 created\n');
  });

  it('that has nothing, or that nobody answers, ends it with 3', async () => {
    expect(await rfwc('import', `${url}/none`)).toMatchObject({
      exit: 3,
      err: expect.stringContaining('the answer is 404'),
    });
    expect((await rfwc('import', 'http://127.0.0.1:1/feed')).exit).toBe(3);
  });
});

describe('export', () => {
  it('writes what import reads again', async () => {
    await rfwc('block', '203.0.113.7', '2001:db8::/32', '--for', '1h', '--reason', 'x');
    await rfwc('allow', '203.0.113.9', '--in', 'eth0');
    const before = server.backend.dump();
    const plain = await rfwc('export');
    expect(plain).toEqual({
      exit: 0,
      out: '2001:db8::/32\n203.0.113.7\n',
      err: "1 rule left out, which plain can't express\n",
    });
    const items = (await rfwc('export', '-f', 'json')).out;
    expect(JSON.parse(items)).toHaveLength(3);
    const lines = (await rfwc('export', '-f', 'ndjson')).out;
    await rfwc('flush', '--yes');
    const headers = { 'content-type': 'application/x-ndjson' };
    // The newest first, so that what was put first is to be put first again.
    const body = lines.trim().split('\n').reverse().join('\n');
    await server.send('POST', '/v1/rules/batch', { headers, body });
    expect(server.backend.dump()).toBe(before);
  });

  it('writes rules as iptables has them, in the order of packets', async () => {
    await rfwc('block', '203.0.113.7', '--reason', 'a "quoted" \\ word');
    await rfwc('reject', '203.0.113.8', '--chain', 'output', '--out', 'ppp+');
    await rfwc('block', '203.0.113.0/24', '--chain', 'forward', '--to', '10.0.0.0/8');
    expect((await rfwc('export', '-f', 'iptables')).out).toBe(
      [
        '-A FORWARD -s 203.0.113.0/24 -d 10.0.0.0/8 -j DROP',
        '-A OUTPUT -d 203.0.113.8/32 -o ppp+ -j REJECT',
        '-A INPUT -s 203.0.113.7/32 -m comment --comment "a \\"quoted\\" \\\\ word" -j DROP\n',
      ].join('\n'),
    );
  });

  it('takes the filters of ls', async () => {
    await rfwc('block', '203.0.113.7', '203.0.113.8');
    await rfwc('allow', '203.0.113.9');
    expect((await rfwc('export', '--action', 'accept')).out).toBe('203.0.113.9\n');
  });
});

describe('list', () => {
  it('is put from a source, shown, changed and deleted', async () => {
    const source = file('l.txt', '203.0.113.0/25\n203.0.113.128/25\n192.0.2.1\n2001:db8::1\n');
    const made = await rfwc('list', 'put', 'feed', source, '--action', 'drop', '--reason', 'botnet');
    expect(made.out).toBe(
      'feed: created, 3 prefixes, 1 merged\n  not enforced, since the whitelist covers them: 1 prefix (192.0.2.1/32)\n',
    );
    expect((await rfwc('list', 'put', 'feed', source)).out).toMatch(/^feed: unchanged, 3 prefixes/);
    expect((await rfwc('list', 'ls')).out).toMatch(/\nfeed +drop +input +3 +\d+ +never +0s ago +local +botnet\n$/);
    expect((await rfwc('list', 'show', 'feed')).out).toMatch(
      /^# name feed\n(?:# .*\n)+192\.0\.2\.1\/32\n203\.0\.113\.0\/24\n2001:db8::1\/128\n$/,
    );
    expect((await rfwc('list', 'add', 'feed', '198.51.100.1')).out).toMatch(/^feed: changed, 4 prefixes/);
    expect((await rfwc('list', 'remove', 'feed', '203.0.113.0/24')).out).toMatch(/^feed: changed, 3 prefixes/);
    expect((await rfwc('list', 'rm', 'feed', '-n')).out).toBe('feed: would be deleted\n');
    expect((await rfwc('list', 'rm', 'feed')).out).toBe('feed: deleted\n');
    expect((await rfwc('list', 'show', 'feed')).exit).toBe(1);
    expect((await rfwc('list', 'ls')).out).toBe('No lists\n');
  });

  it('keeps the old one when the source is empty, or refused', async () => {
    const empty = file('m.txt', '# nothing\n');
    await rfwc('list', 'put', 'feed', file('n.txt', '203.0.113.0/24\n'), '--action', 'drop');
    expect((await rfwc('list', 'put', 'feed', empty)).exit).toBe(5);
    expect((await rfwc('list', 'put', 'feed', empty, '--allow-empty')).out).toBe('feed: replaced, 0 prefixes\n');
    expect((await rfwc('list', 'put', 'other', file('n.txt', '203.0.113.0/24\n'))).exit).toBe(2);
  });
});
