import { must, type RunResult, run } from './process.fixture.ts';

/** One end of a veth pair. */
export interface LinkEnd {
  readonly namespace: string;
  readonly device: string;
  /** With their prefix lengths, IPv4 and IPv6. */
  readonly addresses: readonly string[];
}

let namespaces = 0;

/** Network namespaces joined by veth pairs. Everything in them goes with `close`. */
export class Network {
  readonly #names: string[] = [];

  /** Makes a namespace that only has a loopback interface. @returns its name */
  async namespace(label: string): Promise<string> {
    const name = `rfw-${process.pid}-${++namespaces}-${label}`;
    await must('ip', 'netns', 'add', name);
    this.#names.push(name);
    await must('ip', '-n', name, 'link', 'set', 'lo', 'up');
    return name;
  }

  /** Joins two namespaces. Addresses can be used at once: there is no duplicate address detection to wait for. */
  async link(a: LinkEnd, b: LinkEnd): Promise<void> {
    await must(
      ...(['ip', 'link', 'add', a.device, 'netns', a.namespace, 'type', 'veth'] as const),
      ...['peer', 'name', b.device, 'netns', b.namespace],
    );
    for (const { namespace, device, addresses } of [a, b]) {
      for (const address of addresses) {
        const noDetection = address.includes(':') ? ['nodad'] : [];
        await must('ip', '-n', namespace, 'address', 'add', address, 'dev', device, ...noDetection);
      }
      await must('ip', '-n', namespace, 'link', 'set', device, 'up');
    }
  }

  /** Sends everything that isn't on a link of the namespace to the gateway. */
  async route(namespace: string, gateway: string): Promise<void> {
    await must('ip', '-n', namespace, 'route', 'add', 'default', 'via', gateway);
  }

  /** Has the namespace forward packets of both families. */
  async forward(namespace: string): Promise<void> {
    const switches = ['/proc/sys/net/ipv4/ip_forward', '/proc/sys/net/ipv6/conf/all/forwarding'];
    const script = switches.map((file) => `echo 1 > ${file}`).join(' && ');
    await must('ip', 'netns', 'exec', namespace, 'sh', '-c', script);
  }

  async close(): Promise<void> {
    for (const name of this.#names.splice(0)) await run('ip', ['netns', 'delete', name]);
  }
}

/** Runs a program in a namespace. */
export function runIn(namespace: string, file: string, ...args: string[]): Promise<RunResult> {
  return run('ip', ['netns', 'exec', namespace, file, ...args]);
}
