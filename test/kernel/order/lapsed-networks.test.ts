import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Backend, Change } from '../../../src/backends/backend.ts';
import { change, desired, rule } from '../../../src/backends/rule.fixture.ts';
import { parseAddress } from '../../../src/domain/address.ts';
import { execute } from '../iptables.fixture.ts';
import { clearTables, closeAll, probed } from '../nftables.fixture.ts';
import { NftRuleset } from './nft-ruleset.fixture.ts';

/**
 * Networks whose time is up in the kernel, with the daemon late: it stood still, or the machine slept. In the kernel a
 * network of an interval set is two elements, of which only the first has a timeout. To destroy both once the first is over
 * takes out only the second; then the next collection pairs the first with the end of another network, which from then
 * on reaches to the end of all addresses. nft_rbtree_gc, net/netfilter/nft_set_rbtree.c
 */
const stays = 'drop input any any 10.0.0.16/28 any';
const lapses = rule('drop input any any 10.0.0.0/31 any');
let backend: Backend;

beforeEach(async () => {
  clearTables();
  backend = await probed();
  await backend.replace(desired({ rules: [stays] }));
  // The kernel lets it go a second from now: elements outlive their rules by five.
  await backend.apply({ ...change({}), add: [{ ...lapses, expiresAt: Date.now() - 4000 }] });
  await sleep(6000);
});

afterEach(() => {
  closeAll();
  clearTables();
});

/** Inside the two networks, right behind the one that stays, and anywhere else. */
const sources = ['10.0.0.0', '10.0.0.16', '10.0.0.32', '203.0.113.1'];

it.each<[string, Partial<Change>, string]>([
  ['taken out', { remove: [lapses] }, 'continue drop continue continue'],
  ['put again', { remove: [lapses], add: [lapses] }, 'drop drop continue continue'],
  ['given more time', { renew: [lapses] }, 'drop drop continue continue'],
])('a network that has ended in the kernel and is %s leaves its neighbours as they are', async (_, step, verdicts) => {
  await backend.apply({ ...change({}), ...step });
  const ruleset = new NftRuleset(execute('nft', ['-j', 'list', 'ruleset']));
  const destination = parseAddress('192.0.2.1');
  const met = sources.map((source) =>
    ruleset.verdict({ chain: 'input', in: 'eth0', out: '', source: parseAddress(source), destination }),
  );
  expect(met.join(' ')).toBe(verdicts);
});
