import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type OpenServer, openServer } from '../../api/server.fixture.ts';
import type { AskPerson } from '../ask.ts';
import { rfwcAt, runRfwc } from '../cli.fixture.ts';

let server: OpenServer;
const rfwc = (...args: string[]) => rfwcAt(server, ...args);

beforeEach(async () => {
  server = await openServer();
});
afterEach(() => server.close());

describe('block, reject and allow', () => {
  it('put a rule with its time and reason, and say so', async () => {
    expect(await rfwc('block', '203.0.113.7', '--for', '2h', '--reason', 'ssh brute force')).toEqual({
      exit: 0,
      out: 'Blocked 203.0.113.7 on input for 2h\n',
      err: '',
    });
    expect(await rfwc('reject', '203.0.113.8', '--chain', 'output')).toMatchObject({
      out: 'Rejected 203.0.113.8 on output for good\n',
    });
    expect(await rfwc('allow', '2001:db8::/32', '--in', 'eth0')).toMatchObject({
      out: 'Allowed 2001:db8::/32 on input in eth0 for good\n',
    });
    expect(server.backend.dump().split('\n')).toEqual([
      'accept input eth0 any 2001:db8::/32 any',
      'drop input any any 203.0.113.7/32 any',
      'reject output any any any 203.0.113.8/32',
    ]);
    const { text } = await server.send('GET', '/v1/rules?action=drop');
    expect(JSON.parse(text).items).toMatchObject([{ comment: 'ssh brute force', origin: 'local' }]);
  });

  it('end with 0 for what was so already', async () => {
    await rfwc('block', '203.0.113.7');
    expect(await rfwc('block', '203.0.113.7')).toEqual({
      exit: 0,
      out: 'Blocked 203.0.113.7 on input for good, as it was\n',
      err: '',
    });
  });

  it('end with 5 for what the whitelist protects', async () => {
    const { exit, out, err } = await rfwc('block', '192.0.2.9');
    expect([exit, out]).toEqual([5, '']);
    expect(err).toMatch(/^rfwc: 192\.0\.2\.9: .*whitelist/);
  });

  it('do several at once, say which were refused, and end with 6', async () => {
    const { exit, out, err } = await rfwc('block', '203.0.113.1', '192.0.2.9', '203.0.113.2');
    expect([exit, out]).toEqual([6, '2 created, 1 refused\n']);
    expect(err).toMatch(/^rfwc: 192\.0\.2\.9: .*whitelist/);
    expect((await rfwc('block', '192.0.2.8', '192.0.2.9')).exit).toBe(5);
    expect(server.engine.size).toBe(2);
  });

  it('change nothing with --dry-run', async () => {
    expect(await rfwc('block', '203.0.113.7', '-n')).toMatchObject({
      exit: 0,
      out: 'Would be blocked 203.0.113.7 on input for good\n',
    });
    expect((await rfwc('block', '203.0.113.7', '203.0.113.8', '-n')).out).toBe('Would be: 2 created\n');
    expect(server.engine.size).toBe(0);
  });

  it('answer programs in JSON, and nobody with --quiet', async () => {
    const { out } = await rfwc('block', '203.0.113.7', '--json');
    expect(JSON.parse(out)).toMatchObject({ status: 'created', rule: { source: '203.0.113.7/32' } });
    expect(await rfwc('block', '203.0.113.8', '-q')).toEqual({ exit: 0, out: '', err: '' });
  });
});

describe('a change with --confirm', () => {
  const at = () => ['--host', `http://127.0.0.1:${server.port}`, '--confirm', '1m'];

  it('stays when somebody at the terminal says so', async () => {
    const questions: [string, number][] = [];
    const ask: AskPerson = async ({ text, patience }) => {
      questions.push([text, patience]);
      return 'y';
    };
    const { exit, err } = await runRfwc(['block', '203.0.113.7', ...at()], { ask });
    expect([exit, err]).toEqual([0, 'Confirmed: it stays\n']);
    expect(questions).toEqual([['The change is undone in 1m. Still connected? y confirms: ', 60_000]]);
    expect((await server.send('GET', '/v1/confirmations')).text).toBe('{"items":[]}');
  });

  it('waits when nobody is there, and says how to confirm it', async () => {
    const { exit, err } = await runRfwc(['block', '203.0.113.7', ...at()], { ask: async () => undefined });
    expect(exit).toBe(0);
    const { items } = JSON.parse((await server.send('GET', '/v1/confirmations')).text);
    expect(err).toBe(`http://127.0.0.1:${server.port}: undone in 1m, unless: rfwc confirm ${items[0].id}\n`);
  });

  it('is not confirmed by another answer', async () => {
    const { exit, err } = await runRfwc(['block', '203.0.113.7', ...at()], { ask: async () => 'n' });
    expect([exit, err]).toEqual([1, 'Not confirmed: undone in 1m\n']);
  });
});

describe('unblock', () => {
  it('takes out all that blocks just this address, and nothing else', async () => {
    await rfwc('block', '203.0.113.7', '--reason', 'scan');
    await rfwc('reject', '203.0.113.7', '--chain', 'output');
    await rfwc('allow', '203.0.113.7', '--in', 'eth0');
    await rfwc('block', '203.0.113.70');
    const { exit, out, err } = await rfwc('unblock', '203.0.113.7');
    expect([exit, err]).toEqual([0, '']);
    expect(out.trim().split('\n').sort()).toEqual([
      'Took out drop~input~any~any~203.0.113.7_32~any (scan)',
      'Took out reject~output~any~any~any~203.0.113.7_32',
    ]);
    expect(server.engine.size).toBe(2);
    expect(await rfwc('unblock', '203.0.113.7')).toEqual({ exit: 0, out: 'Nothing to take out\n', err: '' });
  });

  it('says what blocks it still, and ends with 1', async () => {
    await rfwc('block', '203.0.113.7');
    await rfwc('block', '203.0.113.0/24', '--reason', 'botnet');
    const { exit, err } = await rfwc('unblock', '203.0.113.7');
    expect(exit).toBe(1);
    expect(err).toMatch(/^rfwc: 203\.0\.113\.7 is still blocked: .*203\.0\.113\.0_24.*botnet/);
  });

  it('keeps to the chain that is named, and tries it only with --dry-run', async () => {
    await rfwc('block', '203.0.113.7');
    await rfwc('block', '203.0.113.7', '--chain', 'output');
    expect((await rfwc('unblock', '203.0.113.7', '-n')).out.split('\n')).toHaveLength(3);
    expect(server.engine.size).toBe(2);
    await rfwc('unblock', '203.0.113.7', '--chain', 'output');
    expect(server.backend.dump()).toBe('drop input any any 203.0.113.7/32 any');
  });
});
