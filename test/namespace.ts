import { execFileSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';

/**
 * Refuses to run tests that change the firewall in the namespace of the host. scripts/test.mjs makes a private one for the
 * whole test run, which ends with it.
 */
export function setup(): void {
  const host = process.env['RFW_HOST_NETNS'];
  if (host === undefined || host === readlinkSync('/proc/self/ns/net')) {
    throw new Error('Kernel tests need a network namespace of their own: run them with npm test, or npm run kernel');
  }
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
}
