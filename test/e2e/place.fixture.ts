import { Firewall, type Variant } from './firewall.fixture.ts';
import { runIn } from './network.fixture.ts';

/** A packet filter that rfw fills when the configuration says so. */
export interface Place {
  /** As the log calls it beside the other variant of iptables. */
  readonly name: string;
  /** Lines of the configuration. */
  readonly config: readonly string[];
  /** What of rfw's is in it: rules of iptables, or the table. The line of somebody else is left out. */
  held(): Promise<string[]>;
  /** What `rfw --flush` says when it has taken out so many rules and the guard. */
  removed(rules: number): string[];
}

/** A line of somebody else, in the very shape of rfw's. */
export const foreign = '-A INPUT -s 192.0.2.201/32 -j DROP';

export function iptables(namespace: string, variant: Variant): Place {
  const firewall = new Firewall(namespace, variant);
  return {
    name: variant === 'iptables-nft' ? 'iptables (nf_tables)' : 'iptables (legacy)',
    config: ['firewall.backend = iptables', `iptables.path = ${variant}`],
    held: async () => (await firewall.rules()).filter((line) => line !== foreign),
    removed: (rules) => [`Removed ${rules} rules from the filter table`, 'Removed the guard of port 7393'],
  };
}

export function nftables(namespace: string): Place {
  return {
    name: 'nftables',
    config: ['firewall.backend = nftables'],
    held: async () => {
      const { stdout } = await runIn(namespace, 'nft', 'list', 'tables');
      return stdout.split('\n').filter((line) => line === 'table inet rfw');
    },
    removed: () => ['Removed table inet rfw'],
  };
}
