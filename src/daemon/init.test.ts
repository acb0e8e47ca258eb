import { chmodSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RfwError } from '../domain/errors.ts';
import { makeFolder } from './folder.fixture.ts';
import { initialise } from './init.ts';
import { program, run } from './program.fixture.ts';
import { loadSettings } from './settings.ts';

/** A place for a first configuration, in a folder that is not there yet. */
function place(): { readonly config: string; readonly whitelist: string; readonly cwd: string } {
  const folder = makeFolder();
  return { config: folder.at('etc/rfw/rfw.conf'), whitelist: folder.at('etc/rfw/white.list'), cwd: folder.path };
}

const password = (file: string): string | undefined =>
  /^auth\.password = (\S+)$/m.exec(readFileSync(file, 'utf8'))?.[1];
const mode = (file: string): string => (statSync(file).mode & 0o777).toString(8);

describe('initialise', () => {
  it('writes a configuration that only its owner reads, and a whitelist; both load', () => {
    const { config, whitelist } = place();
    const report = initialise(config);
    expect([mode(config), mode(whitelist)]).toEqual(['600', '644']);
    expect(report).toContain(`${config}: written\n${whitelist}: written, with loopback`);
    expect(report).toContain(`rfw --check -f ${config}`);
    const settings = loadSettings(config);
    expect(settings.config).toMatchObject({ local: { port: 7390 }, outward: undefined, whitelistFile: whitelist });
    expect(settings.whitelist.entries.map((entry) => entry.text)).toEqual(
      expect.arrayContaining(['127.0.0.0/8', '::1']),
    );
  });

  it('makes another long password each time, and keeps it to itself', () => {
    const files = [place(), place()].map(({ config }) => ({ config, report: initialise(config) }));
    const passwords = files.map(({ config }) => password(config));
    expect(new Set(passwords).size).toBe(2);
    for (const [index, { report }] of files.entries()) {
      expect(passwords[index]).toMatch(/^[A-Za-z0-9_-]{24}$/);
      expect(report).not.toContain(passwords[index]);
    }
  });

  it('leaves nothing to replace: no CHANGE-ME stays', () => {
    const { config } = place();
    initialise(config);
    expect(readFileSync(config, 'utf8')).toMatch(/^auth\.username = rfw$/m);
    expect(readFileSync(config, 'utf8')).not.toContain('CHANGE-ME');
  });

  it('changes no file that is there', () => {
    const { config, whitelist } = place();
    initialise(config);
    const before = [readFileSync(config, 'utf8'), readFileSync(whitelist, 'utf8')];
    const report = initialise(config);
    expect(report).toContain(`${config}: was there already and is unchanged`);
    expect(report).toContain(`${whitelist}: was there already and is unchanged`);
    expect([readFileSync(config, 'utf8'), readFileSync(whitelist, 'utf8')]).toEqual(before);
  });

  it('writes the one file that is missing', () => {
    const folder = makeFolder('192.0.2.1\n');
    expect(initialise(folder.at('rfw.conf'))).toContain(`${folder.at('white.list')}: was there already`);
    expect(loadSettings(folder.at('rfw.conf')).whitelist.entries.map((entry) => entry.text)).toEqual(['192.0.2.1']);
  });

  it('says what it could not write', () => {
    const folder = makeFolder();
    folder.write('etc', 'a file is in the way');
    expect(() => initialise(folder.at('etc/rfw/rfw.conf'))).toThrow(RfwError);
    expect(() => initialise(folder.at('etc/rfw/rfw.conf'))).toThrow(
      `Could not write a first configuration in ${folder.at('etc/rfw')}: `,
    );
  });

  it('keeps the mode of a folder that is there', () => {
    const folder = makeFolder();
    chmodSync(folder.path, 0o700);
    initialise(folder.at('rfw.conf'));
    expect(mode(folder.path)).toBe('700');
  });
});

describe('rfw --init', () => {
  const init = async (connection: string, file: string, cwd: string) =>
    run(program('bin/rfw'), ['--init', '-f', file], { cwd, env: { SSH_CONNECTION: connection, SSH_CLIENT: '' } });

  it.each([
    ['198.51.100.9 50000 192.0.2.1 22', '198.51.100.9'],
    ['2001:DB8::9 50000 2001:db8::1 22', '2001:db8::9'],
    ['::ffff:198.51.100.9 50000 ::ffff:192.0.2.1 22', '198.51.100.9'],
    ['fe80::9%eth0 50000 fe80::1%eth0 22', 'fe80::9'],
  ])('whitelists the ssh client of %s', async (connection, client) => {
    const { config, whitelist, cwd } = place();
    const { status, out, err } = await init(connection, config, cwd);
    expect([status, err]).toEqual([0, '']);
    expect(out).toContain(`with loopback and your ssh client ${client}\n`);
    expect(readFileSync(whitelist, 'utf8').split('\n')).toContain(client);
    expect(loadSettings(config).whitelist.entries.map((entry) => entry.text)).toEqual(['127.0.0.0/8', '::1', client]);
  });

  it('goes on without a client that sshd could not tell: it writes UNKNOWN then', async () => {
    const { config, cwd } = place();
    const { status, err } = await init('UNKNOWN 65535 UNKNOWN 65535', config, cwd);
    expect([status, err]).toEqual([0, '']);
  });

  it('writes a configuration that loads from anywhere, also when its own path was relative', async () => {
    const { config, cwd } = place();
    expect((await init('198.51.100.9 50000 192.0.2.1 22', 'etc/rfw/rfw.conf', cwd)).status).toBe(0);
    expect(() => loadSettings(config)).not.toThrow();
  });
});
