import { flushes } from './flush.fixture.ts';
import { nftables } from './place.fixture.ts';

/** In a user namespace of its own root has every right but those over the network of the test. */
flushes('nftables', nftables, ['unshare', '--user', '--map-root-user']);
