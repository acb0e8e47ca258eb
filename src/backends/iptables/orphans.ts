import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { RfwError } from '../../domain/errors.ts';
import { ownerVariable } from './commands.ts';

/** Milliseconds; longer than a restore waits for the xtables lock. */
const patience = 20_000;

/**
 * Waits until no program is left that an earlier daemon of the same owner started. A daemon that is killed can leave an
 * iptables-restore behind which still commits: the kernel's state means nothing before it has ended.
 * @throws RfwError `kernel-unavailable` when one doesn't end
 */
export async function waitForOrphans(owner: string): Promise<void> {
  const deadline = performance.now() + patience;
  for (;;) {
    const orphans = childrenOf(owner);
    if (orphans.length === 0) return;
    if (performance.now() > deadline) {
      throw new RfwError(
        'kernel-unavailable',
        `An earlier rfw left a program behind that still changes the firewall (process ${orphans.join(', ')}): end it and start rfw again`,
      );
    }
    await sleep(20);
  }
}

function childrenOf(owner: string): string[] {
  const mark = `${ownerVariable}=${owner}`;
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark);
    } catch {
      // It ended meanwhile, or belongs to another user and so isn't rfw's.
      return false;
    }
  });
}
