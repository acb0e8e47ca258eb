import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenServer, openServer } from '../api/server.fixture.ts';
import { rfwcAt, runRfwc } from './cli.fixture.ts';

let server: OpenServer;

beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

describe('a command line that is wrong', () => {
  it.each([
    [['frobnicate'], "rfwc: unknown command 'frobnicate'"],
    [['block'], "rfwc: missing required argument 'address'"],
    [['block', '192.0.2.1', '--for', 'soon'], 'It must be a duration like 90s, 10m, 1h30m, 12h or 7d.'],
    [['block', '192.0.2.1', '--parallel', '0'], 'It must be a whole number, at least 1.'],
    [['block', '192.0.2.300'], 'rfwc: Incorrect IP address: "192.0.2.300"'],
    [['block', '192.0.2.1', '-o', 'xml'], 'Allowed choices are table, wide, json, ndjson.'],
    [['block', '192.0.2.1', '--host', 'ftp://x'], 'rfwc: "ftp://x" must begin with https:// or http://'],
  ])('ends with 2 and says what is: %j', async (args, message) => {
    const { exit, out, err } = await runRfwc(args);
    expect([exit, out]).toEqual([2, '']);
    expect(err).toContain(message);
  });
});

describe('help and version', () => {
  it('go to standard output, and end with 0', async () => {
    expect(await runRfwc(['--help'])).toMatchObject({ exit: 0, out: expect.stringMatching(/^Usage: rfwc /), err: '' });
    expect(await runRfwc(['block', '--help'])).toMatchObject({ exit: 0, err: '' });
    expect(await runRfwc(['--version'])).toMatchObject({ exit: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });
});

describe('a daemon', () => {
  it('that is not there ends it with 3, and with advice', async () => {
    const { exit, err } = await runRfwc(['block', '192.0.2.9', '--host', 'http://127.0.0.1:1', '--retry', '0']);
    expect(exit).toBe(3);
    expect(err).toBe('rfwc: http://127.0.0.1:1: nobody listens there: is rfw running? (systemctl status rfw)\n');
    const socket = await runRfwc(['block', '192.0.2.9', '--socket', '/nonexistent/rfw.sock', '--retry', '0']);
    expect([socket.exit, socket.err]).toEqual([3, expect.stringContaining('there is no such socket: is rfw running')]);
  });

  it('that is no rfw ends it with 3 too', async () => {
    const other = createServer((_, response) => response.writeHead(404).end('nothing'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { exit, err } = await rfwcAt({ port: (other.address() as AddressInfo).port }, 'status');
    other.close();
    expect([exit, err]).toEqual([
      3,
      'rfwc: The answer is 404 Not Found: is this really the address of an rfw of today?\n',
    ]);
  });

  it('says what is wrong with a field, once', async () => {
    const { exit, err } = await rfwcAt(server, 'block', '203.0.113.7', '--reason', 'x'.repeat(300));
    expect([exit, err]).toEqual([2, 'rfwc: The field /comment must not have more than 256 characters\n']);
  });

  it('is asked once of several that are the same', async () => {
    const url = `http://127.0.0.1:${server.port}`;
    expect(await rfwcAt(server, 'block', '203.0.113.77', '--host', url)).toEqual({
      exit: 0,
      out: 'Blocked 203.0.113.77 on input for good\n',
      err: '',
    });
  });
});
