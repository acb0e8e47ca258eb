import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
} from 'node:fs';
import { connect } from 'node:net';
import { basename, dirname, join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { RfwError } from '../domain/errors.ts';
import { reach, type SocketPath } from './socket-path.ts';

/** Where the unix socket is, and whose. */
export interface SocketPlace {
  readonly path: string;
  /** The gid; undefined is that of the daemon. */
  readonly group: number | undefined;
}

/** Owner and group may connect: connect(2) asks for write permission. unix(7) */
const permissions = 0o660;

/** A socket that is listened on. */
export interface OpenSocket {
  /** Takes it away, so that nobody finds it any more. */
  remove(): void;
  /** Gives back what it took to open it, when the server is closed. */
  letGo(): void;
}

/**
 * Has the server listen at a path. The socket comes there with its permissions, in one step: nobody else can connect
 * meanwhile. One that a daemon that was killed has left goes.
 * @throws RfwError `config-invalid` when there is a daemon at the path, or something that is no socket; what the system says
 */
export async function listenAt(server: FastifyInstance, { path, group }: SocketPlace): Promise<OpenSocket> {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  await makeRoom(path);
  // For its owner alone, so that the socket has its permissions before anybody reaches it.
  const cradle = mkdtempSync(join(folder, '.rfw-'));
  const born = join(cradle, basename(path));
  let reached: SocketPath | undefined;
  try {
    reached = reach(born);
    await server.listen({ path: reached.path });
    chmodSync(born, permissions);
    if (group !== undefined) chownSync(born, -1, group);
    const own = lstatSync(born);
    renameSync(born, path);
    return { remove: () => removeOwn(path, own), letGo: reached.letGo };
  } catch (error) {
    await server.close();
    reached?.letGo();
    rmSync(born, { force: true });
    throw error;
  } finally {
    rmdirSync(cradle);
  }
}

/** Takes away a dead socket. */
async function makeRoom(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new RfwError('config-invalid', 'what is there is no socket, and stays as it is');
  if (await answers(path)) throw new RfwError('config-invalid', 'another program listens on it');
  rmSync(path, { force: true });
}

/** Whether anybody listens on a socket: one that is dead refuses, one whose queue is full or that isn't ours doesn't. */
async function answers(path: string): Promise<boolean> {
  const reached = reach(path);
  try {
    return await new Promise((resolve) => {
      const socket = connect(reached.path, () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', (error) =>
        resolve(!('code' in error && ['ECONNREFUSED', 'ENOENT'].includes(String(error.code)))),
      );
    });
  } finally {
    reached.letGo();
  }
}

/** Takes the socket away, unless by now another one is there. */
function removeOwn(path: string, own: Stats): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.ino === own.ino && found.dev === own.dev) rmSync(path, { force: true });
}
