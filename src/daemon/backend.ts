import type { Backend, Capabilities } from '../backends/backend.ts';
import { IptablesBackend } from '../backends/iptables/iptables.ts';
import { MemoryBackend } from '../backends/memory.ts';
import { RfwError, reasonOf } from '../domain/errors.ts';
import type { Config } from './config.ts';
import { requireNetAdmin } from './privileges.ts';

/** A backend that works, and why it was taken. */
export interface ChosenBackend {
  readonly backend: Backend;
  readonly capabilities: Capabilities;
  readonly reason: string;
}

/**
 * Takes the backend of the configuration and tries it; `auto` takes iptables where it works.
 * @throws RfwError `kernel-unavailable` or `kernel-refused` with what to do
 */
export async function chooseBackend(config: Config): Promise<ChosenBackend> {
  if (config.backend === 'memory') {
    const backend = new MemoryBackend();
    return { backend, capabilities: await backend.probe(), reason: 'asked for; rules are kept but nothing is blocked' };
  }
  requireNetAdmin();
  const backend = new IptablesBackend({ path: config.iptablesPath, owner: config.stateDir });
  try {
    const capabilities = await backend.probe();
    const reason =
      config.backend === 'auto' ? 'firewall.backend is auto, and iptables works here' : 'set by firewall.backend';
    return { backend, capabilities, reason };
  } catch (error) {
    if (!(error instanceof RfwError) || config.backend !== 'auto') throw error;
    throw new RfwError(error.code, `No backend works on this host. iptables: ${reasonOf(error)}`, { cause: error });
  }
}
