import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { FlushReport } from '../api/control.ts';
import { RfwError } from '../domain/errors.ts';
import { askToFlush, ControlSocket } from './control.ts';
import { makeFolder } from './folder.fixture.ts';

const done: FlushReport = { lines: ['Removed 2 rules from the filter table'], failures: [] };

/** A state folder, by a path of at least so many bytes. */
function stateFolder(bytes = 0): string {
  const folder = makeFolder();
  const path = folder.at(`state${'/ä'.repeat(Math.ceil(Math.max(0, bytes - folder.path.length) / 3))}`);
  mkdirSync(path, { recursive: true });
  return path;
}

async function open(folder: string, flush: () => Promise<FlushReport> = async () => done): Promise<ControlSocket> {
  const socket = await ControlSocket.open(folder, flush);
  onTestFinished(() => socket.close());
  return socket;
}

describe('the control socket', () => {
  it.each([0, 107, 108, 300])(
    'takes the request to flush in a folder whose path has at least %d bytes',
    async (bytes) => {
      const folder = stateFolder(bytes);
      await open(folder);
      expect(readdirSync(folder)).toEqual(['control.sock']);
      expect((statSync(`${folder}/control.sock`).mode & 0o777).toString(8)).toBe('600');
      expect(await askToFlush(folder)).toEqual(done);
    },
  );

  it('takes the place of one that a daemon that was killed has left', async () => {
    const folder = stateFolder();
    const dead = createServer().listen(`${folder}/control.sock`);
    await new Promise((resolve) => dead.once('listening', resolve));
    onTestFinished(() => void dead.close());
    await open(folder);
    expect(await askToFlush(folder)).toEqual(done);
  });

  it('goes when it is closed, and lets what was asked come to its end', async () => {
    const folder = stateFolder(200);
    let finish = (): void => {};
    const asked = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const begun = new Promise<void>((begin) => {
      void ControlSocket.open(folder, async () => {
        begin();
        await asked;
        return done;
      }).then((socket) => {
        void begun.then(() => socket.close());
      });
    });
    while (readdirSync(folder).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const answer = askToFlush(folder);
    await begun;
    finish();
    expect(await answer).toEqual(done);
    await expect.poll(() => readdirSync(folder)).toEqual([]);
  });

  it('gives back why a flush was refused', async () => {
    const folder = stateFolder();
    await open(folder, async () => {
      throw new RfwError('kernel-refused', 'no');
    });
    await expect(askToFlush(folder)).rejects.toMatchObject({
      code: 'kernel-refused',
      message: 'The rfw that is running says: no',
    });
  });

  it('tells nobody of a fault of the program', async () => {
    const folder = stateFolder();
    await open(folder, async () => {
      throw new TypeError('secret');
    });
    await expect(askToFlush(folder)).rejects.toThrow(
      /^The rfw that is running says: Internal error, see the log of rfw$/,
    );
  });
});

it('who asks where nobody listens is told what to do', async () => {
  await expect(askToFlush(stateFolder())).rejects.toMatchObject({
    code: 'state-in-use',
    message: expect.stringMatching(
      /^An rfw is running and can't be asked to flush: .*ENOENT.*\. Stop it and flush again$/,
    ),
  });
});
