import { readFileSync } from 'node:fs';
import { chdir, cwd } from 'node:process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Config, loadConfig, parseConfig } from './config.ts';
import { type Folder, makeFolder } from './folder.fixture.ts';
import { loadSettings } from './settings.ts';

const local = ['local.server', 'whitelist.file = white.list'];

/** A folder in which every file that a configuration can name is there. */
function complete(): Folder {
  const folder = makeFolder();
  folder.write('server.crt', 'certificate');
  folder.write('server.key', 'key');
  return folder;
}

const outward = [
  'outward.server',
  'outward.server.certfile = server.crt',
  'outward.server.keyfile = server.key',
  'auth.username = alice',
  'auth.password = secret',
  'whitelist.file = white.list',
];

/** What a configuration with these lines is refused for; FILE stands for its path. */
function refusalOf(folder: Folder, lines: readonly string[]): string {
  const file = folder.config(...lines);
  try {
    loadConfig(file);
  } catch (error) {
    expect(error).toMatchObject({ name: 'RfwError', code: 'config-invalid' });
    return error instanceof Error ? error.message.replaceAll(file, 'FILE') : '';
  }
  return 'none';
}

describe('loadConfig', () => {
  it('fills in every default', () => {
    const folder = complete();
    const file = folder.config(...outward, 'local.server');
    expect(loadConfig(file)).toEqual({
      file,
      outward: {
        ...{ port: 7393, ip: '0.0.0.0', certfile: folder.at('server.crt'), keyfile: folder.at('server.key') },
        certificates: undefined,
      },
      local: { port: 7390, authentication: false },
      socket: { path: '/run/rfw/rfw.sock', chosen: false, group: undefined },
      logins: { failures: 10, period: 600 },
      block: 3600,
      nonRestful: false,
      credentials: { username: 'alice', password: 'secret' },
      defaultExpire: 86_400,
      whitelistFile: folder.at('white.list'),
      backend: 'auto',
      iptablesPath: 'iptables',
      nftablesCounters: 'auto',
      rejectTcpReset: false,
      stateDir: '/var/lib/rfw',
      listLimits: { shortestPrefix: { 4: 8, 6: 16 }, largestShare: 0.5, badShare: 0.05, allowEmpty: false },
      auditKeep: 7_776_000,
      auditLimit: 1_000_000,
    } satisfies Config);
  });

  it.each<[string, (config: Config) => unknown, unknown]>([
    ['outward.server.port = 1', ({ outward }) => outward?.port, 1],
    ['outward.server.port = 65535', ({ outward }) => outward?.port, 65_535],
    ['outward.server.ip = ::', ({ outward }) => outward?.ip, '::'],
    ['outward.server.ip = 2001:DB8:0::1', ({ outward }) => outward?.ip, '2001:db8::1'],
    ['local.server.port = 8080', ({ local }) => local?.port, 8080],
    ['local.server.authentication', ({ local }) => local?.authentication, true],
    ['socket.path = off', ({ socket }) => socket, undefined],
    ['socket.path = /srv/rfw.sock', ({ socket }) => socket, { path: '/srv/rfw.sock', chosen: true, group: undefined }],
    ['socket.group = root', ({ socket }) => socket?.group, 0],
    ['socket.group = 4711', ({ socket }) => socket?.group, 4711],
    ['auth.failures = off', ({ logins }) => logins.failures, undefined],
    ['auth.failures = 3/1h', ({ logins }) => logins, { failures: 3, period: 3600 }],
    ['auth.block = 2d', ({ block }) => block, 172_800],
    ['non.restful', ({ nonRestful }) => nonRestful, true],
    ['auth.username = żółw', ({ credentials }) => credentials?.username, 'żółw'],
    ['auth.password = a:b #c', ({ credentials }) => credentials?.password, 'a:b #c'],
    ['default.expire = 0', ({ defaultExpire }) => defaultExpire, 0],
    ['default.expire = 3600', ({ defaultExpire }) => defaultExpire, 3600],
    ['default.expire = 7d', ({ defaultExpire }) => defaultExpire, 604_800],
    ['iptables.path = /sbin/iptables-legacy', ({ iptablesPath }) => iptablesPath, '/sbin/iptables-legacy'],
    ['firewall.backend = iptables', ({ backend }) => backend, 'iptables'],
    ['firewall.backend = nftables', ({ backend }) => backend, 'nftables'],
    ['firewall.backend = Memory', ({ backend }) => backend, 'memory'],
    ['nftables.counters = off', ({ nftablesCounters }) => nftablesCounters, 'off'],
    ['nftables.counters = On', ({ nftablesCounters }) => nftablesCounters, 'on'],
    ['reject.tcp.reset', ({ rejectTcpReset }) => rejectTcpReset, true],
    ['state.dir = /srv/rfw', ({ stateDir }) => stateDir, '/srv/rfw'],
    ['list.bad.share = 0%', ({ listLimits }) => listLimits.badShare, 0],
    ['list.bad.share = 12.5 %', ({ listLimits }) => listLimits.badShare, 0.125],
    ['list.largest.share = 100%', ({ listLimits }) => listLimits.largestShare, 1],
    ['list.shortest.ipv4 = /16', ({ listLimits }) => listLimits.shortestPrefix[4], 16],
    ['list.shortest.ipv6 = 128', ({ listLimits }) => listLimits.shortestPrefix[6], 128],
    ['audit.keep = 0', ({ auditKeep }) => auditKeep, 0],
    ['audit.keep = 12h', ({ auditKeep }) => auditKeep, 43_200],
    ['audit.limit = 0', ({ auditLimit }) => auditLimit, 0],
    ['audit.limit = 250000', ({ auditLimit }) => auditLimit, 250_000],
  ])('takes %s', (line, pick, value) => {
    expect(pick(loadConfig(complete().config(...outward, 'local.server', line)))).toEqual(value);
  });

  it('needs no credentials where nobody asks for them', () => {
    expect(loadConfig(complete().config(...local)).credentials).toBeUndefined();
    expect(loadConfig(complete().config(...local, 'auth.username =')).credentials).toBeUndefined();
  });

  it('looks paths up beside the file, then from the working directory', () => {
    const folder = makeFolder();
    const other = makeFolder();
    other.write('mine.list', '192.0.2.1');
    const before = cwd();
    onTestFinished(() => chdir(before));
    chdir(other.path);
    const file = folder.config('local.server', 'whitelist.file = mine.list', 'state.dir = state');
    expect(loadConfig(file)).toMatchObject({
      whitelistFile: other.at('mine.list'),
      stateDir: folder.at('state'),
    });
    folder.write('mine.list', '192.0.2.2');
    expect(loadConfig(file).whitelistFile).toBe(folder.at('mine.list'));
  });

  it.each([
    [
      [...outward, 'outward.server.clientroles = CN=x: admin'],
      'FILE, line 8: outward.server.clientroles needs outward.server.clientca, the authority of the certificates',
    ],
    [
      [...outward, 'outward.server.clientca = server.crt'],
      'FILE: outward.server.clientroles is missing: add a line "outward.server.clientroles = …"',
    ],
    [[...outward, 'outward.server.clientca = x.crt'], /clientca = x\.crt: there is no such file/],
    [[...local, 'socket.path ='], 'FILE, line 4: socket.path = : it must not be empty'],
    [
      [...local, 'socket.group = no-such-group'],
      /^FILE, line 4: socket\.group = no-such-group: there is no such group/,
    ],
    ...['0', '10', '10/', '0/10m', '10/0', '1e3/10m', '10/10w'].map((text): [string[], RegExp] => [
      [...local, `auth.failures = ${text}`],
      /^FILE, line 4: auth\.failures = .*: it must be a number and a time, such as 10\/10m, or off$/,
    ]),
    [[...local, 'auth.block = 0'], /^FILE, line 4: auth\.block = 0: it must be longer than 0/],
    [[...local, 'auth.block = x'], /^FILE, line 4: auth\.block = x: Incorrect duration/],
    [
      [...local, 'locl.server'],
      /^FILE, line 4: unknown key locl\.server\. Allowed: outward\.server, .*, audit\.limit$/,
    ],
    [
      ['local.server = yes'],
      'FILE, line 2: local.server is a flag. Allowed: the key alone on its line turns it on; remove the line to turn it off',
    ],
    [['local.server ='], /^FILE, line 2: local\.server is a flag\. Allowed: /],
    [['outward.server = no'], /^FILE, line 2: outward\.server is a flag\. Allowed: /],
    [[...local, 'non.restful = 0'], /^FILE, line 4: non\.restful is a flag\. Allowed: /],
    [
      [...local, 'local.server.authentication: x'],
      /^FILE, line 4: local\.server\.authentication is a flag\. Allowed: /,
    ],
    [[...local, 'local.server.port'], 'FILE, line 4: local.server.port needs a value: local.server.port = …'],
    [[...local, 'local.server.port = 0'], 'FILE, line 4: local.server.port = 0: it must be a number from 1 to 65535'],
    [[...local, 'local.server.port = 65536'], /^FILE, line 4: local\.server\.port = 65536: it must be a number from 1/],
    [[...local, 'local.server.port = 0x1F'], /^FILE, line 4: local\.server\.port = 0x1F: it must be a number from 1/],
    [[...local, 'local.server.port ='], /^FILE, line 4: local\.server\.port = : it must be a number from 1/],
    [[...outward, 'outward.server.port = x'], /^FILE, line 8: outward\.server\.port = x: it must be a number from 1/],
    [[...outward, 'outward.server.ip = host'], 'FILE, line 8: outward.server.ip = host: Incorrect IP address: "host"'],
    [[...outward, 'outward.server.ip = 0.0.0.0/0'], /^FILE, line 8: outward\.server\.ip = 0\.0\.0\.0\/0: Incorrect IP/],
    [[...outward, 'auth.username = a:b'], 'FILE, line 8: auth.username = a:b: it must not contain a colon'],
    [[...outward, 'auth.username ='], 'FILE, line 8: auth.username = : it must not be empty'],
    [[...outward, 'auth.password = ""'], 'FILE, line 8: auth.password = : it must not be empty'],
    [[...outward, 'auth.password'], 'FILE, line 8: auth.password needs a value: auth.password = …'],
    [outward.toSpliced(4, 1), 'FILE: auth.password is missing: add a line "auth.password = …"'],
    [outward.toSpliced(3, 1), 'FILE: auth.username is missing: add a line "auth.username = …"'],
    [[...local, 'local.server.authentication'], 'FILE: auth.username is missing: add a line "auth.username = …"'],
    [outward.toSpliced(1, 1), 'FILE: outward.server.certfile is missing: add a line "outward.server.certfile = …"'],
    [outward.toSpliced(2, 1), 'FILE: outward.server.keyfile is missing: add a line "outward.server.keyfile = …"'],
    [
      [...outward, 'outward.server.keyfile = x.key'],
      'FILE, line 8: outward.server.keyfile = x.key: there is no such file. Make keys and certificates with rfwgen, see config/deploy/README.md',
    ],
    [['local.server'], 'FILE: whitelist.file is missing: add a line "whitelist.file = …"'],
    [['local.server', 'whitelist.file = gray.list'], 'FILE, line 3: whitelist.file = gray.list: there is no such file'],
    [
      [...local, 'default.expire = 1w'],
      /^FILE, line 4: default\.expire = 1w: Incorrect duration "1w": at most 9 digits/,
    ],
    [[...local, 'default.expire ='], /^FILE, line 4: default\.expire = : Incorrect duration ""/],
    [[...local, 'default.expire = -1'], /^FILE, line 4: default\.expire = -1: Incorrect duration "-1"/],
    [[...local, 'iptables.path ='], 'FILE, line 4: iptables.path = : it must not be empty'],
    [
      [...local, 'firewall.backend = nft'],
      'FILE, line 4: firewall.backend = nft: it must be one of auto, iptables, nftables, memory',
    ],
    [[...local, 'nftables.counters = yes'], 'FILE, line 4: nftables.counters = yes: it must be one of auto, on, off'],
    [[...local, 'nftables.counters'], 'FILE, line 4: nftables.counters needs a value: nftables.counters = …'],
    [[...local, 'reject.tcp.reset = on'], /^FILE, line 4: reject\.tcp\.reset is a flag\. Allowed: /],
    [[...local, 'state.dir ='], 'FILE, line 4: state.dir = : it must not be empty'],
    [[...local, 'audit.keep = 3w'], /^FILE, line 4: audit\.keep = 3w: Incorrect duration "3w"/],
    [[...local, 'audit.keep'], 'FILE, line 4: audit.keep needs a value: audit.keep = …'],
    [
      [...local, 'audit.limit = -1'],
      'FILE, line 4: audit.limit = -1: it must be a number of at most nine digits; 0 is no limit',
    ],
    [[...local, 'audit.limit = 1e6'], /^FILE, line 4: audit\.limit = 1e6: it must be a number/],
    [[...local, 'audit.limit ='], /^FILE, line 4: audit\.limit = : it must be a number/],
    [
      ['whitelist.file = white.list'],
      'FILE: no server is on. Allowed: outward.server, local.server, socket.path, or several',
    ],
    [[], 'FILE: no server is on. Allowed: outward.server, local.server, socket.path, or several'],
    [['[server]'], 'FILE, line 2: unknown section [server]. Allowed: [config]'],
  ])('refuses %j', (lines, message) => {
    const refusal = refusalOf(complete(), lines);
    if (typeof message === 'string') expect(refusal).toBe(message);
    else expect(refusal).toMatch(message);
  });

  it('does not look for certificates that no server needs', () => {
    const file = complete().config(...local, 'outward.server.certfile = gone.crt');
    expect(loadConfig(file).outward).toBeUndefined();
  });

  it('never repeats a password in a message', () => {
    expect(
      refusalOf(complete(), [...outward.slice(0, 3), 'auth.username = a:b', 'auth.password = hunter2']),
    ).not.toContain('hunter2');
  });

  it('says which file it could not read', () => {
    const folder = makeFolder();
    expect(() => loadConfig(folder.at('none.conf'))).toThrow(
      `Could not read the configuration file ${folder.at('none.conf')}: ENOENT`,
    );
    expect(() => loadConfig(folder.path)).toThrow(`Could not read the configuration file ${folder.path}: EISDIR`);
  });

  it('refuses two servers on one port, since both could never listen', () => {
    const lines = [...outward, 'local.server', 'local.server.port = 7393'];
    expect(refusalOf(complete(), lines)).toMatch(/^FILE, line 9: /);
  });
});

describe('what ships', () => {
  const shipped = (name: string): string => fileURLToPath(new URL(`../../config/${name}`, import.meta.url));

  it('config/rfw.conf loads: a local server alone', () => {
    const { config, whitelist, tls } = loadSettings(shipped('rfw.conf'));
    expect(config).toMatchObject({
      outward: undefined,
      local: { port: 7390, authentication: false },
      nonRestful: false,
      defaultExpire: 86_400,
      backend: 'auto',
      stateDir: '/var/lib/rfw',
    });
    expect(whitelist.entries.map((entry) => entry.text)).toEqual(['127.0.0.0/8', '::1']);
    expect(tls).toBeUndefined();
  });

  it('config/rfw.conf knows every key, on or commented out', () => {
    const folder = complete();
    const { message } = parseConfigError(folder);
    const text = fileText(shipped('rfw.conf'));
    for (const key of message.replace(/.*Allowed: /, '').split(', ')) {
      expect(text).toMatch(new RegExp(`^(# )?${key.replaceAll('.', '\\.')}( =.*)?$`, 'm'));
    }
  });

  it('config/quickstart.conf loads: a local server, with the state in ./var', () => {
    const { config } = loadSettings(shipped('quickstart.conf'));
    expect(config).toMatchObject({ outward: undefined, local: { port: 7390 }, backend: 'auto', defaultExpire: 86_400 });
    expect(config.stateDir).toBe(fileURLToPath(new URL('../../var', import.meta.url)));
  });
});

function parseConfigError(folder: Folder): Error {
  try {
    parseConfig('[config]\nunknown', folder.at('rfw.conf'));
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('An unknown key was taken');
}

function fileText(file: string): string {
  return readFileSync(file, 'utf8');
}
