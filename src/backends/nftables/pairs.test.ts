import { expect, it } from 'vitest';
import { spec } from '../rule.fixture.ts';
import { PairChains } from './pairs.ts';

const [one, two] = ['10.1.0.0/16', '10.2.0.0/16'].map((to) => spec(`accept forward any any 10.0.0.0/8 ${to}`)) as [
  ReturnType<typeof spec>,
  ReturnType<typeof spec>,
];

function text(pairs: PairChains): string {
  return [...pairs.all()]
    .map(({ name, stratum, pairs }) => `${name} at ${stratum}: ${[...pairs.values()].map(({ id }) => id).join(' ')}`)
    .join(', ');
}

it('pairs of a stratum share a chain, and each has a number of its own', () => {
  const pairs = new PairChains(4);
  pairs.add(one, 0);
  pairs.add(two, 0);
  pairs.add(two, 3);
  expect(text(pairs)).toBe('forward_pairs_5 at 0: 1 2, forward_pairs_6 at 3: 3');
  expect(pairs.get(two, 3).id).toBe(3);
  expect(() => pairs.get(one, 3)).toThrow('no pair accept forward any any 10.0.0.0/8 10.1.0.0/16 in stratum 3');
});

it('chains that hold nothing are forgotten, and those that stay are found when strata get other numbers', () => {
  const pairs = new PairChains();
  const { chain } = pairs.add(one, 0);
  pairs.add(two, 4);
  chain.pairs.clear();
  pairs.prune();
  pairs.relabel((stratum) => stratum - 4);
  expect(text(pairs)).toBe('forward_pairs_2 at 0: 2');
  expect(pairs.add(one, 0).chain).toBe(pairs.get(two, 0).chain);
});

it('a later process goes on with the same chains and numbers, on a copy', () => {
  const pairs = new PairChains();
  pairs.add(one, 0).handles = [7n];
  const state = pairs.state();
  pairs.add(two, 0);
  const later = PairChains.from(state);
  expect(text(later)).toBe('forward_pairs_1 at 0: 1');
  expect(later.get(one, 0)).toMatchObject({ handles: [7n], chain: [...later.all()][0] });
  later.add(two, 1);
  expect(text(later)).toBe('forward_pairs_1 at 0: 1, forward_pairs_2 at 1: 2');
});
