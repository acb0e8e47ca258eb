import fc from 'fast-check';
import { afterAll, describe, it } from 'vitest';
import type { Packet } from '../../../src/backends/memory.ts';
import { spec } from '../../../src/backends/rule.fixture.ts';
import { type Family, parseAddress } from '../../../src/domain/address.ts';
import { actions, type RuleSpec } from '../../../src/domain/rule.ts';
import { plain } from '../nftables.fixture.ts';
import { nftables } from './contenders.fixture.ts';
import { type Expiry, type Op, Trial } from './trial.fixture.ts';
import { withoutProtection } from './universe.fixture.ts';

/** Stacks of rules that stand side by side, each in a network of its own, so that all of them wait at the same time. */
const count = 50;

/** Seconds from the start after which some rules end. */
const soon = 4;

const seed = Date.now() % 1_000_000_007;

/** A rule of a stack; `bits` of 4 are the whole network, of 8 its first host. */
interface Layer {
  readonly action: RuleSpec['action'];
  readonly bits: number;
  readonly expiry: Expiry;
}

const stack: fc.Arbitrary<Layer[]> = fc.array(
  fc.record({
    action: fc.constantFrom(...actions),
    bits: fc.constantFrom(4, 6, 7, 8),
    expiry: fc.constantFrom(null, soon, soon, 3600),
  }),
  { minLength: 2, maxLength: 6 },
);

/** A network of 16 addresses. */
class Plot {
  readonly #family: Family;
  readonly #base: string;
  readonly layers: readonly Layer[];

  constructor(index: number, layers: readonly Layer[]) {
    this.#family = index % 2 === 0 ? 4 : 6;
    this.#base = this.#family === 4 ? `10.77.${index}.` : `fd77:${index}::`;
    this.layers = layers;
  }

  put({ action, bits, expiry }: Layer): Op {
    const length = (this.#family === 4 ? 24 : 120) + bits;
    return { kind: 'put', spec: spec(`${action} input any any ${this.#base}0/${length} any`), expiry };
  }

  packets(): Packet[] {
    const destination = parseAddress(this.#family === 4 ? '192.0.2.1' : 'fd78::1');
    // Inside and outside of a prefix of each length.
    return ['0', '1', '2', '3', '4'].map((last) => {
      return { chain: 'input', in: 'eth0', out: '', source: parseAddress(`${this.#base}${last}`), destination };
    });
  }
}

const plots = fc.sample(stack, { numRuns: count, seed }).map((layers, index) => new Plot(index, layers));
const contender = nftables(plain);
const depth = Math.max(...plots.map(({ layers }) => layers.length));

afterAll(() => contender.clear());

describe(`without anybody there to take out what ends (seed ${seed})`, () => {
  it('the kernel lets the older rules decide again, and takes new ones on top of that', async () => {
    const packets = plots.flatMap((plot) => plot.packets());
    const trial = await Trial.begin({ contenders: [contender], packets, protection: withoutProtection, instants: [] });
    try {
      for (let level = 0; level < depth; level++) {
        const ops = plots.flatMap((plot) => plot.layers.slice(level, level + 1).map((layer) => plot.put(layer)));
        await trial.take({ kind: 'batch', ops });
      }
      await trial.compare();
      await trial.outlast(soon, 60);
      // What ended in the kernel is taken out late, or put again, by then as a new rule, in the same change as others.
      const again = plots.filter((_, index) => index % 3 === 0);
      const ops = again.flatMap((plot) => plot.layers.map((layer) => plot.put({ ...layer, expiry: null })));
      await trial.take({ kind: 'batch', ops });
      await trial.take({ kind: 'expire', until: soon });
      await trial.compare();
    } finally {
      trial.end();
    }
  }, 120_000);
});
