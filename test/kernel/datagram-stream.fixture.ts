import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'vitest';
import { environment, until } from '../e2e/process.fixture.ts';

/** Sends from two loopback addresses by turns, as fast as it can but for turns of the event loop, and counts what arrives. */
const stream = `
const { createSocket } = require('node:dgram');
const [banned, other] = process.argv.slice(1);
const arrived = { [banned]: 0, [other]: 0 };
const receiver = createSocket('udp4');
receiver.on('message', (_, { address }) => { arrived[address]++; });
let sent = 0;
let over = false;
const senders = [banned, other].map(() => createSocket('udp4'));
senders.forEach((socket, index) => socket.bind(0, [banned, other][index]).on('error', () => {}));
const send = () => {
  if (over) return;
  sent++;
  for (const socket of senders) socket.send('x', receiver.address().port, '127.0.0.1');
  setImmediate(send);
};
const end = () => {
  if (over) return;
  over = true;
  setTimeout(() => { console.log(JSON.stringify({ sent, banned: arrived[banned], other: arrived[other] })); process.exit(); }, 50);
};
receiver.bind(0, '127.0.0.1', () => { send(); console.log('sending'); });
process.stdin.on('end', end).resume();
setTimeout(end, 30_000);
`;

export interface Arrivals {
  /** Datagrams from each address. */
  readonly sent: number;
  /** Those from the first address that arrived, and those from the second. */
  readonly banned: number;
  readonly other: number;
}

/** Datagrams over the loopback interface from two addresses, thousands a second, from a process of its own. */
export class DatagramStream {
  readonly #child: ChildProcess;
  #output = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (chunk) => {
      this.#output += String(chunk);
    });
  }

  static async start(banned: string, other: string): Promise<DatagramStream> {
    const options = { env: environment, stdio: ['pipe', 'pipe', 'inherit'] as ['pipe', 'pipe', 'inherit'] };
    const started = new DatagramStream(spawn(process.execPath, ['-e', stream, banned, other], options));
    await until('datagrams are sent', () => started.#output.includes('sending'));
    return started;
  }

  /** Ends it. */
  async stop(): Promise<Arrivals> {
    const closed = once(this.#child, 'close');
    this.#child.stdin?.end();
    await closed;
    return JSON.parse(this.#output.split('\n')[1] ?? '') as Arrivals;
  }
}

/** Sends from a banned address, and from another that isn't, while something is done: of the first nothing comes through. */
export async function nothingPasses(banned: string, during: () => Promise<unknown>): Promise<void> {
  const stream = await DatagramStream.start(banned, '127.0.0.3');
  try {
    await during();
  } finally {
    const { sent, banned: passed, other } = await stream.stop();
    expect(passed, `of ${sent}`).toBe(0);
    expect(other).toBeGreaterThan(100);
  }
}
