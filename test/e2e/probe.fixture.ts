import { type ChildProcess, spawn } from 'node:child_process';
import { curl } from './curl.fixture.ts';
import { runIn } from './network.fixture.ts';
import { environment, until } from './process.fixture.ts';

/** Answers every connection to the port with its own address, over IPv4 and IPv6. */
const echoServer = `
require('node:http')
  .createServer((request, response) => response.end('echo ' + request.url))
  .listen(8080, '::', () => console.log('ready'));
`;

/** The echo servers that a test has started. */
export class EchoServers {
  readonly #children: ChildProcess[] = [];

  async start(namespace: string): Promise<void> {
    const args = ['netns', 'exec', namespace, process.execPath, '-e', echoServer];
    const child = spawn('ip', args, { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#children.push(child);
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += String(chunk);
    });
    await until('the echo server listens', () => output.includes('ready'));
  }

  stop(): void {
    for (const child of this.#children.splice(0)) child.kill('SIGKILL');
  }
}

/** What a probe met: `pass` an answer, `silence` none within a second, `refusal` a refusal at once. */
export type Met = 'pass' | 'silence' | 'refusal';

/** One echo request that waits a second for its reply. */
export async function ping(namespace: string, address: string): Promise<Met> {
  const { status, stdout, milliseconds } = await runIn(namespace, 'ping', '-n', '-c', '1', '-W', '1', address);
  if (status === 0) return 'pass';
  return stdout.includes('Unreachable') || stdout.includes('unreachable') || milliseconds < 500 ? 'refusal' : 'silence';
}

/** Echo requests, one every 20 ms, for as long as it runs. */
export class PingStream {
  readonly #child: ChildProcess;
  #output = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (chunk) => {
      this.#output += String(chunk);
    });
  }

  static start(namespace: string, address: string): PingStream {
    // Bounded, should nobody stop it: ten minutes.
    const args = ['netns', 'exec', namespace, 'ping', '-n', '-q', '-i', '0.02', '-c', '30000', address];
    return new PingStream(spawn('ip', args, { env: environment, stdio: ['ignore', 'pipe', 'inherit'] }));
  }

  /** Ends it. @returns how many requests were sent, and how many were answered */
  async stop(): Promise<{ readonly sent: number; readonly answered: number }> {
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGINT');
    await closed;
    const [, sent, answered] = /(\d+) packets transmitted, (\d+) received/.exec(this.#output) ?? [];
    return { sent: Number(sent), answered: Number(answered) };
  }
}

/** A TCP connection to the echo server on which something is sent and must come back. @param seconds to wait for it */
export async function connect(namespace: string, address: string, seconds = 1): Promise<Met> {
  const host = address.includes(':') ? `[${address}]` : address;
  const args = ['--connect-timeout', String(seconds), '--max-time', '5', `http://${host}:8080/hello`];
  const { exit, body } = await curl(namespace, ...args);
  if (exit === 0 && body === 'echo /hello') return 'pass';
  return exit === 7 ? 'refusal' : 'silence';
}

/** Both probes at once, as `ping/TCP`. */
export async function probe(namespace: string, address: string): Promise<string> {
  return (await Promise.all([ping(namespace, address), connect(namespace, address)])).join('/');
}

/** Probes until both pass, since a busy machine may be late; throws when they don't within some seconds. */
export async function mustPass(namespace: string, address: string): Promise<void> {
  await until(`${namespace} reaches ${address}`, async () => (await probe(namespace, address)) === 'pass/pass', 8);
}

/** Pings until an answer comes, since a new link may be late; throws when none does within some seconds. */
export async function mustPing(namespace: string, address: string): Promise<void> {
  await until(`${namespace} pings ${address}`, async () => (await ping(namespace, address)) === 'pass', 8);
}
