import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Backend, Change } from '../../../src/backends/backend.ts';
import { change, desired, rule } from '../../../src/backends/rule.fixture.ts';
import { parseAddress } from '../../../src/domain/address.ts';
import type { Rule } from '../../../src/domain/rule.ts';
import { execute } from '../iptables.fixture.ts';
import { clearTables, closeAll, probed } from '../nftables.fixture.ts';
import { NftRuleset } from './nft-ruleset.fixture.ts';

/**
 * Networks whose time is up in the kernel, with the daemon late: it stood still, or the machine slept. In the kernel a
 * network of an interval set is two elements, of which only the first has a timeout. To destroy both once the first is over
 * takes out only the second; then the next collection pairs the first with the end of another network, which from then
 * on reaches to the end of all addresses. nft_rbtree_gc, net/netfilter/nft_set_rbtree.c
 */
let backend: Backend;

/** What is done with a network that has ended, and the part of the addresses and the action, hence the set, that it has. */
const cases = [
  { done: 'taken out', action: 'drop', net: '10.0.1', left: 'continue' },
  { done: 'put again', action: 'accept', net: '10.0.2', left: 'accept' },
  { done: 'given more time', action: 'reject', net: '10.0.3', left: 'reject' },
] as const;
type Case = (typeof cases)[number];

const stays = ({ action, net }: Case): string => `${action} input any any ${net}.16/28 any`;
const lapses = ({ action, net }: Case): Rule => rule(`${action} input any any ${net}.0/31 any`);

function step(given: Case): Partial<Change> {
  const lapsed = lapses(given);
  if (given.done === 'given more time') return { renew: [lapsed] };
  return { remove: [lapsed], add: given.done === 'put again' ? [lapsed] : [] };
}

beforeAll(async () => {
  clearTables();
  backend = await probed();
  await backend.replace(desired({ rules: cases.map(stays) }));
  // The kernel lets them go a second from now: elements outlive their rules by five.
  const ended = cases.map(lapses).map((each) => ({ ...each, expiresAt: Date.now() - 4000 }));
  await backend.apply({ ...change({}), add: ended });
  await sleep(6000);
});

afterAll(() => {
  closeAll();
  clearTables();
});

it.each(cases)(
  'a network that has ended in the kernel and is $done leaves its neighbours as they are',
  async (given) => {
    await backend.apply({ ...change({}), ...step(given) });
    const ruleset = new NftRuleset(execute('nft', ['-j', 'list', 'ruleset']));
    const destination = parseAddress('192.0.2.1');
    // Inside the two networks, right behind the one that stays, and anywhere else.
    const sources = [...['0', '16', '32'].map((last) => `${given.net}.${last}`), '203.0.113.1'];
    const met = sources.map((source) =>
      ruleset.verdict({ chain: 'input', in: 'eth0', out: '', source: parseAddress(source), destination }),
    );
    expect(met).toEqual([given.left, given.action, 'continue', 'continue']);
  },
);
