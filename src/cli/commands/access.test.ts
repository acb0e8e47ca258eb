import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type OpenServer, openServer } from '../../api/server.fixture.ts';
import type { AskPerson } from '../ask.ts';
import { rfwcAt, runRfwc } from '../cli.fixture.ts';

let server: OpenServer;
const rfwc = (...args: string[]) => rfwcAt(server, ...args);
const at = () => ['--host', `http://127.0.0.1:${server.port}`];

beforeEach(async () => {
  server = await openServer();
});
afterEach(() => server.close());

describe('whitelist', () => {
  it('lists, adds and removes entries, and says which rules had to go', async () => {
    await rfwc('block', '203.0.113.7', '--reason', 'scan');
    expect(await rfwc('whitelist', 'add', '203.0.113.0/24', '--reason', 'office', '-n')).toMatchObject({
      exit: 0,
      out: 'Would be whitelisted 203.0.113.0/24\n  would take out drop~input~any~any~203.0.113.7_32~any scan\n',
    });
    expect(server.engine.size).toBe(1);
    expect(await rfwc('whitelist', 'add', '203.0.113.0/24', '--reason', 'office')).toMatchObject({
      exit: 0,
      out: 'Whitelisted 203.0.113.0/24\n  took out drop~input~any~any~203.0.113.7_32~any scan\n',
    });
    expect((await rfwc('whitelist', 'ls')).out).toMatch(/^ENTRY .*\n(?:.*\n)*203\.0\.113\.0\/24 +local +office\n/);
    expect(await rfwc('whitelist', 'rm', '203.0.113.0/24')).toMatchObject({ exit: 0, out: 'Removed 203.0.113.0/24\n' });
    expect(await rfwc('whitelist', 'rm', '203.0.113.0/24')).toMatchObject({ exit: 1, out: '' });
    expect((await rfwc('whitelist', 'rm', '192.0.2.0/24')).exit).toBe(5);
  });
});

describe('token', () => {
  it('makes one that is shown once on standard output, and takes it back by its name', async () => {
    const args = ['--scope', 'rules:read', 'rules:write', '--action', 'drop', '--shortest-prefix', '24/48'];
    const made = await rfwc(
      'token',
      'create',
      'detector',
      ...args,
      '--longest',
      '1h',
      '--rate',
      '5/50',
      '--for',
      '90d',
    );
    expect(made).toMatchObject({
      exit: 0,
      out: expect.stringMatching(/^rfw_\S+\n$/),
      err: expect.stringContaining('Keep it now'),
    });
    const env = { RFW_TOKEN: made.out.trim() };
    expect((await runRfwc(['block', '203.0.113.7', '--for', '10m', ...at()], { env })).exit).toBe(0);
    expect((await runRfwc(['block', '203.0.113.8', '--for', '2h', ...at()], { env })).exit).toBe(4);
    expect((await runRfwc(['allow', '203.0.113.8', '--for', '10m', ...at()], { env })).exit).toBe(4);
    expect((await runRfwc(['audit', ...at()], { env })).exit).toBe(4);
    expect((await rfwc('token', 'ls')).out).toMatch(/\ndetector +rules:read rules:write +(?:90d|89d 23h) /);
    expect(await rfwc('token', 'revoke', 'detector', '-n')).toMatchObject({
      exit: 0,
      out: 'Would be revoked detector\n',
    });
    expect(await rfwc('token', 'revoke', 'detector')).toMatchObject({ exit: 0, out: 'Revoked detector\n' });
    expect((await runRfwc(['ls', ...at()], { env })).exit).toBe(4);
    expect((await rfwc('token', 'revoke', 'detector')).exit).toBe(1);
    expect((await rfwc('token', 'ls')).out).toBe('No tokens\n');
  });

  it.each([
    [['--scope', 'everything'], 'Allowed choices are rules:read'],
    [[], "required option '--scope <scope...>' not specified"],
    [['--scope', 'admin', '--shortest-prefix', '24'], 'It must be two lengths'],
    [['--scope', 'admin', '--rate', 'often'], 'It must be requests a second'],
  ])('refuses %j', async (args, message) => {
    const { exit, err } = await rfwc('token', 'create', 'x', ...args);
    expect([exit, err]).toEqual([2, expect.stringContaining(message)]);
  });
});

describe('confirm', () => {
  it('lists what waits, and keeps it', async () => {
    expect((await rfwc('confirm')).out).toBe('Nothing waits\n');
    await runRfwc(['block', '203.0.113.7', '--confirm', '1m', ...at()], { ask: async () => undefined });
    const [{ id }] = JSON.parse((await rfwc('confirm', '--json')).out);
    expect((await rfwc('confirm')).out).toContain(id);
    expect(await rfwc('confirm', id)).toMatchObject({ exit: 0, out: `Confirmed ${id}: it stays\n` });
    expect((await rfwc('confirm', id)).exit).toBe(1);
  });
});

describe('audit', () => {
  it('lists who did what', async () => {
    await rfwc('block', '203.0.113.7');
    await rfwc('block', '192.0.2.1');
    const { exit, out } = await rfwc('audit');
    expect(exit).toBe(0);
    expect(out.split('\n')[0]).toMatch(/^WHEN +WHO +FROM +WHAT +RESULT +TARGET$/);
    expect(out).toMatch(
      /local +127\.0\.0\.1 +rules\.put +whitelist-conflict +drop~input~any~any~192\.0\.2\.1_32~any\n/,
    );
    expect(JSON.parse((await rfwc('audit', '--json', '--limit', '1')).out)).toHaveLength(1);
    expect((await rfwc('audit', '--operation', 'lists.replace')).out).toBe('No entries\n');
  });
});

describe('flush', () => {
  it('deletes nothing without a yes', async () => {
    await rfwc('block', '203.0.113.7');
    expect((await runRfwc(['flush', ...at()], { ask: async () => 'n' })).exit).toBe(1);
    const nobody = await runRfwc(['flush', ...at()], { ask: async () => undefined });
    expect([nobody.exit, nobody.err]).toEqual([
      2,
      expect.stringContaining('--yes deletes all rules without a question'),
    ]);
    expect((await rfwc('flush', '-n')).out).toBe('Would delete 1 rule\n');
    expect(server.engine.size).toBe(1);
  });

  it('deletes all rules, and all lists where that is asked', async () => {
    await rfwc('block', '203.0.113.7', '203.0.113.8');
    const headers = { 'content-type': 'text/plain' };
    await server.send('PUT', '/v1/lists/feed?action=drop&chain=input', { headers, body: '198.51.100.1\n' });
    const questions: string[] = [];
    const ask: AskPerson = async ({ text }) => {
      questions.push(text);
      return 'yes';
    };
    expect((await runRfwc(['flush', ...at()], { ask })).out).toBe('Deleted 2 rules\n');
    expect(questions).toEqual([`Delete all rules of http://127.0.0.1:${server.port}? y deletes them: `]);
    expect(server.engine.listing.all).toHaveLength(1);
    expect((await rfwc('flush', '--lists', '--yes')).out).toBe('Deleted 0 rules and 1 list\n');
    expect(server.engine.listing.all).toHaveLength(0);
  });
});
