import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type OpenServer, openServer } from '../../api/server.fixture.ts';
import { rfwcAt, runRfwc } from '../cli.fixture.ts';

let server: OpenServer;
const rfwc = (...args: string[]) => rfwcAt(server, ...args);

beforeEach(async () => {
  server = await openServer();
});
afterEach(() => server.close());

describe('ls', () => {
  it('shows what is there as a table, newest first', async () => {
    await rfwc('block', '203.0.113.7', '--for', '2h', '--reason', 'ssh brute force');
    await rfwc('allow', '2001:db8::/32', '--in', 'eth0');
    const { exit, out } = await rfwc('ls');
    expect(exit).toBe(0);
    expect(out.replace(/ +(?:1h 59m|2h) /, ' TIME ')).toBe(
      [
        'ADDRESS        ACTION  WHERE          EXPIRES IN  PACKETS  WHO    WHY',
        '2001:db8::/32  accept  input in eth0       never        0  local',
        '203.0.113.7    drop    input TIME        0  local  ssh brute force\n',
      ].join('\n'),
    );
  });

  it('takes the filters of the API, and says what it leaves out', async () => {
    await rfwc('block', '203.0.113.1', '203.0.113.2', '203.0.113.3', '--reason', 'scan');
    await rfwc('allow', '198.51.100.1');
    const ids = async (...args: string[]): Promise<string[]> =>
      JSON.parse((await rfwc('ls', '--json', ...args)).out).map(({ source }: { source: string }) => source);
    expect(await ids('--action', 'accept')).toEqual(['198.51.100.1/32']);
    expect(await ids('--within', '203.0.113.0/31', '--sort', 'oldest')).toEqual(['203.0.113.1/32']);
    expect(await ids('-s', 'SCAN')).toHaveLength(3);
    const { out, err } = await rfwc('ls', '--limit', '2');
    expect([out.trim().split('\n').length, err]).toEqual([3, 'The first 2: --all shows all of them\n']);
    expect((await rfwc('ls', '--all')).out.trim().split('\n')).toHaveLength(5);
    expect((await rfwc('ls', '--chain', 'output')).out).toBe('No rules\n');
  });

  it('writes a JSON line for each rule with ndjson', async () => {
    await rfwc('block', '203.0.113.1', '203.0.113.2');
    const { out } = await rfwc('ls', '-o', 'ndjson');
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).source),
    ).toEqual(['203.0.113.2/32', '203.0.113.1/32']);
  });

  it('is as wide as the terminal, and says more with wide', async () => {
    await rfwc('block', '203.0.113.1', '--reason', 'a reason that takes quite some room on a small terminal');
    const at = ['--host', `http://127.0.0.1:${server.port}`];
    const { out } = await runRfwc(['ls', ...at], { columns: 40, env: { NO_COLOR: '1' } });
    expect(out.split('\n').map((line) => line.length)).toEqual([40, 40, 0]);
    const wide = await runRfwc(['ls', '-o', 'wide', ...at], { columns: 40, env: { NO_COLOR: '1' } });
    expect(wide.out).toContain('small terminal');
    expect(wide.out).toContain('drop~input~any~any~203.0.113.1_32~any');
  });

  it('shows nothing that a terminal would act on', async () => {
    await rfwc('block', '203.0.113.1', '--reason', 'x');
    const body = JSON.stringify({
      action: 'drop',
      chain: 'input',
      source: '203.0.113.2',
      comment: 'a\u001b]0;title\u0007b',
    });
    await server.send('POST', '/v1/rules', { headers: { 'content-type': 'application/json' }, body });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect((await rfwc('ls')).out).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });
});

describe('check', () => {
  it('says who blocks an address, since when, until when and why, and ends with 0', async () => {
    await rfwc('block', '203.0.113.0/24', '--reason', 'botnet', '--for', '1h');
    const { exit, out } = await rfwc('check', '203.0.113.7');
    expect(exit).toBe(0);
    expect(out).toMatch(
      /^blocked {2}Packets from 203\.0\.113\.7 to this host are dropped until .+botnet.+ local put at .+\n$/,
    );
    expect((await rfwc('check', '203.0.113.7', '--allowed')).exit).toBe(1);
  });

  it('ends with 1 when it is not blocked, and --allowed turns that around', async () => {
    const { exit, out } = await rfwc('check', '203.0.113.7');
    expect([exit, out.startsWith('not blocked  ')]).toEqual([1, true]);
    expect((await rfwc('check', '203.0.113.7', '--allowed')).exit).toBe(0);
    expect(await rfwc('check', 'nonsense')).toMatchObject({ exit: 2, out: '' });
    await rfwc('block', '203.0.113.7', '--chain', 'output');
    expect((await rfwc('check', '203.0.113.7')).exit).toBe(1);
    expect((await rfwc('check', '203.0.113.7', '--chain', 'output')).exit).toBe(0);
  });
});

describe('status', () => {
  it('says how the daemon is', async () => {
    await rfwc('block', '203.0.113.7');
    const { exit, out } = await rfwc('status');
    expect(exit).toBe(0);
    expect(out).toMatch(/^state {7}ready\nrules {7}1\nlists {7}0\nbackend {5}memory\n/);
    expect(JSON.parse((await rfwc('status', '--json')).out)).toMatchObject({ state: 'ready', rules: 1 });
  });
});

describe('watch', () => {
  it('tells what changes, from a number on, and ends after so many', async () => {
    await rfwc('block', '203.0.113.7', '--reason', 'scan', '--for', '10m');
    await rfwc('unblock', '203.0.113.7');
    const { exit, out } = await rfwc('watch', '--since', '0', '--count', '2');
    expect(exit).toBe(0);
    expect(out.replace(/^\d\d:\d\d:\d\d/gm, 'TIME')).toBe(
      'TIME  put drop 203.0.113.7 on input for 10m (scan) by local\nTIME  deleted drop 203.0.113.7 on input (scan) by local\n',
    );
    const json = await rfwc('watch', '--since', '1', '--count', '1', '--json');
    expect(JSON.parse(json.out)).toMatchObject({ number: 2, kind: 'rule-deleted' });
  });

  it('waits for what comes', async () => {
    const watching = rfwc('watch', '--since', '0', '--count', '1');
    await rfwc('block', '203.0.113.9');
    expect((await watching).out).toContain('put drop 203.0.113.9 on input by local');
  });
});
