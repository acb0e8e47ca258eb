import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePrefix } from '../domain/address.ts';
import { type Rule, ruleKey } from '../domain/rule.ts';
import { Draft } from './draft.ts';
import { rule, spec } from './rules.fixture.ts';
import { RuleSet } from './ruleset.ts';
import type { Mutation } from './store/store.ts';

const a1 = rule(1, '10.0.0.1');
const b2 = rule(2, '10.0.0.2');
const c3 = rule(3, '10.0.0.3');

describe('RuleSet', () => {
  it('keeps the order in which rules were put', () => {
    expect([...new RuleSet([a1, b2, c3]).all()]).toEqual([a1, b2, c3]);
  });

  it('keeps a rule in its place when it gets another expiry', () => {
    const rules = new RuleSet([a1, b2]);
    const draft = new Draft(rules);
    draft.set({ ...a1, expiresAt: 9 });
    rules.commit(draft.mutations());
    expect([...rules.all()]).toEqual([{ ...a1, expiresAt: 9 }, b2]);
  });

  it('puts a rule that left and came back last', () => {
    const rules = new RuleSet([a1, b2]);
    const draft = new Draft(rules);
    draft.remove(a1);
    draft.set({ ...a1, seq: 3 });
    rules.commit(draft.mutations());
    expect([...rules.all()]).toEqual([b2, { ...a1, seq: 3 }]);
  });

  it('counts the rules of each action and chain', () => {
    const accept = rule(4, 'accept output any eth0 any 10.0.0.0/8');
    const rules = new RuleSet([a1, b2, rule(3, 'drop input eth0 any 2001:db8::1 any'), accept]);
    const draft = new Draft(rules);
    draft.remove(b2);
    rules.commit(draft.mutations());
    const counts = rules.counts().map(({ chain, action, rules }) => `${chain} ${action} ${rules}`);
    expect(counts).toHaveLength(9);
    expect(counts.filter((text) => !text.endsWith(' 0'))).toEqual(['input drop 2', 'output accept 1']);
  });

  it('moves every expiry but leaves permanent rules permanent', () => {
    const rules = new RuleSet([a1, rule(2, '10.0.0.2', 5000)]);
    rules.moveExpiries(-1500);
    expect([...rules.all()]).toEqual([a1, rule(2, '10.0.0.2', 3500)]);
  });

  it('gives a rule by its tuple and by its place in the order', () => {
    const rules = new RuleSet([a1, c3]);
    expect([rules.get(spec('10.0.0.1')), rules.get(spec('10.0.0.2'))]).toEqual([a1, undefined]);
    expect([0, 1, 2, 3, 4].map((seq) => rules.at(seq))).toEqual([undefined, a1, undefined, c3, undefined]);
  });

  it('gives out newest first what stands when its turn comes, while rules come and go', () => {
    const many = Array.from({ length: 25_000 }, (_, index) => rule(index + 1, `10.${index >> 8}.${index & 255}.1`));
    const rules = new RuleSet(many);
    const seen: number[] = [];
    for (const { seq } of rules.newestFirst()) {
      seen.push(seq);
      // The table is closed up on the way: most rows have gone by then.
      if (seq === 20_000) rules.commit(many.slice(0, 19_990).map((gone) => ({ kind: 'delete', rule: gone })));
      if (seq === 19_995) rules.commit([{ kind: 'insert', rule: rule(30_000, '192.0.2.1') }]);
    }
    expect(seen).toEqual([...Array.from({ length: 5010 }, (_, index) => 25_000 - index)]);
  });

  it('is what a list is, whatever comes and goes, and whoever goes on with it', () => {
    const address = fc.oneof(
      fc.integer({ min: 0, max: 9 }).map((host) => `10.0.0.${host}/32`),
      fc.integer({ min: 0, max: 9 }).map((host) => `2001:db8::${host}/128`),
      fc.constantFrom('10.0.0.0/24', '2001:db8::/64'),
    );
    const step = fc.record({
      address,
      action: fc.constantFrom('drop', 'accept'),
      kind: fc.constantFrom('insert', 'delete', 'expiry', 'hand on', 'move'),
      expiresAt: fc.option(fc.integer({ min: 1, max: 100 })),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let rules = new RuleSet();
        let list: Rule[] = [];
        for (const [index, { address, action, kind, expiresAt }] of steps.entries()) {
          const fresh: Rule = {
            ...rule(index + 1, `${action} input any any ${address} any`, expiresAt),
            origin: `${index % 3}`,
            comment: kind,
          };
          const found = list.find((r) => ruleKey(r) === ruleKey(fresh));
          const mutations: Mutation[] = [];
          if (kind === 'hand on') {
            rules = RuleSet.from(structuredClone(rules.state()));
          } else if (kind === 'move') {
            rules.moveExpiries(5);
            list = list.map((r) => (r.expiresAt === null ? r : { ...r, expiresAt: r.expiresAt + 5 }));
          } else if (found === undefined) {
            if (kind !== 'insert') continue;
            mutations.push({ kind, rule: fresh });
            list = [...list, fresh];
          } else if (kind === 'delete') {
            mutations.push({ kind, rule: found });
            list = list.filter((r) => r !== found);
          } else {
            mutations.push({ kind: 'update', rule: { ...found, expiresAt } });
            list = list.map((r) => (r === found ? { ...r, expiresAt } : r));
          }
          rules.commit(mutations);
          expect([...rules.all()]).toEqual(list);
        }
        expect([...rules.newestFirst()]).toEqual(list.toReversed());
        expect(rules.size).toBe(list.length);
        const expiries: [number, number][] = [];
        rules.eachExpiry((at, seq) => expiries.push([seq, at]));
        expect(expiries).toEqual(list.flatMap((r) => (r.expiresAt === null ? [] : [[r.seq, r.expiresAt]])));
      }),
    );
  });

  it('reads the rules that it gives out as the parsers do', () => {
    const [only] = new RuleSet([rule(1, 'accept forward ppp+ eth0 1.2.3.0/24 5.5.5.5')]).all();
    expect(only).toMatchObject({ source: parsePrefix('1.2.3.0/24'), destination: parsePrefix('5.5.5.5') });
  });
});
