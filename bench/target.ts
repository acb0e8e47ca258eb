import { run as execute } from './process.ts';

/** What the kernel of a namespace counted of IPv4: RFC 4293, ipSystemStatsInReceives and InDelivers. */
export interface Counts {
  readonly received: number;
  /** What got through the firewall's input hook. */
  readonly delivered: number;
}

/** A network namespace that is flooded over a veth pair, whose other end is here. */
export class Target {
  readonly namespace: string;
  /** This end of the pair. */
  readonly device: string;
  readonly address: string;
  readonly mac: string;

  private constructor(namespace: string, device: string, address: string, mac: string) {
    this.namespace = namespace;
    this.device = device;
    this.address = address;
    this.mac = mac;
  }

  /** @param run a name that no other run has @param number tells it from others of this run */
  static async make(run: string, number: number): Promise<Target> {
    const namespace = `${run}-${number}`;
    const device = `flood${number}`;
    const address = `10.200.${number}.1`;
    await execute('ip', ['netns', 'add', namespace]);
    await execute('ip', ['link', 'add', device, 'type', 'veth', 'peer', 'name', 'inside', 'netns', namespace]);
    await execute('ip', ['-n', namespace, 'address', 'add', `${address}/24`, 'dev', 'inside']);
    await execute('ip', ['-n', namespace, 'link', 'set', 'inside', 'up']);
    await execute('ip', ['link', 'set', device, 'up']);
    const { stdout } = await execute('ip', ['-n', namespace, 'link', 'show', 'inside']);
    const mac = /link\/ether (\S+)/.exec(stdout)?.[1] ?? '';
    const target = new Target(namespace, device, address, mac);
    // The sources have no route here: the kernel must not drop them for that before the firewall does.
    await target.run('sh', '-c', 'for file in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > "$file"; done');
    return target;
  }

  /** The beginning of a command line that runs something there. */
  get prefix(): readonly [file: string, ...args: string[]] {
    return ['ip', 'netns', 'exec', this.namespace];
  }

  /** Runs a program there. @returns its standard output */
  async run(...command: string[]): Promise<string> {
    const [file, ...args] = this.prefix;
    return (await execute(file, [...args, ...command])).stdout;
  }

  async counts(): Promise<Counts> {
    const [names = [], values = []] = (await this.run('cat', '/proc/net/snmp'))
      .split('\n')
      .filter((line) => line.startsWith('Ip: '))
      .map((line) => line.split(' '));
    const value = (name: string): number => Number(values[names.indexOf(name)]);
    return { received: value('InReceives'), delivered: value('InDelivers') };
  }

  async remove(): Promise<void> {
    await execute('ip', ['netns', 'delete', this.namespace]);
  }
}
