import fc from 'fast-check';
import { afterAll, describe, it } from 'vitest';
import type { NftablesOptions } from '../../../src/backends/nftables/nftables.ts';
import { plain } from '../nftables.fixture.ts';
import { iptables, nftables } from './contenders.fixture.ts';
import { instants, sequenceIn } from './sequence.fixture.ts';
import { type Contender, Trial } from './trial.fixture.ts';
import { apart, nested, packetsIn, type Universe } from './universe.fixture.ts';

/**
 * The proof of order: after every step of every sequence the kernel decides every packet as the literal list does.
 * `RFW_ORDER_RUNS=5000 npm run kernel -- test/kernel/order` tries more sequences, and `RFW_ORDER_SEED` those of an
 * earlier run, whose seed is in the names of the tests.
 */
const runs = Number(process.env['RFW_ORDER_RUNS'] ?? 200);
const seed = Number(process.env['RFW_ORDER_SEED'] ?? Date.now() % 1_000_000_007);

/** Milliseconds: a sequence takes about 200, on a busy machine some times that. */
const limit = 60_000 + runs * 600;

async function prove(universe: Universe, contenders: (options: NftablesOptions) => Contender[]): Promise<void> {
  const packets = packetsIn(universe);
  const property = fc.asyncProperty(sequenceIn(universe), ({ options, protection, steps }) =>
    Trial.run({ contenders: contenders(options), packets, protection, instants }, steps),
  );
  // A failure that is still being made shorter at the limit is shown as short as it is by then.
  const options = { numRuns: runs, seed, interruptAfterTimeLimit: limit, markInterruptAsFailure: true };
  const { failed, errorInstance, numRuns } = await fc.check(property, options);
  if (failed) throw errorInstance ?? new Error(`Only ${numRuns} sequences within ${limit} ms`);
}

afterAll(() => {
  for (const contender of [iptables, nftables(plain)]) contender.clear();
});

describe(`in ${runs} sequences (seed ${seed}) every packet is decided by the newest rule that it matches`, () => {
  it('in nftables and iptables', () => prove(apart, (options) => [iptables, nftables(options)]), 2 * limit);

  it('in nftables, among prefixes that begin alike', () => prove(nested, (options) => [nftables(options)]), 2 * limit);
});
