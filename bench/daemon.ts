import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchBackend } from './context.ts';
import { check } from './context.ts';
import { address, type Installation, port } from './installation.ts';
import { memoryOf } from './process.ts';

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
}

/** rfw itself, as an operator runs it, with its outward server. */
export class Daemon {
  readonly #installation: Installation;
  readonly #config: string;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();

  constructor(installation: Installation, backend: BenchBackend, stateDir = installation.fresh('state')) {
    this.#installation = installation;
    this.#config = installation.configure(stateDir, [`firewall.backend = ${backend}`]);
  }

  /** Executes it and waits until it has done what it is asked first. @returns milliseconds for that */
  async start(
    first: { readonly method: 'GET' | 'PUT'; readonly path: string } = { method: 'GET', path: '/' },
  ): Promise<number> {
    const begin = performance.now();
    const log = join(dirname(this.#config), 'rfw.log');
    const args = [this.#installation.program, '-f', this.#config, '--logfile', log];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once('close', () => resolve()));
    for (;;) {
      const answer = await this.ask(first.method, first.path).catch(() => undefined);
      check(child.exitCode === null, 'the daemon has ended instead of starting');
      check(performance.now() - begin < 300_000, 'the daemon took more than five minutes to start');
      if (answer !== undefined) {
        check(answer.status === 200, `the daemon answered ${answer.status}: ${answer.body}`);
        return performance.now() - begin;
      }
      await sleep(5);
    }
  }

  /** Resident memory in MB. */
  memory(): { readonly now: number; readonly most: number } {
    return memoryOf(this.#child?.pid ?? 0);
  }

  /** How many rules it says that stand. */
  async rules(): Promise<number> {
    const { body } = await this.ask('GET', '/');
    return Number(/^Rules +(\d+)$/m.exec(body)?.[1]);
  }

  /** Ends it in order, or as a power cut would. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.#child?.kill(signal);
    await this.#exited;
  }

  /** One request over a connection of its own. Rejects while nobody listens. */
  ask(method: 'GET' | 'PUT', path: string): Promise<Answer> {
    const { authorityFile, authorization } = this.#installation;
    const ca = readFileSync(authorityFile);
    return new Promise((resolve, reject) => {
      const options = { host: address, port, ca, method, path, agent: false, headers: { authorization } };
      request(options, (response) => {
        let body = '';
        response.on('data', (chunk) => {
          body += String(chunk);
        });
        response.once('end', () => resolve({ status: response.statusCode, body }));
        response.once('error', reject);
      })
        .once('error', reject)
        .end();
    });
  }
}
