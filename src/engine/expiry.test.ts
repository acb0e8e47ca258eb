import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Rule } from '../domain/rule.ts';
import { ExpiryQueue } from './expiry.ts';
import { rule } from './rules.fixture.ts';
import { RuleSet } from './ruleset.ts';

const soonestFirst = (rules: readonly Rule[]): Rule[] =>
  rules.toSorted((a, b) => (a.expiresAt ?? 0) - (b.expiresAt ?? 0));

const instants = (rules: readonly Rule[]): (number | null)[] => rules.map((taken) => taken.expiresAt);

/** Rules as a queue is built from them. */
const expiring = (...rules: readonly Rule[]) => new RuleSet(rules);

describe('ExpiryQueue', () => {
  it('is empty at first', () => {
    const queue = new ExpiryQueue();
    expect(queue.next).toBeUndefined();
    expect(queue.takeDue(Number.MAX_SAFE_INTEGER)).toEqual([]);
  });

  it('leaves out rules that never expire', () => {
    const queue = new ExpiryQueue();
    queue.add(rule(1, '10.0.0.1'));
    queue.rebuild(expiring(rule(2, '10.0.0.2')));
    expect(queue.size).toBe(0);
  });

  it('gives a rule out at its instant, not before, and once', () => {
    const queue = new ExpiryQueue();
    const timed = rule(1, '10.0.0.1', 5000);
    queue.add(timed);
    expect(queue.takeDue(4999)).toEqual([]);
    expect(queue.takeDue(5000)).toEqual([timed.seq]);
    expect(queue.takeDue(5000)).toEqual([]);
  });

  it('gives out no more than it is asked for, soonest first', () => {
    const queue = new ExpiryQueue();
    for (const [seq, at] of [30, 10, 20].entries()) queue.add(rule(seq, '10.0.0.1', at));
    expect(queue.takeDue(100, 2)).toEqual([1, 2]);
    expect(queue.takeDue(100, 2)).toEqual([0]);
  });

  it('forgets what it had when it is built anew', () => {
    const queue = new ExpiryQueue();
    queue.add(rule(1, '10.0.0.1', 1));
    queue.rebuild(expiring(rule(2, '10.0.0.2', 2)));
    expect(queue.takeDue(10)).toEqual([2]);
  });

  it('does what a sorted list does', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), at: fc.option(fc.integer({ min: 0, max: 50 })) }),
      fc.record({ kind: fc.constant('take' as const), at: fc.integer({ min: 0, max: 50 }) }),
      fc.record({ kind: fc.constant('rebuild' as const), at: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const queue = new ExpiryQueue();
        let list: Rule[] = [];
        for (const [seq, { kind, at }] of steps.entries()) {
          if (kind === 'add') {
            queue.add(rule(seq, '10.0.0.1', at));
            if (at !== null) list = soonestFirst([...list, rule(seq, '10.0.0.1', at)]);
          } else if (kind === 'take') {
            const due = queue.takeDue(at ?? 0);
            const taken = due.flatMap((seq) => list.find((timed) => timed.seq === seq) ?? []);
            expect(instants(taken)).toEqual(instants(list.filter((timed) => (timed.expiresAt ?? 0) <= (at ?? 0))));
            list = list.filter((timed) => (timed.expiresAt ?? 0) > (at ?? 0));
          } else {
            const last = list.toReversed();
            queue.rebuild({
              eachExpiry: (visit) => last.forEach(({ expiresAt, seq }) => void visit(expiresAt ?? 0, seq)),
            });
          }
          expect(queue.next).toBe(list[0]?.expiresAt ?? undefined);
          expect(queue.size).toBe(list.length);
        }
        const rest = queue.takeDue(50);
        expect(rest.toSorted()).toEqual(list.map((timed) => timed.seq).toSorted());
      }),
    );
  });
});
