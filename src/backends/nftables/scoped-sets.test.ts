import { expect, it } from 'vitest';
import { spec } from '../rule.fixture.ts';
import { ScopedSets } from './scoped-sets.ts';
import { type Scope, scopeOf } from './strata.ts';

const scope = (text: string): Scope => {
  const scoped = scopeOf(spec(text));
  if (scoped === undefined) throw new Error(`${text} fits no set`);
  return scoped.scope;
};
const hosts = scope('drop input any any 10.0.0.1/32 any');
const nets = scope('accept output any eth0 any 2001:db8::/64');

/** Names and strata. */
function text(sets: ScopedSets): string {
  return [...sets.all()].map(({ name, stratum }) => `${name} at ${stratum}`).join(', ');
}

it('sets are named after what is in them, and numbered on from the last one that the kernel may hold', () => {
  const sets = new ScopedSets(7);
  expect(sets.at(hosts, 0)).toBe(sets.at(hosts, 0));
  sets.at(nets, 2);
  sets.at(hosts, 1);
  expect(text(sets)).toBe('input_drop_ip4_hosts_8 at 0, input_drop_ip4_hosts_10 at 1, output_accept_ip6_nets_9 at 2');
});

it('sets that hold nothing are forgotten, and their names not used again', () => {
  const sets = new ScopedSets();
  sets.at(hosts, 0).count = 1;
  sets.at(nets, 0);
  sets.prune();
  expect(text(sets)).toBe('input_drop_ip4_hosts_1 at 0');
  expect(sets.at(nets, 0).name).toBe('output_accept_ip6_nets_3');
});

it('sets keep their names when strata get other numbers, and are found by those', () => {
  const sets = new ScopedSets();
  const [low, high] = [sets.at(hosts, 3), sets.at(hosts, 9)];
  sets.relabel((stratum) => stratum / 3 - 1);
  expect(text(sets)).toBe('input_drop_ip4_hosts_1 at 0, input_drop_ip4_hosts_2 at 2');
  expect([sets.at(hosts, 0), sets.at(hosts, 2)]).toEqual([low, high]);
});

it('a later process goes on with the same sets and numbers, on a copy', () => {
  const sets = new ScopedSets();
  sets.at(hosts, 0).count = 5;
  const state = sets.state();
  sets.at(hosts, 0).count = 6;
  const later = ScopedSets.from(state);
  expect(later.at(hosts, 0).count).toBe(5);
  expect(later.at(nets, 0).name).toBe('output_accept_ip6_nets_2');
});
