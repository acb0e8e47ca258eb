import fc from 'fast-check';
import { afterEach, describe, it } from 'vitest';
import { iptables, nftables } from './contenders.fixture.ts';
import { instants, sequenceIn } from './sequence.fixture.ts';
import { type Contender, Trial } from './trial.fixture.ts';
import { nested, packetsIn } from './universe.fixture.ts';

/**
 * The proof of order: after every step of every sequence the kernel decides every packet as the literal list does.
 * `RFW_ORDER_RUNS=5000 npm run kernel -- test/kernel/order` tries more sequences, and `RFW_ORDER_SEED` those of an
 * earlier run, whose seed is in the names of the tests.
 */
const runs = Number(process.env['RFW_ORDER_RUNS'] ?? 200);
const seed = Number(process.env['RFW_ORDER_SEED'] ?? Date.now() % 1_000_000_007);

/** In one process a backend has the same options from its start to its end, and each gets its part of the sequences. */
const options = [
  { counters: true, rejectTcpWithReset: false },
  { counters: false, rejectTcpWithReset: false },
  { counters: true, rejectTcpWithReset: true },
  { counters: false, rejectTcpWithReset: true },
];
const part = Math.ceil(runs / options.length);

/** Milliseconds: a sequence takes about 150, on a busy machine some times that. */
const limit = 60_000 + part * 600;

const packets = packetsIn(nested);
let contenders: Contender[] = [];

afterEach(() => {
  for (const contender of contenders) contender.clear();
});

describe(`in ${runs} sequences (seed ${seed}) nftables and iptables decide every packet by its newest rule`, () => {
  it.each(options.map((each, index) => ({ ...each, index })))(
    'with counters: $counters, rejectTcpWithReset: $rejectTcpWithReset',
    async ({ index, ...each }) => {
      contenders = [iptables, nftables(each)];
      const property = fc.asyncProperty(sequenceIn(nested), ({ protection, steps }) =>
        Trial.run({ contenders, packets, protection, instants }, steps),
      );
      // A failure that is still being made shorter at the limit is shown as short as it is by then.
      const bounds = { interruptAfterTimeLimit: limit, markInterruptAsFailure: true };
      const { failed, errorInstance, numRuns } = await fc.check(property, {
        ...{ numRuns: part, seed: seed + index },
        ...bounds,
      });
      if (failed) throw errorInstance ?? new Error(`Only ${numRuns} sequences within ${limit} ms`);
    },
    2 * limit,
  );
});
