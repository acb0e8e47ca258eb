import { Network, runIn } from '../e2e/network.fixture.ts';
import { must } from '../e2e/process.fixture.ts';

/** Sends datagrams of one byte to a port where nobody need listen. */
const sender = `
const [source, destination, count] = process.argv.slice(1);
const socket = require('node:dgram').createSocket(source.includes(':') ? 'udp6' : 'udp4');
socket.bind(0, source, () => {
  let left = Number(count);
  for (let sent = 0; sent < Number(count); sent++) socket.send('x', 7777, destination, () => { if (--left === 0) socket.close(); });
});
`;

const client = ['10.1.0.2/24', '10.1.0.3/24', 'fd77:1::2/64'];
const server = ['10.2.0.2/24', 'fd77:2::2/64'];

/** A client and a server, and between them the namespace of the test, which forwards from eth1 to eth2. */
export class ForwardedTraffic {
  readonly #network = new Network();
  readonly #host = `rfw-${process.pid}-between`;
  #client = '';

  async open(): Promise<void> {
    await must('ip', 'netns', 'attach', this.#host, String(process.pid));
    this.#client = await this.#network.namespace('client');
    const far = await this.#network.namespace('server');
    await this.#network.link(
      { namespace: this.#host, device: 'eth1', addresses: ['10.1.0.1/24', 'fd77:1::1/64'] },
      { namespace: this.#client, device: 'eth0', addresses: client },
    );
    await this.#network.link(
      { namespace: this.#host, device: 'eth2', addresses: ['10.2.0.1/24', 'fd77:2::1/64'] },
      { namespace: far, device: 'eth0', addresses: server },
    );
    for (const gateway of ['10.1.0.1', 'fd77:1::1']) await this.#network.route(this.#client, gateway);
    await this.#network.forward(this.#host);
  }

  /** Sends datagrams of one byte from the client, and waits until they are on their way. */
  async send(source: string, destination: string, count: number): Promise<void> {
    const { status, stderr } = await runIn(
      this.#client,
      process.execPath,
      '-e',
      sender,
      source,
      destination,
      String(count),
    );
    if (status !== 0) throw new Error(stderr);
  }

  async close(): Promise<void> {
    await must('ip', 'netns', 'delete', this.#host);
    await this.#network.close();
  }
}
