import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostOf } from './addresses.ts';
import type { Context } from './context.ts';
import type { Counted, LoaderOrder, LoaderTask } from './loader.ts';
import { moduleCommand, Partner } from './process.ts';
import type { Target } from './target.ts';

/** Something that drops packets from blocked addresses. */
export interface Firewall {
  /** Packets that it says it has dropped. */
  packets(): Promise<number>;
  end(): Promise<void>;
}

type Maker = (target: Target, addresses: number, context: Context) => Promise<Firewall>;

const hosts = (count: number): string[] => Array.from({ length: count }, (_, index) => hostOf(index));

/** rfw's backend with all that the daemon puts into the kernel: guard, whitelist, strata. */
const rfw =
  (counters: LoaderTask['counters']): Maker =>
  async (target, addresses) => {
    const task: LoaderTask = { rules: addresses, counters, how: 'replace' };
    const loader = new Partner([...target.prefix, ...moduleCommand('loader', task)]);
    await loader.next();
    return {
      packets: async () => {
        loader.tell('count packets' satisfies LoaderOrder);
        return (await loader.next<Counted>()).packets;
      },
      end: () => loader.end(),
    };
  };

/** What somebody would write who needs nothing else: one hash set, one rule. */
const handWritten: Maker = async (target, addresses, { folder }) => {
  const script = join(folder, `hand-${addresses}.nft`);
  const elements = hosts(addresses).join(', ');
  writeFileSync(
    script,
    `table ip hand {
  set blocked { type ipv4_addr; elements = { ${elements} } }
  chain input { type filter hook input priority filter - 10; ip saddr @blocked counter drop; }
}\n`,
  );
  await target.run('nft', '-f', script);
  return {
    packets: async () =>
      Number(/counter packets (\d+)/.exec(await target.run('nft', 'list', 'chain', 'ip', 'hand', 'input'))?.[1]),
    end: async () => undefined,
  };
};

/** A rule for each address, as rfw's first version made them. */
const linear: Maker = async (target, addresses, { folder }) => {
  const script = join(folder, `linear-${addresses}.iptables`);
  const rules = hosts(addresses).map((host) => `-A INPUT -s ${host}/32 -j DROP`);
  writeFileSync(script, `*filter\n${rules.join('\n')}\nCOMMIT\n`);
  await target.run('iptables-restore', script);
  return {
    packets: async () => {
      const listing = await target.run('iptables', '-nvxL', 'INPUT');
      return listing
        .split('\n')
        .reduce((sum, line) => sum + (line.includes(' DROP ') ? Number(line.trim().split(/\s+/)[0]) : 0), 0);
    },
    end: async () => undefined,
  };
};

export const firewalls: Readonly<Record<string, Maker>> = {
  rfw: rfw('auto'),
  'rfw without counters': rfw('off'),
  'hand-written nft': handWritten,
  'linear iptables': linear,
};
