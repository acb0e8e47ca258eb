import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { alice, makeCertificate, type OpenServer, openServer } from '../../api/server.fixture.ts';
import type { AskPerson } from '../ask.ts';
import { type Ran, type RunOptions, runRfwc } from '../cli.fixture.ts';

let server: OpenServer;
let folder = '';
let file = '';
let ca = '';
const certificate = makeCertificate();
const rfwc = (args: readonly string[], options: RunOptions = {}): Promise<Ran> =>
  runRfwc(args, { ...options, env: { RFW_CONFIG: file, ...options.env } });
const url = () => `https://127.0.0.1:${server.port}`;
const account = `${alice.username}:${alice.password}`;

beforeAll(async () => {
  server = await openServer({}, await certificate);
});
afterAll(() => server.close());
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rfwc-context-'));
  file = join(folder, 'rfw', 'config.json');
  ca = join(folder, 'ca.crt');
  writeFileSync(ca, (await certificate).authority);
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a context', () => {
  it('keeps host and credentials for the user alone, and is used from then on', async () => {
    const made = await rfwc(['context', 'set', 'prod', '--host', url(), '--user', account, '--cacert', ca]);
    expect(made).toEqual({ exit: 0, out: '', err: 'The context prod is kept, and in use\n' });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await rfwc(['status', '-q'])).exit).toBe(0);
    const { out } = await rfwc(['context', 'ls']);
    const title = 'HOSTS'.padEnd(url().length);
    expect(out).toBe(`   NAME  ${title}  AS\n*  prod  ${url()}  alice\n`);
    expect(JSON.stringify(await rfwc(['context', 'ls', '--json']))).not.toContain(alice.password);
  });

  it('is one of several, by name', async () => {
    await rfwc(['context', 'set', 'prod', '--host', url(), '--user', account, '--cacert', ca]);
    expect((await rfwc(['context', 'set', 'none', '--host', 'https://127.0.0.1:1'])).err).toContain('context use none');
    const none = ['--retry', '0', 'status', '-q'];
    expect((await rfwc(['--context', 'none', ...none])).exit).toBe(3);
    expect((await rfwc(none, { env: { RFW_CONTEXT: 'none' } })).exit).toBe(3);
    expect((await rfwc(['context', 'use', 'none'])).exit).toBe(0);
    expect((await rfwc(none)).exit).toBe(3);
    expect((await rfwc(['context', 'rm', 'none'])).err).toContain('the daemon of this machine is asked');
    expect((await rfwc(['context', 'use', 'none'])).exit).toBe(1);
    expect(await rfwc(['--context', 'other', 'status'])).toMatchObject({
      exit: 2,
      err: 'rfwc: There is no context other: there are prod\n',
    });
  });

  it('changes only what is said, and nothing with --dry-run', async () => {
    await rfwc(['context', 'set', 'prod', '--host', url(), '--user', account]);
    await rfwc(['context', 'set', 'prod', '--cacert', ca]);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
      current: 'prod',
      contexts: { prod: { hosts: [url()], user: alice.username, password: alice.password, cacert: ca } },
      groups: {},
    });
    await rfwc(['-n', 'context', 'rm', 'prod']);
    expect(JSON.parse(readFileSync(file, 'utf8')).contexts).toHaveProperty('prod');
    expect((await rfwc(['context', 'set', 'x'])).exit).toBe(2);
    expect((await rfwc(['context', 'set', '__proto__', '--host', url()])).exit).toBe(2);
  });

  it('is not read from a file that others may read, nor from one that is wrong', async () => {
    await rfwc(['context', 'set', 'prod', '--host', url()]);
    chmodSync(file, 0o644);
    expect(await rfwc(['status'])).toMatchObject({ exit: 2, err: expect.stringContaining(`chmod 600 ${file}`) });
    chmodSync(file, 0o600);
    for (const [text, message] of [
      ['{', 'is not JSON'],
      ['[]', 'all of it must be an object'],
      ['{"contexts":{"a":{"hosts":"x"}}}', 'contexts.a.hosts must be a list of texts'],
      ['{"contexts":{"a":{"tokn":"x"}}}', 'contexts.a.tokn must be one of hosts, token'],
      ['{"contexts":{},"groups":{"a":1}}', 'groups.a must be a list of texts'],
    ] as const) {
      writeFileSync(file, text);
      expect(await rfwc(['status'])).toMatchObject({ exit: 2, err: expect.stringContaining(message) });
    }
  });
});

describe('a group', () => {
  it('is several hosts under a name', async () => {
    await rfwc(['context', 'set', 'prod', '--user', account, '--cacert', ca]);
    expect((await rfwc(['group', 'set', 'edge', `127.0.0.1:${server.port}`, 'https://127.0.0.1:1'])).exit).toBe(0);
    expect((await rfwc(['group', 'ls'])).out).toBe(`NAME  HOSTS\nedge  ${url()} https://127.0.0.1:1\n`);
    const { exit, out, err } = await rfwc(['-g', 'edge', '--retry', '0', 'block', '203.0.113.7']);
    expect([exit, out]).toEqual([6, `${url()}  Blocked 203.0.113.7 on input for good\n`]);
    expect(err).toMatch(/https:\/\/127\.0\.0\.1:1: .*nobody listens there/);
    expect(err).toMatch(/1 of 2 hosts answered, 1 failed\n$/);
    const json = await rfwc(['-g', 'edge', '--retry', '0', '--json', 'unblock', '203.0.113.7']);
    expect(JSON.parse(json.out)).toMatchObject([
      { host: url(), exit: 0, result: { deleted: ['drop~input~any~any~203.0.113.7_32~any'] } },
      { host: 'https://127.0.0.1:1', exit: 3, error: { code: 'ECONNREFUSED' } },
    ]);
    expect((await rfwc(['-g', 'other', 'status'])).exit).toBe(2);
    expect((await rfwc(['group', 'rm', 'edge'])).exit).toBe(0);
    expect((await rfwc(['group', 'ls'])).out).toBe('No groups\n');
  });
});

describe('a password', () => {
  it('that is nowhere is asked for at the terminal, once for all hosts, and unseen', async () => {
    const asked: unknown[] = [];
    const ask: AskPerson = async (question) => {
      asked.push(question);
      return alice.password;
    };
    const args = [
      '--host',
      url(),
      '--host',
      `https://localhost:${server.port}`,
      '--user',
      'alice',
      '--cacert',
      ca,
      'status',
      '-q',
    ];
    // The certificate is for the address alone.
    expect((await rfwc(args, { ask })).exit).toBe(6);
    expect(asked).toEqual([{ text: 'Password of alice: ', patience: 120_000, secret: true }]);
    expect(await rfwc(args, { ask: async () => undefined })).toMatchObject({
      exit: 2,
      err: expect.stringContaining('RFW_PASSWORD'),
    });
    const single = ['--host', url(), '--user', 'alice', '--cacert', ca, 'status', '-q'];
    expect((await rfwc(single, { env: { RFW_PASSWORD: alice.password } })).exit).toBe(0);
    expect((await rfwc(single, { env: { RFW_PASSWORD: 'wrong' } })).exit).toBe(4);
  });

  it('never goes over a connection that others can read', async () => {
    const { exit, err } = await rfwc(['--host', 'http://192.0.2.1', '--user', account, 'status']);
    expect([exit, err]).toEqual([2, expect.stringContaining('is not encrypted')]);
  });
});

describe('doctor', () => {
  it('finds all well', async () => {
    const { exit, out } = await rfwc(['--host', url(), '--user', account, '--cacert', ca, 'doctor']);
    expect(out).toMatch(
      /^warn {2}certificate {2}of .*: make a new one with rfwgen\nok {4}connection {3}https:\/\/127\.0\.0\.1:\d+ answers in \d+ ms\nok {4}clock/,
    );
    expect(out).toMatch(/ok {4}rights {7}everything \(admin\)\nok {4}state {8}ready/);
    expect(exit).toBe(0);
  });

  it('says what is wrong, and what to do', async () => {
    const untrusted = await rfwc(['--host', url(), '--user', account, '--retry', '0', 'doctor']);
    expect([untrusted.exit, untrusted.out]).toEqual([3, expect.stringMatching(/^FAIL {2}certificate .*--cacert/)]);
    const stranger = await rfwc(['--host', url(), '--cacert', ca, 'doctor']);
    expect([stranger.exit, stranger.out]).toEqual([4, expect.stringMatching(/FAIL {2}rights .*--token/)]);
    const nobody = await rfwc(['--host', 'http://127.0.0.1:1', '--retry', '0', 'doctor', '--json']);
    expect(JSON.parse(nobody.out)).toMatchObject([
      { name: 'connection', state: 'fail', message: expect.stringContaining('is rfw running?') },
    ]);
    expect(nobody.exit).toBe(3);
  });

  it('tells a token what it may', async () => {
    const { token } = await server.tokens.create({ name: 'reader', scopes: ['rules:read'] }, 'test');
    const { exit, out } = await rfwc(['--host', url(), '--cacert', ca, '--token', token, 'doctor']);
    expect([exit, out]).toEqual([0, expect.stringContaining('ok    rights       of reading: rules:read')]);
  });
});
