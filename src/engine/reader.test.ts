import { describe, expect, it } from 'vitest';
import type { RuleState } from '../backends/backend.ts';
import { MemoryBackend } from '../backends/memory.ts';
import { RfwError } from '../domain/errors.ts';
import type { RuleSpec } from '../domain/rule.ts';
import { Lists } from './lists.ts';
import { Reader } from './reader.ts';
import { rule, spec, whitelist } from './rules.fixture.ts';
import { RuleSet } from './ruleset.ts';

/** Says of every rule that it is asked for that it has met 7 packets. */
class Counting extends MemoryBackend {
  override readonly marksItsOwn: boolean;
  /** How many rules it was asked for, each time. */
  readonly asked: number[] = [];
  isDeaf = false;

  constructor(marksItsOwn: boolean) {
    super();
    this.marksItsOwn = marksItsOwn;
  }

  override async *read(standing: Iterable<RuleSpec>): AsyncGenerator<readonly RuleState[]> {
    const wanted = [...standing];
    this.asked.push(wanted.length);
    if (this.isDeaf) throw new RfwError('kernel-unavailable', 'the kernel is deaf');
    yield wanted.map((each, index) => ({ spec: each, position: index + 1, packets: 7n, bytes: 420n }));
  }
}

function setUp(marksItsOwn: boolean): { readonly backend: Counting; readonly reader: Reader } {
  const backend = new Counting(marksItsOwn);
  const rules = new RuleSet(Array.from({ length: 20 }, (_, index) => rule(index + 1, `10.0.0.${index + 1}`)));
  const protection = { whitelist: whitelist('192.0.2.1'), guard: null };
  return { backend, reader: new Reader(backend, { rules, lists: Lists.none, protection }) };
}

const page = { filter: {}, limit: 3 };
const met = { packets: 7n, bytes: 420n };

describe('the reader', () => {
  it('asks the kernel for the rules of the page and no others', async () => {
    const { backend, reader } = setUp(true);
    const { rules } = await reader.find(page, true);
    expect(rules).toEqual([20, 19, 18].map((last) => ({ rule: rule(last, `10.0.0.${last}`), counters: met })));
    expect(await reader.rule(spec('10.0.0.4'))).toEqual({ rule: rule(4, '10.0.0.4'), counters: met });
    expect(backend.asked).toEqual([3, 1]);
  });

  it('asks the kernel for nothing where there is nothing to ask for', async () => {
    const { backend, reader } = setUp(true);
    expect((await reader.find(page, false)).rules.map(({ counters }) => counters)).toEqual(Array(3).fill(undefined));
    expect((await reader.find({ ...page, filter: { origin: 'nobody' } }, true)).rules).toEqual([]);
    expect(await reader.rule(spec('10.0.1.4'))).toBeUndefined();
    expect(backend.asked).toEqual([]);
  });

  it('has many share a reading where the kernel can only be read as a whole', async () => {
    const { backend, reader } = setUp(false);
    const pages = await Promise.all(Array.from({ length: 10 }, () => reader.find(page, true)));
    expect(backend.asked).toEqual([20, 20]);
    for (const { rules } of pages) expect(rules.map(({ counters }) => counters)).toEqual(Array(3).fill(met));
  });

  it.each([true, false])(
    'answers without counters while the kernel can not be asked (marks its own: %s)',
    async (own) => {
      const { backend, reader } = setUp(own);
      backend.isDeaf = true;
      expect((await reader.find(page, true)).rules).toEqual(
        [20, 19, 18].map((last) => ({ rule: rule(last, `10.0.0.${last}`), counters: undefined })),
      );
    },
  );
});
