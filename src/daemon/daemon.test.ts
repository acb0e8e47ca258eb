import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ask, get, memoryLines, put, startDaemon } from './daemon.fixture.ts';
import { Daemon } from './daemon.ts';
import { freePort, makeFolder, makeLog } from './folder.fixture.ts';
import { loadSettings } from './settings.ts';

describe('Daemon.start', () => {
  it('serves on both loopback addresses, and says so', async () => {
    const port = await freePort();
    const { daemon } = await startDaemon(makeFolder(), memoryLines(port));
    expect(daemon.report).toEqual({
      urls: [`http://127.0.0.1:${port}`, `http://[::1]:${port}`],
      backend: 'memory: nothing is enforced (asked for; rules are kept but nothing is blocked)',
      rules: 0,
    });
    for (const url of daemon.report.urls) expect(await get(`${url}/list`)).toBe('200 []');
  });

  it('logs what happens, with who asked, and requests only for those who debug', async () => {
    const port = await freePort();
    const { entries } = await startDaemon(makeFolder(), memoryLines(port));
    await put(port, '/drop/input/any/203.0.113.7?expire=10m');
    expect(entries).toContainEqual(
      expect.objectContaining({
        level: 'info',
        msg: 'Rule created',
        rule: 'drop input any any 203.0.113.7/32 any',
        origin: 'local',
      }),
    );
    const url = '/drop/input/any/203.0.113.7?expire=10m';
    const client = '127.0.0.1';
    expect(entries).toContainEqual({
      level: 'debug',
      msg: 'Request',
      id: expect.any(String),
      client,
      principal: 'local',
      method: 'PUT',
      url,
      status: 200,
    });
  });

  it('logs every client that is turned away', async () => {
    const port = await freePort();
    const { lines } = await startDaemon(makeFolder(), memoryLines(port));
    expect(await ask(port, 'PUT', '/drop/input/any/203.0.113.7', { origin: 'http://evil.example' })).toMatch(/^403 /);
    expect(lines()).toContain('warn: Refused: Cross-site requests are refused');
  });

  it('has the rules again after a restart, in their order and with their expiry', async () => {
    const folder = makeFolder();
    const port = await freePort();
    const first = await startDaemon(folder, memoryLines(port));
    await put(port, '/drop/input/any/203.0.113.1');
    await put(port, '/accept/input/eth0/203.0.113.0/24?expire=1h');
    const before = await get(`http://127.0.0.1:${port}/list`);
    await first.daemon.stop();
    const second = await startDaemon(folder, memoryLines(port));
    expect(second.daemon.report.rules).toBe(2);
    expect(await get(`http://127.0.0.1:${port}/list`)).toBe(before);
    expect(await put(port, '/drop/input/any/203.0.113.1')).toContain('"status":"exists"');
  });

  it('lets a rule expire', async () => {
    const port = await freePort();
    const { lines } = await startDaemon(makeFolder(), memoryLines(port));
    await put(port, '/drop/input/any/203.0.113.7?expire=1');
    await expect.poll(() => get(`http://127.0.0.1:${port}/list`), { timeout: 3000 }).toBe('200 []');
    expect(lines()).toContain('info: Rule expired');
  });

  it('drops stored rules that a new whitelist forbids', async () => {
    const folder = makeFolder();
    const port = await freePort();
    const first = await startDaemon(folder, memoryLines(port));
    await put(port, '/drop/input/any/203.0.113.7');
    await first.daemon.stop();
    folder.write('white.list', '203.0.113.0/24');
    const second = await startDaemon(folder, memoryLines(port));
    expect(second.daemon.report.rules).toBe(0);
    expect(second.lines()).toContain('warn: Rule removed: it conflicts with the whitelist');
  });

  it('fails with a clear message when a port is taken, and leaves nothing open', async () => {
    const [local, outward] = [await freePort(), await freePort()];
    const other = createServer();
    await new Promise<void>((resolve) => void other.listen(outward, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const folder = makeFolder();
    await folder.certify();
    const lines = memoryLines(local, outward);
    await expect(startDaemon(folder, lines)).rejects.toMatchObject({
      name: 'RfwError',
      code: 'config-invalid',
      message: expect.stringContaining(`Could not listen on https://127.0.0.1:${outward}: listen EADDRINUSE`),
    });
    await expect(get(`http://127.0.0.1:${local}/`)).rejects.toThrow('fetch failed');
    // The state folder isn't held any more either.
    other.close();
    const { daemon } = await startDaemon(folder, lines);
    expect(daemon.report.urls).toHaveLength(3);
  });

  it('refuses a state folder that another daemon uses, and opens nothing', async () => {
    const folder = makeFolder();
    await startDaemon(folder, memoryLines(await freePort()));
    const port = await freePort();
    await expect(startDaemon(folder, memoryLines(port))).rejects.toMatchObject({
      name: 'RfwError',
      code: 'state-in-use',
      message: `Another rfw is running with the state folder ${folder.at('state/memory')}: stop it, or set another state.dir`,
    });
    await expect(get(`http://127.0.0.1:${port}/`)).rejects.toThrow('fetch failed');
  });

  it('says which state folder it could not make', async () => {
    const folder = makeFolder();
    folder.write('state', 'a file is in the way');
    await expect(startDaemon(folder, memoryLines(await freePort()))).rejects.toMatchObject({
      code: 'store-failed',
      message: expect.stringContaining(`Could not open the state folder ${folder.at('state/memory')}: `),
    });
  });

  it('refuses an iptables that is not there before it makes or opens anything', async () => {
    const folder = makeFolder();
    const port = await freePort();
    const lines = [...memoryLines(port), 'firewall.backend = iptables', `iptables.path = ${folder.at('iptables')}`];
    const settings = loadSettings(folder.config(...lines));
    await expect(Daemon.start(settings, makeLog().log)).rejects.toMatchObject({ code: 'kernel-unavailable' });
    expect(readdirSync(folder.path).sort()).toEqual(['rfw.conf', 'white.list']);
    await expect(get(`http://127.0.0.1:${port}/`)).rejects.toThrow('fetch failed');
  });
});

describe('Daemon.stop', () => {
  it('closes the doors, keeps the rules, and lets the state folder go', async () => {
    const folder = makeFolder();
    const port = await freePort();
    const { daemon } = await startDaemon(folder, memoryLines(port));
    const answers = Promise.all(
      Array.from({ length: 50 }, (_, index) => put(port, `/drop/input/any/203.0.113.${index + 1}`)),
    );
    await answers;
    await daemon.stop();
    await expect(get(`http://127.0.0.1:${port}/`)).rejects.toThrow('fetch failed');
    expect(existsSync(folder.at('state/memory/rfw.db'))).toBe(true);
    expect((await startDaemon(folder, memoryLines(port))).daemon.report.rules).toBe(50);
  });

  it('answers every request that it has accepted, and those rules are durable', async () => {
    const folder = makeFolder();
    const port = await freePort();
    const { daemon } = await startDaemon(folder, memoryLines(port));
    const requests = Array.from({ length: 40 }, (_, index) => put(port, `/drop/input/any/203.0.113.${index + 1}`));
    await Promise.race(requests);
    await daemon.stop();
    const answers = await Promise.allSettled(requests);
    const created = answers.filter(
      ({ status, ...rest }) => status === 'fulfilled' && JSON.stringify(rest).includes('created'),
    );
    const { rules } = (await startDaemon(folder, memoryLines(port))).daemon.report;
    expect(rules).toBeGreaterThanOrEqual(created.length);
    expect(created.length).toBeGreaterThan(0);
  });
});
