import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Rule, ruleKey } from '../domain/rule.ts';
import { Draft } from './draft.ts';
import { rule, spec } from './rules.fixture.ts';
import { RuleSet } from './ruleset.ts';

const a1 = rule(1, '10.0.0.1');
const b2 = rule(2, '10.0.0.2');

/** `delete 1, insert 2, update 3`: the numbers are those of the order. */
const mutations = (draft: Draft): string =>
  draft
    .mutations()
    .map((m) => `${m.kind} ${m.rule.seq}`)
    .join(', ');

/** `+2 -1 ~3` */
function change(draft: Draft): string {
  const { add, remove, refresh, renew } = draft.change();
  const removed = remove.map((gone) => `-${(gone as Rule).seq}`);
  return [
    ...add.map((r) => `+${r.seq}`),
    ...removed,
    ...refresh.map((r) => `~${r.seq}`),
    ...renew.map((r) => `@${r.seq}`),
  ].join(' ');
}

describe('Draft', () => {
  const draftOf = (...rules: Rule[]): Draft => new Draft(new RuleSet(rules));

  it('changes nothing when nothing was entered', () => {
    expect(draftOf(a1).change()).toEqual({ add: [], remove: [], refresh: [], renew: [] });
  });

  it('sees what it has changed and leaves the rule set as it is', () => {
    const rules = new RuleSet([a1]);
    const draft = new Draft(rules);
    draft.remove(a1);
    draft.set(b2);
    expect(draft.get(spec('10.0.0.1'))).toBeUndefined();
    expect(draft.get(spec('10.0.0.2'))).toBe(b2);
    expect([...rules.all()]).toEqual([a1]);
  });

  it('counts only the net effect', () => {
    const draft = draftOf(a1);
    draft.set(b2);
    draft.remove(b2);
    draft.set({ ...a1, expiresAt: 5 });
    draft.set(a1);
    expect(mutations(draft)).toBe('');
  });

  it('deletes first and then inserts, oldest first', () => {
    const draft = draftOf(a1, b2);
    draft.set(rule(5, '10.0.0.5'));
    draft.set(rule(4, '10.0.0.4'));
    draft.remove(b2);
    expect(mutations(draft)).toBe('delete 2, insert 4, insert 5');
    expect(change(draft)).toBe('+4 +5 -2');
  });

  it('takes a rule that left and came back out and puts it in anew', () => {
    const draft = draftOf(a1, b2);
    draft.touch(a1);
    draft.remove(a1);
    draft.set({ ...a1, seq: 3 });
    expect(mutations(draft)).toBe('delete 1, insert 3');
    expect(change(draft)).toBe('+3 -1');
  });

  it('refreshes a rule that was put again, with and without another expiry', () => {
    const draft = draftOf(a1, b2);
    draft.touch(a1);
    draft.touch(b2);
    draft.set({ ...b2, expiresAt: 7 });
    expect(mutations(draft)).toBe('update 2');
    expect(change(draft)).toBe('~1 @2');
    expect(draft.change().renew.map((renewed) => renewed.expiresAt)).toEqual([7]);
  });

  it('does not refresh what it has only just put, or takes out again', () => {
    const draft = draftOf(a1);
    draft.set(b2);
    draft.touch(b2);
    draft.touch(a1);
    draft.remove(a1);
    expect(change(draft)).toBe('+2 -1');
  });

  it('ends, committed, where the same steps end when they are taken one by one', () => {
    const step = fc.record({ host: fc.integer({ min: 1, max: 4 }), kind: fc.constantFrom('put', 'expiry', 'remove') });
    fc.assert(
      fc.property(fc.array(step), fc.nat(30), (steps, batch) => {
        const rules = new RuleSet();
        let draft = new Draft(rules);
        let list: Rule[] = [];
        for (const [index, { host, kind }] of steps.entries()) {
          const found = draft.get(spec(`10.0.0.${host}`));
          const fresh = found === undefined ? rule(index + 1, `10.0.0.${host}`) : { ...found, expiresAt: index };
          const others = list.filter((r) => ruleKey(r) !== ruleKey(fresh));
          if (kind === 'remove') {
            draft.remove(fresh);
            list = others;
          } else {
            draft.set(fresh);
            list = found === undefined ? [...list, fresh] : list.map((r) => (r.seq === fresh.seq ? fresh : r));
          }
          if (index % (batch + 1) === 0) {
            rules.commit(draft.mutations());
            draft = new Draft(rules);
          }
        }
        rules.commit(draft.mutations());
        expect([...rules.all()]).toEqual(list);
      }),
    );
  });
});
