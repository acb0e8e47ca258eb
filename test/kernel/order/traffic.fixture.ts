import type { Packet, Verdict } from '../../../src/backends/memory.ts';
import { type Address, formatAddress, parseAddress } from '../../../src/domain/address.ts';
import { Network } from '../../e2e/network.fixture.ts';
import { must } from '../../e2e/process.fixture.ts';
import { type Letter, metOf, PostOffices } from './letters.fixture.ts';

/** Addresses that rules are about: the client's, by the link that it sends from them through, and the server's. */
const client = {
  eth0: [
    ...['10.0.0.127', '10.0.0.128', '10.0.1.1', '11.0.0.1'],
    ...['2001:db8::7fff:ffff:ffff:ffff', '2001:db8:0:0:8000::', '2001:db8:0:1:8000::1', '2001:db8:0:2::1'],
  ],
  eth1: ['10.0.0.5', '10.0.0.200', '2001:db8::5', '2001:db8:0:1::5'],
} as const;
const server = ['10.0.0.126', '10.0.0.129', '2001:db8::7fff:ffff:ffff:fffe', '2001:db8:0:1:8000::2'];

/** The links of the host, where the networks with their number are. No rule is about those alone. */
const links = [
  { device: 'eth0', number: 1, far: 'client', addresses: client.eth0 },
  { device: 'eth1', number: 2, far: 'client', addresses: client.eth1 },
  { device: 'lan0', number: 3, far: 'server', addresses: server },
] as const;
type Link = (typeof links)[number];

/** A letter, the chains of the host that it comes through, and those that an ICMP error comes back through. */
interface Errand {
  readonly text: string;
  readonly letter: Letter;
  readonly there: readonly Packet[];
  readonly back: readonly Packet[];
}

/** A client and a server, and between them the namespace of the test, which forwards and has the firewall. */
export class Traffic {
  readonly #network = new Network();
  readonly #offices = new PostOffices();
  readonly #host = `rfw-${process.pid}-host`;

  async open(): Promise<void> {
    await must('ip', 'netns', 'attach', this.#host, String(process.pid));
    const far = { client: await this.#network.namespace('client'), server: await this.#network.namespace('server') };
    for (const link of links) await this.#join(link, far[link.far]);
    await this.#network.forward(this.#host);
    // There are few ICMP errors a second otherwise.
    for (const file of ['ipv4/icmp_ratelimit', 'ipv6/icmp/ratelimit']) {
      await must('ip', 'netns', 'exec', this.#host, 'sh', '-c', `echo 0 > /proc/sys/net/${file}`);
    }
    for (const [name, namespace] of Object.entries({ host: this.#host, ...far })) {
      await this.#offices.open(name, namespace);
    }
  }

  async close(): Promise<void> {
    this.#offices.close();
    await must('ip', 'netns', 'delete', this.#host);
    await this.#network.close();
  }

  /** What all letters meet, one a line. */
  async met(): Promise<string[]> {
    const met = await this.#offices.send(errands.map(({ letter }) => letter));
    return errands.map(({ text }, index) => `${text}: ${met[index]}`);
  }

  /** Lays a link. Rules may drop neighbour discovery too, so both ends know each other from the start. */
  async #join({ device, number, addresses }: Link, namespace: string): Promise<void> {
    const own = (last: number): string[] => [`172.16.${number}.${last}`, `fd77:${number}::${last}`];
    const withLength = (last: number): string[] => own(last).map((a) => `${a}/${a.includes(':') ? 64 : 24}`);
    await this.#network.link(
      { namespace: this.#host, device, addresses: withLength(1) },
      { namespace, device, addresses: withLength(2) },
    );
    const ends = [
      { end: this.#host, last: 1 },
      { end: namespace, last: 2 },
    ];
    for (const { end, last } of ends) await must('ip', '-n', end, 'link', 'set', device, 'address', mac(number, last));
    for (const { end, last } of ends) {
      for (const address of own(3 - last)) {
        const to = ['lladdr', mac(number, 3 - last), 'nud', 'permanent', 'dev', device];
        await must('ip', '-n', end, 'neighbour', 'replace', address, ...to);
      }
    }
    for (const address of addresses) {
      const six = address.includes(':');
      const [whole, noDetection] = six ? ['128', ['nodad']] : ['32', []];
      const [near = '', beyond = ''] = [1, 2].map((last) => own(last)[six ? 1 : 0] ?? '');
      await must('ip', '-n', namespace, 'address', 'add', `${address}/${whole}`, 'dev', 'lo', ...noDetection);
      await must('ip', '-n', this.#host, 'route', 'add', `${address}/${whole}`, 'via', beyond, 'dev', device);
      const family = six ? '-6' : '-4';
      await must('ip', '-n', namespace, family, 'rule', 'add', 'from', address, 'lookup', String(100 + number));
      const route = ['default', 'via', near, 'dev', device, 'table', String(100 + number)];
      await must('ip', '-n', namespace, family, 'route', 'replace', ...route);
    }
  }
}

function mac(link: number, end: number): string {
  return `02:00:00:00:0${link}:0${end}`;
}

/** What all letters should meet, by the verdicts on packets, in the form of `Traffic.met`. */
export function expectedMet(verdict: (packet: Packet) => Verdict): string[] {
  return errands.map(({ text, there, back }) => `${text}: ${metOf(verdict, there, back)}`);
}

const errands: readonly Errand[] = [
  ...links.slice(0, 2).flatMap((link) => link.addresses.map((address) => toHost(link, address))),
  ...links.flatMap((link) => link.addresses.map((address) => fromHost(link, address))),
  ...links
    .slice(0, 2)
    .flatMap((link) =>
      link.addresses.flatMap((address) =>
        server.filter((other) => isSix(other) === isSix(address)).map((other) => throughHost(link, address, other)),
      ),
    ),
];

function toHost({ device, number, far }: Link, address: string): Errand {
  const pair = pairOf(address, hostOn(number, address));
  return {
    ...errand(`input ${device}`, far, pair),
    there: [{ chain: 'input', in: device, out: '', ...pair }],
    back: [outOf(device, turned(pair))],
  };
}

function fromHost({ device, number }: Link, address: string): Errand {
  const pair = pairOf(hostOn(number, address), address);
  const home = { source: pair.source, destination: pair.source };
  return {
    ...errand(`output ${device}`, 'host', pair),
    there: [outOf(device, pair)],
    back: [outOf('lo', home), { chain: 'input', in: 'lo', out: '', ...home }],
  };
}

function throughHost({ device, number, far }: Link, address: string, other: string): Errand {
  const pair = pairOf(address, other);
  return {
    ...errand(`forward ${device} lan0`, far, pair),
    there: [{ chain: 'forward', in: device, out: 'lan0', ...pair }],
    back: [outOf(device, pairOf(hostOn(number, address), address))],
  };
}

interface Pair {
  readonly source: Address;
  readonly destination: Address;
}

function errand(where: string, office: string, pair: Pair): Pick<Errand, 'text' | 'letter'> {
  const text = `${where} ${formatAddress(pair.source)} > ${formatAddress(pair.destination)}`;
  return { text, letter: { office, ...pair } };
}

function pairOf(source: string, destination: string): Pair {
  return { source: parseAddress(source), destination: parseAddress(destination) };
}

function turned({ source, destination }: Pair): Pair {
  return { source: destination, destination: source };
}

function outOf(device: string, pair: Pair): Packet {
  return { chain: 'output', in: '', out: device, ...pair };
}

/** The host's address on a link, of the family of the other. */
function hostOn(number: number, other: string): string {
  return isSix(other) ? `fd77:${number}::1` : `172.16.${number}.1`;
}

function isSix(address: string): boolean {
  return address.includes(':');
}
