import { deserialize, serialize } from 'node:v8';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress, parsePrefix, rangeOf, rangesOverlap } from '../../domain/address.ts';
import { parseInterface } from '../../domain/interface.ts';
import { actions, type RuleSpec, ruleKey } from '../../domain/rule.ts';
import { matchesSpec } from '../memory.ts';
import { Strata, scopeKey, scopeOf, TooDeep } from './strata.ts';

const sources = ['10.0.0.0/30', '10.0.0.0/31', '10.0.0.2/31', '10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3'];
const interfaces = ['any', 'eth0', 'eth+'];
const packets = ['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'];

const inputRule = fc
  .record({
    action: fc.constantFrom(...actions),
    iface: fc.constantFrom(...interfaces),
    source: fc.constantFrom(...sources),
  })
  .map(
    ({ action, iface, source }): RuleSpec => ({
      action,
      chain: 'input',
      in: parseInterface(iface),
      out: parseInterface('any'),
      source: parsePrefix(source),
      destination: 'any',
    }),
  );

const forwardRule = fc
  .record({
    action: fc.constantFrom(...actions),
    iface: fc.constantFrom(...interfaces),
    source: fc.constantFrom('any', ...sources),
    destination: fc.constantFrom('any', ...sources),
  })
  .filter(({ source, destination }) => source !== 'any' || destination !== 'any')
  .map(
    ({ action, iface, source, destination }): RuleSpec => ({
      action,
      chain: 'forward',
      in: parseInterface(iface),
      out: parseInterface('any'),
      source: source === 'any' ? 'any' : parsePrefix(source),
      destination: destination === 'any' ? 'any' : parsePrefix(destination),
    }),
  );

const steps = fc.array(fc.record({ spec: fc.oneof(inputRule, forwardRule), remove: fc.boolean() }), { maxLength: 40 });

interface Placed {
  readonly spec: RuleSpec;
  readonly stratum: number;
}

/**
 * Puts and removes as the engine does: a rule that is there again is not put twice.
 * @param standing what is in the strata already
 * @returns newest last
 */
function play(
  sequence: readonly { spec: RuleSpec; remove: boolean }[],
  strata = new Strata(),
  standing: readonly Placed[] = [],
): Placed[] {
  const placed = new Map(standing.map((one) => [ruleKey(one.spec), one]));
  for (const { spec, remove } of sequence) {
    const known = placed.get(ruleKey(spec));
    if (remove && known) {
      strata.remove(spec, known.stratum);
      placed.delete(ruleKey(spec));
    } else if (!remove && !known) {
      placed.set(ruleKey(spec), { spec, stratum: strata.place(spec) });
    }
  }
  return [...placed.values()];
}

function rule(action: RuleSpec['action'], source: string): RuleSpec {
  return {
    action,
    chain: 'input',
    in: parseInterface('any'),
    out: parseInterface('any'),
    source: parsePrefix(source),
    destination: 'any',
  };
}

describe('Strata', () => {
  it('let the newest matching rule decide every packet, whichever of a stratum is looked at first', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const placed = play(sequence);
        for (const chain of ['input', 'forward'] as const) {
          for (const source of packets) {
            for (const destination of packets) {
              for (const iface of ['eth0', 'eth1', 'lo']) {
                const packet = {
                  chain,
                  in: iface,
                  out: 'x',
                  source: parseAddress(source),
                  destination: parseAddress(destination),
                };
                const matching = placed.filter(({ spec }) => spec.chain === chain && matchesSpec(spec, packet));
                const newest = matching.at(-1);
                const highest = Math.max(...matching.map(({ stratum }) => stratum));
                for (const { spec } of matching.filter(({ stratum }) => stratum === highest)) {
                  expect(spec.action).toBe(newest?.spec.action);
                }
              }
            }
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it('are the same where rules are compared only once one comes with another action', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.boolean(), fc.boolean(), async (sequence, prepares, handsOn) => {
        const eager = new Strata();
        const standing = new Map<string, Placed>();
        let lazy = new Strata(() => standing.values());
        for (const { spec, remove } of sequence) {
          const known = standing.get(ruleKey(spec));
          if (remove && known) {
            eager.remove(spec, known.stratum);
            lazy.remove(spec, known.stratum);
            standing.delete(ruleKey(spec));
          } else if (!remove && !known) {
            if (prepares) await lazy.prepare([spec], async () => {});
            const stratum = lazy.place(spec);
            expect(stratum).toBe(eager.place(spec));
            standing.set(ruleKey(spec), { spec, stratum });
          }
          if (handsOn) lazy = Strata.from(structuredClone(lazy.state()), () => standing.values());
        }
      }),
      { numRuns: 200 },
    );
  });

  it('never let two elements of one interval set overlap', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const sets = new Map<string, Placed[]>();
        for (const one of play(sequence)) {
          const scoped = scopeOf(one.spec);
          if (scoped?.scope.kind !== 'network') continue;
          const key = `${scopeKey(scoped.scope)} ${one.stratum}`;
          for (const other of sets.get(key) ?? []) {
            const prefix = scopeOf(other.spec)?.prefix;
            expect(prefix && rangesOverlap(rangeOf(prefix), rangeOf(scoped.prefix))).toBe(false);
          }
          sets.set(key, [...(sets.get(key) ?? []), one]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('need one stratum for rules of one action, and two for an exception', () => {
    const strata = new Strata();
    expect(strata.place(rule('drop', '10.0.0.0/8'))).toBe(0);
    expect(strata.place(rule('drop', '10.1.1.1'))).toBe(0);
    expect(strata.place(rule('accept', '10.2.2.2'))).toBe(1);
    expect(strata.place(rule('accept', '11.2.2.2'))).toBe(0);
    expect(strata.place(rule('reject', '10.0.0.0/9'))).toBe(2);
    strata.remove(rule('reject', '10.0.0.0/9'), 2);
    expect(strata.place(rule('reject', '10.2.2.2'))).toBe(2);
  });

  it('never run out while rules only come and go, when they are renumbered now and then', () => {
    const strata = new Strata();
    let standing = { spec: rule('drop', '10.1.1.1'), stratum: strata.place(rule('drop', '10.1.1.1')) };
    let relabelled = 0;
    for (let time = 1; time <= 100_000; time++) {
      const spec = rule(time % 2 === 0 ? 'drop' : 'accept', '10.1.1.1');
      const place = (): number => {
        try {
          return strata.place(spec);
        } catch (error) {
          if (!(error instanceof TooDeep)) throw error;
          strata.relabel([standing.stratum]);
          standing = { ...standing, stratum: 0 };
          relabelled++;
          return strata.place(spec);
        }
      };
      const stratum = place();
      if (stratum <= standing.stratum)
        throw new Error(`The newer rule is in ${stratum}, not above ${standing.stratum}`);
      strata.remove(standing.spec, standing.stratum);
      standing = { spec, stratum };
    }
    expect(relabelled).toBe(3);
  });

  it('refuse a rule when more are stacked than there are strata, and place nothing', () => {
    const strata = new Strata();
    const stacked = (index: number): RuleSpec => ({
      ...rule(index % 2 === 0 ? 'drop' : 'accept', '10.1.1.1'),
      in: parseInterface(`eth${index}`),
    });
    for (let index = 0; index <= 32_000; index++) strata.place(stacked(index));
    const refusal = expect.objectContaining({
      code: 'unsupported',
      message: 'More than 32000 rules are stacked on each other here: delete some of them',
    });
    expect(() => strata.place(stacked(32_001))).toThrow(refusal);
    strata.relabel(Array.from({ length: 32_001 }, (_, stratum) => stratum));
    expect(() => strata.place(stacked(32_001))).toThrow(refusal);
    strata.remove(stacked(32_000), 32_000);
    expect(strata.place(stacked(32_000))).toBe(32_000);
  });

  it('keep the order of rules when they are renumbered or taken over by another process', () => {
    fc.assert(
      fc.property(steps, steps, fc.integer({ min: 1, max: 800 }), (before, after, gap) => {
        const literal = new Strata();
        const placed = play(before, literal);
        // Strata that came and went leave such gaps.
        const gappy = new Strata();
        for (const { spec, stratum } of placed) gappy.putBack(spec, stratum * gap);
        const again = Strata.from(deserialize(serialize(gappy.state())));
        const inUse = [...new Set(placed.map(({ stratum }) => stratum))].sort((a, b) => a - b);
        again.relabel(inUse.map((stratum) => stratum * gap));
        literal.relabel(inUse);
        const dense = placed.map(({ spec, stratum }) => ({ spec, stratum: inUse.indexOf(stratum) }));
        expect(play(after, again, dense)).toEqual(play(after, literal, dense));
      }),
      { numRuns: 150 },
    );
  });
});
