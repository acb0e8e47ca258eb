import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RfwError } from '../domain/errors.ts';
import { makeFolder } from './folder.fixture.ts';
import { askSocket } from './socket.fixture.ts';
import { listenAt, type OpenSocket } from './unix-socket.ts';

function makeServer(answer = 'here'): FastifyInstance {
  const server = fastify();
  server.get('/', async () => answer);
  onTestFinished(() => server.close());
  return server;
}

async function open(path: string, more: { group?: number; answer?: string } = {}): Promise<OpenSocket> {
  return listenAt(makeServer(more.answer), { path, group: more.group });
}

async function refusal(path: string, group?: number): Promise<string> {
  const failure = await open(path, group === undefined ? {} : { group }).then(
    () => undefined,
    (error: unknown) => error,
  );
  return failure instanceof RfwError ? `${failure.code}: ${failure.message}` : String(failure);
}

/** A path in a new folder that is at least so many bytes long. */
function pathOf(bytes = 0): string {
  const folder = makeFolder();
  const path = folder.at(`run${'/ä'.repeat(Math.ceil(Math.max(0, bytes - folder.path.length) / 3))}`);
  return `${path}/rfw.sock`;
}

describe('the unix socket', () => {
  it.each([0, 90, 100, 107, 110, 300])(
    'is there, at a path of at least %d bytes, whose folder it makes',
    async (bytes) => {
      const path = pathOf(bytes);
      await open(path);
      expect(await askSocket(path, 'GET', '/')).toBe('200 here');
      expect(readdirSync(path.slice(0, -'/rfw.sock'.length))).toEqual(['rfw.sock']);
      expect((lstatSync(path).mode & 0o777).toString(8)).toBe('660');
    },
  );

  it.runIf(process.getuid?.() === 0)('is of the group that was asked for', async () => {
    const path = pathOf();
    await open(path, { group: 4711 });
    expect([lstatSync(path).uid, lstatSync(path).gid]).toEqual([0, 4711]);
  });

  it('takes the place of one that a daemon that was killed has left', async () => {
    const path = pathOf();
    const first = makeServer();
    await listenAt(first, { path, group: undefined });
    // Closing takes away only the name that the socket was born with: what stays is as after SIGKILL.
    await first.close();
    expect(lstatSync(path).isSocket()).toBe(true);
    await open(path, { answer: 'new' });
    expect(await askSocket(path, 'GET', '/')).toBe('200 new');
  });

  it('leaves one alone that somebody listens on', async () => {
    const path = pathOf();
    await open(path);
    expect(await refusal(path)).toBe('config-invalid: another program listens on it');
    expect(await askSocket(path, 'GET', '/')).toBe('200 here');
    expect(readdirSync(path.slice(0, -'/rfw.sock'.length))).toEqual(['rfw.sock']);
  });

  it('leaves one alone whose listener is too busy to answer', async () => {
    const path = pathOf();
    mkdirSync(path.slice(0, -'/rfw.sock'.length), { recursive: true });
    const busy = createServer(() => {});
    busy.listen(path);
    await new Promise((resolve) => busy.once('listening', resolve));
    onTestFinished(() => void busy.close());
    expect(await refusal(path)).toContain('another program listens on it');
  });

  it('leaves files, folders and symbolic links alone', async () => {
    const folder = makeFolder();
    const file = folder.write('file', 'precious');
    mkdirSync(folder.at('folder'));
    symlinkSync(file, folder.at('link'));
    for (const path of [file, folder.at('folder'), folder.at('link')]) {
      expect(await refusal(path)).toBe('config-invalid: what is there is no socket, and stays as it is');
    }
    expect(readFileSync(file, 'utf8')).toBe('precious');
    expect(readdirSync(folder.path).sort()).toEqual(['file', 'folder', 'link', 'white.list']);
  });

  it('says why when its folder can’t be made', async () => {
    const folder = makeFolder();
    writeFileSync(folder.at('file'), '');
    expect(await refusal(folder.at('file/rfw.sock'))).toMatch(/EEXIST|ENOTDIR/);
  });

  it('goes at the end, unless another one has taken its place', async () => {
    const path = pathOf();
    const first = await open(path);
    first.remove();
    expect(existsSync(path)).toBe(false);
    await open(path, { answer: 'another' });
    first.remove();
    expect(await askSocket(path, 'GET', '/')).toBe('200 another');
    first.letGo();
  });
});
