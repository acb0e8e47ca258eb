import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { version } from '../domain/version.ts';
import { checkReport } from './check.ts';
import { makeFolder } from './folder.fixture.ts';
import { loadSettings } from './settings.ts';

const outward = [
  'outward.server',
  'outward.server.certfile = server_127.0.0.1/server.crt',
  'outward.server.keyfile = server_127.0.0.1/server.key',
  'auth.username = alice',
  'auth.password = hunter2',
  'whitelist.file = white.list',
];

describe('checkReport', () => {
  it('says what a start would do with a local server', () => {
    const folder = makeFolder('127.0.0.0/8\n192.0.2.1-192.0.2.9\n');
    const file = folder.config('local.server', 'whitelist.file = white.list', 'state.dir = state');
    expect(
      checkReport(loadSettings(file)),
    ).toBe(`rfw ${version}: ${file} and ${folder.at('white.list')} are correct. A start would
  listen on http://127.0.0.1:7390 and [::1] without authentication
  listen on unix:/run/rfw/rfw.sock for the user that it runs as
  slow failed logins down, and block an address for 3600 seconds after 10 in 600 seconds
  enforce rules with the backend auto (iptables where it works, else nftables), and keep them in ${folder.at('state')}
  give a rule that doesn't say how long it lasts 86400 seconds
  keep entries of the audit log for 7776000 seconds, the newest 1000000 at most
  refuse rules that touch 127.0.0.0/8, 192.0.2.1-192.0.2.9
  guard no port, since the outward server is off
`);
    expect(existsSync(folder.at('state'))).toBe(false);
  });

  it('says what a start would do with both servers and every option', async () => {
    const folder = makeFolder('192.0.2.0/24\n2001:db8::1\n');
    await folder.certify();
    const file = folder.config(
      ...outward,
      'local.server',
      'local.server.authentication',
      'outward.server.clientca = client/ca.crt',
      'outward.server.clientroles = CN=detector: rules:read rules:write, CN=ops: admin',
      'socket.path = rfw.sock',
      'socket.group = 4711',
      'auth.failures = off',
      'non.restful',
      'default.expire = 0',
      'audit.keep = 0',
      'audit.limit = 0',
      'firewall.backend = memory',
      'state.dir = state',
    );
    const report = checkReport(loadSettings(file));
    expect(report.split('\n').slice(1)).toEqual([
      '  listen on https://0.0.0.0:7393 for whitelisted clients that log in as alice',
      `  let those with a certificate of ${folder.at('client/ca.crt')} in: detector (rules:read rules:write), ops (admin)`,
      '  listen on http://127.0.0.1:7390 and [::1] for those who log in as alice',
      `  listen on unix:${folder.at('rfw.sock')} for the user that it runs as and the group 4711`,
      '  slow failed logins down',
      '  take GET with modify=insert or modify=delete for PUT and DELETE',
      `  enforce rules with the backend memory, and keep them in ${folder.at('state/memory')}`,
      "  give a rule that doesn't say how long it lasts no end",
      '  keep entries of the audit log for ever',
      '  refuse rules that touch 192.0.2.0/24, 2001:db8::1',
      '  accept TCP port 7393 for 192.0.2.0/24, 2001:db8::1 and drop it for all others, on INPUT and OUTPUT',
      '',
    ]);
    expect(report).not.toContain('hunter2');
  });

  it.each([
    [['firewall.backend = iptables', 'nftables.counters = off', 'reject.tcp.reset'], 'iptables,'],
    [['firewall.backend = nftables'], 'nftables,'],
    [
      ['firewall.backend = nftables', 'nftables.counters = off', 'reject.tcp.reset'],
      'nftables (nftables without counters for each rule; nftables answers rejected TCP with a reset),',
    ],
  ])('says of %j what that means to the backend', (lines, text) => {
    const file = makeFolder().config('local.server', 'whitelist.file = white.list', ...lines);
    expect(checkReport(loadSettings(file))).toContain(`  enforce rules with the backend ${text} and keep them in `);
  });

  it('writes an IPv6 address in brackets, as a URL needs', async () => {
    const folder = makeFolder();
    await folder.certify();
    expect(checkReport(loadSettings(folder.config(...outward, 'outward.server.ip = ::')))).toContain(
      'https://[::]:7393 ',
    );
  });
});
