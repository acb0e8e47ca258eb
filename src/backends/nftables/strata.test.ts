import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress, parsePrefix, rangeOf, rangesOverlap } from '../../domain/address.ts';
import { parseInterface } from '../../domain/interface.ts';
import { actions, type RuleSpec, ruleKey } from '../../domain/rule.ts';
import { matchesSpec } from '../memory.ts';
import { Strata, scopeKey, scopeOf } from './strata.ts';

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

/** Puts and removes as the engine does: a rule that is there again is not put twice. @returns newest last */
function play(sequence: readonly { spec: RuleSpec; remove: boolean }[]): Placed[] {
  const strata = new Strata();
  const placed = new Map<string, Placed>();
  for (const { spec, remove } of sequence) {
    const standing = placed.get(ruleKey(spec));
    if (remove && standing) {
      strata.remove(spec, standing.stratum);
      placed.delete(ruleKey(spec));
    } else if (!remove && !standing) {
      placed.set(ruleKey(spec), { spec, stratum: strata.place(spec) });
    }
  }
  return [...placed.values()];
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
    const rule = (action: RuleSpec['action'], source: string): RuleSpec => ({
      action,
      chain: 'input',
      in: parseInterface('any'),
      out: parseInterface('any'),
      source: parsePrefix(source),
      destination: 'any',
    });
    expect(strata.place(rule('drop', '10.0.0.0/8'))).toBe(0);
    expect(strata.place(rule('drop', '10.1.1.1'))).toBe(0);
    expect(strata.place(rule('accept', '10.2.2.2'))).toBe(1);
    expect(strata.place(rule('accept', '11.2.2.2'))).toBe(0);
    expect(strata.place(rule('reject', '10.0.0.0/9'))).toBe(2);
    strata.remove(rule('reject', '10.0.0.0/9'), 2);
    expect(strata.place(rule('reject', '10.2.2.2'))).toBe(2);
  });
});
