import { flushes } from './flush.fixture.ts';
import { iptables } from './place.fixture.ts';

/** Runs a command line on a host without iptables. */
const hide = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /usr/sbin && exec "$@"', 'sh'];

for (const variant of ['iptables-nft', 'iptables-legacy'] as const) {
  flushes(variant, (namespace) => iptables(namespace, variant), hide);
}
