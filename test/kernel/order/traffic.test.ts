import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { plain } from '../nftables.fixture.ts';
import { iptables, nftables } from './contenders.fixture.ts';
import { sequenceAt } from './sequence.fixture.ts';
import { expectedMet, Traffic } from './traffic.fixture.ts';
import { Trial } from './trial.fixture.ts';
import { nested, places } from './universe.fixture.ts';

const traffic = new Traffic();
const seed = Number(process.env['RFW_ORDER_SEED'] ?? Date.now() % 1_000_000_007);

beforeAll(() => traffic.open());
afterAll(() => traffic.close());

describe.each([{ contender: nftables(plain) }, { contender: iptables }])(
  `with $contender.name real packets meet what the list says (seed ${seed})`,
  ({ contender }) => {
    afterEach(() => contender.clear());

    it.each(places)('after sequences of rules mostly in $chain over IPv$family', async (place) => {
      for (const { protection, steps } of fc.sample(sequenceAt(place, nested), { numRuns: 2, seed })) {
        const trial = await Trial.begin({ contenders: [contender], packets: [], protection, instants: [] });
        try {
          for (const step of steps) await trial.take(step);
          const expected = expectedMet((packet) => trial.verdict(packet));
          await expect
            .poll(() => traffic.met(), { interval: 50, timeout: 5000, message: trial.story })
            .toEqual(expected);
        } finally {
          trial.end();
        }
      }
    });
  },
);
