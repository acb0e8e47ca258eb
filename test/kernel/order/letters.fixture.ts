import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Packet, Verdict } from '../../../src/backends/memory.ts';
import { formatAddress } from '../../../src/domain/address.ts';
import type { Met } from '../../e2e/probe.fixture.ts';
import { environment, until } from '../../e2e/process.fixture.ts';

/** The port, UDP and TCP, that every post office listens on. */
const port = 7777;

/** A real packet: a datagram, or the first of a TCP connection when it names its port. */
export interface Letter {
  readonly office: string;
  readonly source: Packet['source'];
  readonly destination: Packet['destination'];
  readonly tcpPort?: number;
}

/** Sends what it is told to on standard input, and tells what arrives and what is refused. */
const office = `
const { createSocket } = require('node:dgram');
const { connect, createServer } = require('node:net');
const { createInterface } = require('node:readline');
const tell = (id, met) => console.log(JSON.stringify({ id, met }));
const listen = (type, address) => new Promise((resolve) => {
  const socket = createSocket({ type, ipv6Only: type === 'udp6' });
  socket.on('message', (message) => tell(Number(message), 'pass'));
  socket.bind(${port}, address, resolve);
});
const accept = (host) => new Promise((resolve) => {
  createServer((socket) => socket.on('error', () => {})).listen({ port: ${port}, host, ipv6Only: true }, resolve);
});
const send = ({ id, source, destination, tcpPort }) => {
  const refused = (error) => { if (error && error.code === 'ECONNREFUSED') tell(id, 'refusal'); };
  if (tcpPort !== undefined) {
    const socket = connect({ host: destination, port: ${port}, localAddress: source, localPort: tcpPort });
    socket.on('connect', () => { tell(id, 'pass'); socket.resetAndDestroy(); });
    socket.on('error', refused);
    setTimeout(() => socket.destroy(), 400);
    return;
  }
  const socket = createSocket(source.includes(':') ? 'udp6' : 'udp4');
  socket.on('error', refused);
  socket.bind(0, source, () => socket.connect(${port}, destination, () => socket.send(String(id), refused)));
  setTimeout(() => socket.close(), 400);
};
Promise.all([listen('udp4', '0.0.0.0'), listen('udp6', '::'), accept('0.0.0.0'), accept('::')]).then(() => {
  createInterface({ input: process.stdin }).on('line', (line) => send(JSON.parse(line))).on('close', () => process.exit());
  tell(0, 'pass');
});
`;

/** Milliseconds without news after which what hasn't been met by then was dropped. */
const patience = 150;

/** Programs in network namespaces that write to each other, and what became of their letters. */
export class PostOffices {
  readonly #children = new Map<string, ChildProcess>();
  readonly #met = new Map<number, Met>();
  #last = 0;
  #news = 0;

  /** Opens an office in a named namespace, or in the one that the test runs in. */
  async open(name: string, namespace?: string): Promise<void> {
    const enter = namespace === undefined ? [] : ['ip', 'netns', 'exec', namespace];
    const [file = '', ...args] = [...enter, process.execPath, '-e', office];
    const child = spawn(file, args, { env: environment, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#children.set(name, child);
    let rest = '';
    let isOpen = false;
    child.stdout.on('data', (chunk) => {
      const lines = `${rest}${String(chunk)}`.split('\n');
      rest = lines.pop() ?? '';
      isOpen = true;
      for (const line of lines) this.#note(JSON.parse(line));
    });
    await until(`the post office ${name} opens`, () => isOpen);
  }

  /** Sends the letters, all at once, and tells of each what it met. */
  async send(letters: readonly Letter[]): Promise<Met[]> {
    const first = this.#last + 1;
    for (const { office, source, destination, tcpPort } of letters) {
      const id = ++this.#last;
      const line = { id, source: formatAddress(source), destination: formatAddress(destination), tcpPort };
      this.#children.get(office)?.stdin?.write(`${JSON.stringify(line)}\n`);
    }
    this.#news = performance.now();
    const met = (): (Met | undefined)[] => letters.map((_, index) => this.#met.get(first + index));
    while (met().includes(undefined) && performance.now() - this.#news < patience) await sleep(5);
    return met().map((one) => one ?? 'silence');
  }

  close(): void {
    for (const child of this.#children.values()) child.kill('SIGKILL');
    this.#children.clear();
  }

  #note({ id, met }: { readonly id: number; readonly met: Met }): void {
    this.#met.set(id, met);
    this.#news = performance.now();
  }
}

/**
 * What a letter meets, by the verdicts on it in each chain that it comes through, and on what comes back: an ICMP error, for
 * which only addresses and interfaces count, or the answer to a connection, without which there is none.
 */
export function metOf(verdict: (packet: Packet) => Verdict, there: readonly Packet[], back: readonly Packet[]): Met {
  const passes = (packet: Packet): boolean => ['accept', 'continue'].includes(verdict(packet));
  const stop = there.find((packet) => !passes(packet));
  if (stop === undefined)
    return back.every((packet) => packet.tcp === undefined || passes(packet)) ? 'pass' : 'silence';
  return verdict(stop) === 'reject' && back.every(({ tcp, ...error }) => passes(error)) ? 'refusal' : 'silence';
}
