import type { Backend, BackendName, Capabilities } from '../backends/backend.ts';
import { IptablesBackend } from '../backends/iptables/iptables.ts';
import { MemoryBackend } from '../backends/memory.ts';
import { NftablesBackend } from '../backends/nftables/nftables.ts';
import { RfwError } from '../domain/errors.ts';
import type { Config } from './config.ts';
import { requireNetAdmin } from './privileges.ts';

/** Rules that count with `nftables.counters = auto`: about a quarter of a second for the kernel when all come at once. */
const countedRules = 65_536;

/** A backend that works, and why it was taken. */
export interface ChosenBackend {
  readonly backend: Backend;
  readonly capabilities: Capabilities;
  readonly reason: string;
}

/** What `auto` tries, in this order. */
const automatic = ['iptables', 'nftables'] as const;

/**
 * Takes the backend of the configuration and tries it; `auto` takes iptables where it works, else nftables.
 * @throws RfwError `kernel-unavailable` or `kernel-refused` with what to do
 */
export async function chooseBackend(config: Config): Promise<ChosenBackend> {
  if (config.backend === 'memory') return tried('memory', config, 'asked for; rules are kept but nothing is blocked');
  requireNetAdmin();
  if (config.backend !== 'auto') return tried(config.backend, config, 'set by firewall.backend');
  const failures: string[] = [];
  for (const name of automatic) {
    const others = failures.length === 0 ? `${name} works here` : failures.join('; ');
    try {
      return await tried(name, config, `firewall.backend is auto, and ${others}`);
    } catch (error) {
      if (!(error instanceof RfwError)) throw error;
      failures.push(`${name} does not work here: ${error.message}`);
    }
  }
  throw new RfwError('kernel-unavailable', `No backend works on this host. ${failures.join('; ')}`);
}

async function tried(name: BackendName, config: Config, reason: string): Promise<ChosenBackend> {
  const backend = makeBackend(name, config);
  try {
    return { backend, capabilities: await backend.probe(), reason };
  } catch (error) {
    backend.close();
    throw error;
  }
}

/** A backend as the configuration wants it, not yet tried. @param iptablesPath where it isn't that of the configuration */
export function makeBackend(name: BackendName, config: Config, iptablesPath = config.iptablesPath): Backend {
  switch (name) {
    case 'iptables':
      return new IptablesBackend({ path: iptablesPath, owner: config.stateDir });
    case 'nftables':
      return new NftablesBackend({
        counters: config.nftablesCounters !== 'off',
        countAtMost: config.nftablesCounters === 'on' ? Number.POSITIVE_INFINITY : countedRules,
        rejectTcpWithReset: config.rejectTcpReset,
      });
    case 'memory':
      return new MemoryBackend();
  }
}

/** What the operator should know about the backend on this host, one sentence each. */
export function shortcomingsOf({ backend, capabilities }: ChosenBackend, config: Config): string[] {
  const noReset = config.rejectTcpReset && backend.name === 'iptables';
  return [
    ...capabilities.shortcomings,
    ...(noReset ? ['reject.tcp.reset has no effect with iptables: reject answers with icmp port unreachable'] : []),
  ];
}
