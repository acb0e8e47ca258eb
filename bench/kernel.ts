import { Connection } from '../src/netlink/connection.ts';
import { dump } from '../src/netlink/dump.ts';
import { getElements, listSets, read } from '../src/netlink/nftables/commands.ts';
import { ElementList } from '../src/netlink/nftables/elements.ts';
import { set } from '../src/netlink/nftables/objects.ts';
import { addressOf } from './addresses.ts';
import { check } from './context.ts';
import { run } from './process.ts';

/** How many of the addresses are looked up one by one. */
const sampled = 1000;

/** The largest set of IPv4 addresses in a table: all hosts of a bench are alike, and so in one set. */
async function hostsOf(table: string): Promise<{ readonly name: string; readonly count: number }> {
  const replies = await dump(listSets({ family: 'inet', name: table }));
  const sets = replies.map((reply) => read(set, reply)).filter(({ keyLength }) => keyLength === 4);
  const [largest] = sets.toSorted((a, b) => (b.count ?? 0) - (a.count ?? 0));
  check(largest !== undefined, `${table} has no set of addresses`);
  check(largest.count !== undefined, 'this kernel does not say how many elements a set has; Linux 6.18 does');
  return { name: largest.name ?? '', count: largest.count };
}

/** How many hosts a table holds, by what the kernel says. */
export async function hostsIn(table: string): Promise<number> {
  return (await hostsOf(table)).count;
}

/** Makes sure that a table holds the addresses up to `count`: all by number, and a thousand of them one by one. */
export async function checkHosts(table: string, count: number): Promise<void> {
  const hosts = await hostsOf(table);
  check(hosts.count >= count, `${table} holds ${hosts.count} hosts, not ${count}`);
  const list = new ElementList(4);
  const connection = Connection.open();
  try {
    for (let index = 0; index < sampled; index++) {
      list.clear();
      list.add(addressOf(Math.floor((index * count) / sampled)));
      // Throws ENOENT for one that isn't there.
      for (const message of getElements({ family: 'inet', name: table }, hosts.name, list)) connection.request(message);
    }
  } finally {
    connection.close();
  }
}

/** How many drop rules are in the INPUT chain. */
export async function iptablesRules(): Promise<number> {
  const { stdout } = await run('iptables', ['-S', 'INPUT']);
  return stdout.split('\n').filter((line) => line.endsWith('/32 -j DROP')).length;
}

/** Takes everything out of the firewall of this namespace, which is the bench's own. */
export async function clearFirewall(): Promise<void> {
  await run('nft', ['flush', 'ruleset']);
  const { stdout } = await run('nft', ['list', 'tables']);
  check(stdout === '', `tables are left in the kernel: ${stdout}`);
}
