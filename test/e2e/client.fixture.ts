import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { environment, until } from './process.fixture.ts';
import type { Program } from './program.fixture.ts';

/** Joins connections to a socket in the file system, which every namespace sees, to a port in its own namespace. */
const relay = `
require('node:net')
  .createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const server = require('node:net').connect({ port: Number(process.argv[2]), host: '127.0.0.1', noDelay: true });
    client.on('error', () => server.destroy()).on('close', () => server.destroy());
    server.on('error', () => client.destroy());
    client.pipe(server).pipe(client);
  })
  .listen({ path: process.argv[1], backlog: 4096 });
`;

/** A way for the test itself, without a process for each request, to the local server of a daemon in a namespace. */
export class Relay {
  readonly socketPath: string;
  readonly #child: ChildProcess;

  private constructor(socketPath: string, child: ChildProcess) {
    this.socketPath = socketPath;
    this.#child = child;
  }

  static async start(program: Program, namespace: string, port = 7390): Promise<Relay> {
    const socketPath = program.fresh('relay');
    const args = ['netns', 'exec', namespace, process.execPath, '-e', relay, socketPath, String(port)];
    const child = spawn('ip', args, { env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
    await until('the relay listens', () => existsSync(socketPath));
    return new Relay(socketPath, child);
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

export interface HttpAnswer {
  readonly code: number;
  readonly body: string;
}

/** One keep-alive connection, on which one request follows the other. */
export class Connection {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #socketPath: string;

  constructor(relay: Relay) {
    this.#socketPath = relay.socketPath;
  }

  /** Rejects when the connection breaks before the answer is whole. */
  request(method: string, path: string): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const outgoing = request({ socketPath: this.#socketPath, agent: this.#agent, method, path }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('error', reject);
        response.on('end', () => resolve({ code: response.statusCode ?? 0, body }));
      });
      outgoing.setTimeout(60_000, () => outgoing.destroy(new Error('no answer within 60 s')));
      outgoing.on('error', reject);
      outgoing.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
