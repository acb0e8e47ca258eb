import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Met } from '../e2e/probe.fixture.ts';

/** Milliseconds: on the loopback interface a packet has met its fate before the call that sends it returns. */
const patience = 60;

const isSix = (address: string): boolean => address.includes(':');
const udpOf = (address: string): 'udp4' | 'udp6' => (isSix(address) ? 'udp6' : 'udp4');

/** What datagrams from one loopback address to another meet. */
export async function datagrams(source: string, destination: string, count = 1): Promise<Met> {
  const receiver = createSocket(udpOf(destination));
  const sender = createSocket(udpOf(source));
  let met: Met = 'silence';
  const refused = (error: Error | null): void => {
    if (error && 'code' in error && error.code === 'ECONNREFUSED') met = 'refusal';
  };
  try {
    receiver.on('message', () => {
      met = 'pass';
    });
    sender.on('error', refused);
    receiver.bind(0, destination);
    await once(receiver, 'listening');
    sender.bind(0, source);
    await once(sender, 'listening');
    sender.connect(receiver.address().port, destination);
    await once(sender, 'connect');
    for (let sent = 0; sent < count; sent++) sender.send('x', refused);
    await sleep(patience);
    await nextTurn();
    return met;
  } finally {
    receiver.close();
    sender.close();
  }
}

/** What a TCP connection meets, and after how many milliseconds. */
export interface Attempt {
  readonly met: Met;
  readonly milliseconds: number;
}

/** Connects from one loopback address to a server on another. @param longest milliseconds after which no answer is silence */
export async function connection(source: string, destination: string, port = 0, longest = 500): Promise<Attempt> {
  const server = createServer((socket) => socket.on('error', () => {}).end());
  server.listen(port, destination);
  await once(server, 'listening');
  const listening = server.address();
  const chosen = typeof listening === 'object' && listening ? listening.port : port;
  const begin = performance.now();
  try {
    const met = await new Promise<Met>((resolve) => {
      const client = connect({ host: destination, port: chosen, localAddress: source });
      const settle = (outcome: Met): void => {
        clearTimeout(timer);
        client.destroy();
        resolve(outcome);
      };
      const timer = setTimeout(() => settle('silence'), longest);
      client.on('connect', () => settle('pass'));
      client.on('error', (error) => settle('code' in error && error.code === 'ECONNREFUSED' ? 'refusal' : 'silence'));
    });
    return { met, milliseconds: performance.now() - begin };
  } finally {
    server.close();
  }
}
