import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Answer, curl, type Outcome, outcomeOf } from './curl.fixture.ts';
import { runIn } from './network.fixture.ts';
import { environment, type RunResult, until } from './process.fixture.ts';
import type { Program } from './program.fixture.ts';

export interface DaemonOptions {
  readonly program: Program;
  readonly namespace: string;
  /** `iptables.path`. */
  readonly iptables?: string;
  readonly stateDir?: string;
  /** Further lines of the configuration. */
  readonly config?: readonly string[];
  readonly whitelist?: readonly string[];
  /** A path; by default one beside the configuration. */
  readonly logfile?: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<Exit>;
  exit?: Exit;
  stdout: string;
  stderr: string;
}

/** rfw itself, as an operator starts it, in a namespace. */
export class Daemon {
  readonly namespace: string;
  readonly folder: string;
  readonly configFile: string;
  readonly whitelistFile: string;
  readonly logfile: string;
  readonly stateDir: string;
  readonly url = 'http://127.0.0.1:7390';
  readonly #program: Program;
  readonly #iptables: string;
  #running: Running | undefined;

  constructor({ program, namespace, iptables, stateDir, config, whitelist, logfile }: DaemonOptions) {
    this.#program = program;
    this.#iptables = iptables ?? 'iptables';
    this.namespace = namespace;
    this.folder = program.fresh('daemon');
    mkdirSync(this.folder);
    this.configFile = join(this.folder, 'rfw.conf');
    this.whitelistFile = join(this.folder, 'white.list');
    this.logfile = logfile ?? join(this.folder, 'rfw.log');
    this.stateDir = stateDir ?? join(this.folder, 'state');
    this.configure(config ?? []);
    this.allow(whitelist ?? ['127.0.0.0/8', '::1']);
  }

  /** Writes the configuration file: a local server, rules that stay, and the lines that are given. */
  configure(lines: readonly string[]): void {
    const common = ['[config]', 'local.server', 'default.expire = 0', 'whitelist.file = white.list'];
    const kernel = [`iptables.path = ${this.#iptables}`, `state.dir = ${this.stateDir}`];
    // The namespaces of the tests share /run.
    const socket = lines.some((line) => line.startsWith('socket.path')) ? [] : ['socket.path = off'];
    writeFileSync(this.configFile, [...common, ...kernel, ...lines, ...socket, ''].join('\n'));
  }

  /** Writes the whitelist. */
  allow(entries: readonly string[]): void {
    writeFileSync(this.whitelistFile, `${entries.join('\n')}\n`);
  }

  get stdout(): string {
    return this.#running?.stdout ?? '';
  }

  get stderr(): string {
    return this.#running?.stderr ?? '';
  }

  get log(): string {
    return existsSync(this.logfile) ? readFileSync(this.logfile, 'utf8') : '';
  }

  get pid(): number {
    return this.#running?.child.pid ?? 0;
  }

  /** Whether the process lives. */
  get isRunning(): boolean {
    return this.#running !== undefined && this.#running.exit === undefined;
  }

  /** Starts it and waits until it is ready; throws with its error when it ends instead. */
  async start(): Promise<void> {
    const running = this.launch();
    await until(
      'the daemon is ready',
      () => {
        if (running.exit !== undefined) throw new Error(`The daemon ended: ${running.stderr}`);
        return running.stdout.includes('\nTry\n');
      },
      30,
    );
  }

  /** Starts it and waits until it has ended by itself. */
  async fail(prefix: readonly string[] = [], env: NodeJS.ProcessEnv = environment): Promise<Exit & { stderr: string }> {
    const running = this.launch(prefix, env);
    const exit = await until('the daemon has ended', () => running.exit, 40);
    return { ...exit, stderr: running.stderr };
  }

  /** @param prefix a command line to start it under, which must exec it in place */
  launch(prefix: readonly string[] = [], env: NodeJS.ProcessEnv = environment): Readonly<Running> {
    const program = [process.execPath, this.#program.path('bin/rfw'), '-f', this.configFile, '--logfile', this.logfile];
    const args = ['netns', 'exec', this.namespace, ...prefix, ...program];
    // ip(8) and such prefixes exec in place: the process is the daemon itself.
    const child = spawn('ip', args, { env, cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'] });
    const exited = new Promise<Exit>((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
    const running: Running = { child, exited, stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => {
      running.stdout += String(chunk);
    });
    child.stderr.on('data', (chunk) => {
      running.stderr += String(chunk);
    });
    void exited.then((exit) => {
      running.exit = exit;
    });
    this.#running = running;
    return running;
  }

  /** `rfw --flush` with the configuration of this daemon. @param prefix a command line to run it under */
  flush(prefix: readonly string[] = []): Promise<RunResult> {
    const program = [process.execPath, this.#program.path('bin/rfw'), '--flush', '-f', this.configFile];
    const [file = '', ...args] = [...prefix, ...program];
    return runIn(this.namespace, file, ...args);
  }

  /** Stops reading what it writes to its standard output and error, as a terminal that was closed does. */
  hangUpConsole(): void {
    this.#running?.child.stdout?.destroy();
    this.#running?.child.stderr?.destroy();
  }

  signal(signal: NodeJS.Signals): void {
    this.#running?.child.kill(signal);
  }

  /** Ends it in order. */
  async stop(): Promise<Exit> {
    return this.#end('SIGTERM');
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<Exit> {
    return this.#end('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<Exit> {
    const running = this.#running;
    if (running === undefined) return { code: null, signal: null };
    running.child.kill(signal);
    return until(`the daemon has ended by ${signal}`, () => running.exit, 20);
  }

  /** SIGHUP, and waits until the log says what came of it. @returns the line of the log */
  async reload(): Promise<string> {
    const before = this.#reloads().length;
    this.signal('SIGHUP');
    return until('the log tells of the reload', () => this.#reloads()[before]);
  }

  #reloads(): string[] {
    return this.log.split('\n').filter((line) => line.includes('"Reloaded') || line.includes('"Reload failed'));
  }

  /** One request with curl to the local server. */
  request(method: string, path: string): Promise<Answer> {
    return curl(this.namespace, '-X', method, `${this.url}${path}`);
  }

  /** PUT that must succeed. */
  async put(path: string): Promise<Outcome> {
    return this.#mustAnswer('PUT', path);
  }

  /** DELETE that must succeed. */
  async delete(path: string): Promise<Outcome> {
    return this.#mustAnswer('DELETE', path);
  }

  async #mustAnswer(method: string, path: string): Promise<Outcome> {
    const answer = await this.request(method, path);
    if (answer.code === 200) return outcomeOf(answer);
    throw new Error(`${method} ${path}: ${answer.code} ${answer.body} (curl ${answer.exit})`);
  }
}
