import type { Packet, Verdict } from '../../../src/backends/memory.ts';
import { parseAddress } from '../../../src/domain/address.ts';
import type { Met } from '../../e2e/probe.fixture.ts';
import { must } from '../../e2e/process.fixture.ts';
import { metOf, PostOffices } from './letters.fixture.ts';

/** IPv6 addresses for the loopback interface, which has all of 127.0.0.0/8 anyway. */
const six = ['fd77::1', 'fd77::2', 'fd77::3', 'fd77:0:0:1::1'];

/** Who writes to whom, as `source > destination`, with the source's port for TCP. */
const letters = [
  ...['127.0.0.1 > 127.0.0.2', '127.0.0.2 > 127.0.0.1', '127.0.1.1 > 127.0.0.1', '127.0.0.3 > 127.1.0.1'],
  ...['fd77::1 > fd77::2', 'fd77::2 > fd77::1', 'fd77:0:0:1::1 > fd77::1', 'fd77::3 > fd77:0:0:1::1'],
  ...['127.0.0.1 > 127.0.0.2 tcp 40001', '127.0.0.2 > 127.0.0.1 tcp 40002', 'fd77::1 > fd77::2 tcp 40001'],
];

/** The loopback interface of the test's namespace, where each packet meets output and then input. */
export class Loopback {
  readonly #offices = new PostOffices();

  async open(): Promise<void> {
    for (const address of six) await must('ip', 'address', 'add', `${address}/128`, 'dev', 'lo', 'nodad');
    await this.#offices.open('lo');
  }

  async close(): Promise<void> {
    this.#offices.close();
    for (const address of six) await must('ip', 'address', 'delete', `${address}/128`, 'dev', 'lo');
  }

  /** What every letter meets on its way, one a line. */
  async met(): Promise<string[]> {
    const sent = letters.map((text) => {
      const { source, destination, tcpPort } = read(text);
      return { office: 'lo', source, destination, ...(tcpPort === undefined ? {} : { tcpPort }) };
    });
    const met = await this.#offices.send(sent);
    return letters.map((text, index) => `${text}: ${met[index]}`);
  }
}

/** What every letter should meet by an evaluator, in the form of `Loopback.met`. */
export function foreseen(verdict: (packet: Packet) => Verdict): string[] {
  return letters.map((text) => `${text}: ${foresee(verdict, text)}`);
}

function foresee(verdict: (packet: Packet) => Verdict, text: string): Met {
  const { source, destination, tcpPort } = read(text);
  const tcp = (sourcePort: number, destinationPort: number) =>
    tcpPort === undefined ? {} : { tcp: { sourcePort, destinationPort } };
  const there = across({ source, destination, ...tcp(tcpPort ?? 0, 7777) });
  const back = across({ source: destination, destination: source, ...tcp(7777, tcpPort ?? 0) });
  return metOf(verdict, there, back);
}

function across(packet: Omit<Packet, 'chain' | 'in' | 'out'>): Packet[] {
  return [
    { ...packet, chain: 'output', in: '', out: 'lo' },
    { ...packet, chain: 'input', in: 'lo', out: '' },
  ];
}

function read(text: string) {
  const [source = '', , destination = '', , port] = text.split(' ');
  return {
    source: parseAddress(source),
    destination: parseAddress(destination),
    tcpPort: port === undefined ? undefined : Number(port),
  };
}
