import { chmodSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { controlRoutes, type FlushReport } from '../api/control.ts';
import { closeServer, makeServer } from '../api/server.ts';
import { RfwError, reasonOf } from '../domain/errors.ts';
import { reach, type SocketPath } from './socket-path.ts';

const name = 'control.sock';

/** The door by which `rfw --flush` asks a daemon that runs: HTTP over a socket in the state folder, for its owner alone. */
export class ControlSocket {
  readonly #server: FastifyInstance;
  readonly #reached: SocketPath;

  private constructor(server: FastifyInstance, reached: SocketPath) {
    this.#server = server;
    this.#reached = reached;
  }

  /**
   * Opens it. Whoever opens it holds the state folder, so that a socket that is there already is a dead one.
   * @throws what the system says when that can't be
   */
  static async open(folder: string, flush: () => Promise<FlushReport>): Promise<ControlSocket> {
    rmSync(join(folder, name), { force: true });
    const server = makeServer(undefined);
    controlRoutes(server, flush);
    const reached = reach(join(folder, name));
    try {
      await server.listen({ path: reached.path });
      // Until now the folder, which is its owner's alone, has kept others out.
      chmodSync(reached.path, 0o600);
      return new ControlSocket(server, reached);
    } catch (error) {
      await server.close();
      reached.letGo();
      throw error;
    }
  }

  /** Finishes what was asked and takes nothing more. The socket goes. */
  async close(): Promise<void> {
    await closeServer(this.#server);
    this.#reached.letGo();
  }
}

/**
 * Has the daemon that holds the folder flush, and waits until it has.
 * @throws RfwError `state-in-use` when it can't be reached, `kernel-refused` when it says no
 */
export async function askToFlush(folder: string): Promise<FlushReport> {
  const reached = reach(join(folder, name));
  try {
    const { status, text } = await post(reached.path, '/flush');
    if (status === 200) return JSON.parse(text) as FlushReport;
    throw new RfwError('kernel-refused', `The rfw that is running says: ${text.replace(/^ERROR: /, '').trim()}`);
  } finally {
    reached.letGo();
  }
}

function post(socketPath: string, path: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const unreachable = (error: unknown): void =>
      reject(
        new RfwError(
          'state-in-use',
          `An rfw is running and can't be asked to flush: ${reasonOf(error)}. Stop it and flush again`,
          { cause: error },
        ),
      );
    const outgoing = request({ socketPath, method: 'POST', path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', unreachable);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    outgoing.on('error', unreachable);
    outgoing.end();
  });
}
