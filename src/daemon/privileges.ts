import { readFileSync } from 'node:fs';
import { RfwError } from '../domain/errors.ts';

/** CAP_NET_ADMIN of linux/capability.h. */
const netAdmin = 12n;

/**
 * Checks that this process may change the firewall.
 * @throws RfwError `kernel-unavailable` that says what to do
 */
export function requireNetAdmin(status = readFileSync('/proc/self/status', 'utf8')): void {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  if ((effective >> netAdmin) & 1n) return;
  throw new RfwError(
    'kernel-unavailable',
    'rfw needs the right to change the firewall (CAP_NET_ADMIN): run it as root, for example with sudo, or try it without a kernel with --backend memory',
  );
}
