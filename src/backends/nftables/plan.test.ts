import { describe, expect, it } from 'vitest';
import type { Rule, RuleSpec } from '../../domain/rule.ts';
import type { Change } from '../backend.ts';
import { change, rule, spec } from '../rule.fixture.ts';
import { Mirror } from './mirror.ts';
import { type Count, type PlanOptions, plan, type Step } from './plan.ts';

const options: PlanOptions = { countAtMost: 10, destroys: true, rejectTcpWithReset: false, now: 0 };

const [one, two, three] = ['10.0.0.1/32', '10.0.0.2/32', '10.0.0.3/32'].map(
  (prefix) => `drop input any any ${prefix} any`,
) as [string, string, string];
const net = 'drop input any any 10.0.0.0/24 any';
const pair = 'accept forward any any 10.0.0.0/8 10.1.0.0/16';
const otherPair = 'accept forward any any 10.0.0.0/8 10.2.0.0/16';

/** What the kernel is told, one line each; what comes after the chains are written anew stands below them. */
function told({ before, chains, after }: Step): string[] {
  const operations = (messages: Step['before']): string[] => messages.map(({ operation }) => operation);
  return [...operations(before), ...[...chains].map((chain) => `write ${chain}`), ...operations(after)].map((line) =>
    line.replace(' inet rfw', ''),
  );
}

function take(mirror: Mirror, of: Parameters<typeof change>[0], more: Partial<PlanOptions> = {}): string[] {
  const step = plan(mirror, change(of), new Map(), { ...options, ...more });
  step.commit();
  // The kernel would say these.
  for (const [index, { id, chain }] of step.pairs.entries()) {
    for (const known of chain.pairs.values()) if (known.id === id) known.handles = [BigInt(100 + index)];
  }
  return told(step);
}

function standing(...rules: readonly string[]): Mirror {
  const mirror = Mirror.empty();
  take(mirror, { add: rules });
  return mirror;
}

describe('the kernel is told', () => {
  it('of a new set, what is in it, and to look it up', () => {
    expect(take(Mirror.empty(), { add: [one, two] })).toEqual([
      'add set input_drop_ip4_hosts_1',
      'add element input_drop_ip4_hosts_1',
      'write input',
    ]);
  });

  it('of an element alone where the set stands', () => {
    expect(take(standing(one), { add: [two] })).toEqual(['add element input_drop_ip4_hosts_1']);
    expect(take(standing(one, two), { remove: [one] })).toEqual(['destroy element input_drop_ip4_hosts_1']);
    expect(take(standing(one, two), { remove: [one] }, { destroys: false })).toEqual([
      'delete element input_drop_ip4_hosts_1',
    ]);
  });

  it('to take out a set with its last element, once nothing looks it up', () => {
    expect(take(standing(one, net), { remove: [one] })).toEqual(['write input', 'delete set input_drop_ip4_hosts_1']);
  });

  it('to keep the set in which one takes the place of the other', () => {
    expect(take(standing(one), { remove: [one], add: [two] })).toEqual([
      'destroy element input_drop_ip4_hosts_1',
      'add element input_drop_ip4_hosts_1',
    ]);
  });

  it('of a set of its own for each action, family, interface and kind, and for each stratum', () => {
    const rules = [
      one,
      net,
      'accept input any any 10.0.0.1/32 any',
      'drop input eth0 any 10.0.0.9/32 any',
      'drop input any any ::1/128 any',
      one.replace('drop', 'reject'),
    ];
    const sets = take(Mirror.empty(), { add: rules }).filter((line) => line.startsWith('add set'));
    expect(sets).toEqual([
      'add set input_drop_ip4_hosts_1',
      'add set input_drop_ip4_nets_2',
      'add set input_accept_ip4_hosts_3',
      'add set input_drop_ip4_hosts_4',
      'add set input_drop_ip6_hosts_5',
      'add set input_reject_ip4_hosts_6',
    ]);
    expect(take(standing(net), { add: ['drop input any any 10.0.0.0/25 any'] })).toContain(
      'add set input_drop_ip4_nets_2',
    );
  });

  it('of pairs as rules of a chain that forward jumps to', () => {
    expect(take(Mirror.empty(), { add: [pair] })).toEqual([
      'add chain forward_pairs_1',
      'add rule forward_pairs_1',
      'write forward',
    ]);
    expect(take(standing(pair), { add: [otherPair] })).toEqual(['add rule forward_pairs_1']);
    expect(take(standing(pair, otherPair), { remove: [otherPair] })).toEqual([
      'delete rule forward_pairs_1 handle 101',
    ]);
    expect(take(standing(pair), { remove: [pair] })).toEqual([
      'write forward',
      'flush chain forward_pairs_1',
      'delete chain forward_pairs_1',
    ]);
    expect(take(Mirror.empty(), { add: [pair.replace('accept', 'reject')] }, { rejectTcpWithReset: true })).toEqual([
      'add chain forward_pairs_1',
      'add rule forward_pairs_1',
      'add rule forward_pairs_1',
      'write forward',
    ]);
  });

  it('to take out what gets another time, and to put it in again with what it has met', () => {
    const mirror = standing(one, two);
    const renew = [one, two].map((text) => ({ ...rule(text), expiresAt: 1 }));
    const step: Change = { ...change({}), renew };
    const counts = new Map<Rule, Count>([[renew[0] as Rule, { packets: 1n, bytes: 2n }]]);
    // The second has met nothing that is known of.
    expect(told(plan(mirror, step, counts, options))).toEqual([
      'destroy element input_drop_ip4_hosts_1',
      'add element input_drop_ip4_hosts_1',
      'add element input_drop_ip4_hosts_1',
    ]);
  });

  it('nothing of elements that have left by themselves, and nothing of rules that are put as they are', () => {
    const mirror = standing(one, two, pair);
    const remove: RuleSpec[] = [spec(one)];
    const step = plan(mirror, { ...change({ refresh: [two, pair] }), remove }, new Map(), options, new Set(remove));
    expect(told(step)).toEqual([]);
    expect(mirror.has(spec(one))).toBe(false);
  });
});

describe('a step', () => {
  it.each([
    ['puts what is there', { add: [two, one] }, `Rule exists: ${one}`],
    ['puts one twice', { add: [two, two] }, `Rule exists: ${two}`],
    ['takes out what is not there', { add: [two], remove: [one, three] }, `No such rule: ${three}`],
    ['refreshes what is not there', { add: [two], remove: [one], refresh: [three] }, `No such rule: ${three}`],
    ['gives more time to what is not there', { remove: [one, pair], renew: [three] }, `No such rule: ${three}`],
  ])('that %s is refused and leaves the mirror as it was', (_, of, message) => {
    const mirror = standing(one, pair);
    const before = [one, pair].map((text) => mirror.orderOf(spec(text)));
    expect(() => plan(mirror, change(of), new Map(), options)).toThrow(message);
    expect([one, pair].map((text) => mirror.orderOf(spec(text)))).toEqual(before);
    expect(mirror.size).toBe(2);
    expect([...mirror.sets.all()].map(({ name, count }) => `${name} ${count}`)).toEqual(['input_drop_ip4_hosts_1 1']);
  });

  it('that the kernel refuses is undone, and can be taken again', () => {
    const mirror = standing(one, net, pair);
    const step = change({ remove: [one, pair], add: [two, otherPair, 'accept input any any 10.0.0.1/32 any'] });
    const refused = plan(mirror, step, new Map(), options);
    const first = told(refused);
    refused.undo();
    expect(mirror.size).toBe(3);
    expect([one, net, pair].every((text) => mirror.has(spec(text)))).toBe(true);
    // But for the numbers in names, which are never used twice.
    const names = (lines: readonly string[]): string[] => lines.map((line) => line.replace(/_\d+$/, ''));
    expect(names(told(plan(mirror, step, new Map(), options)))).toEqual(names(first));
  });

  it('can not take out a pair whose handle nobody knows', () => {
    const mirror = Mirror.empty();
    plan(mirror, change({ add: [pair, otherPair] }), new Map(), options).commit();
    expect(() => plan(mirror, change({ remove: [pair] }), new Map(), options)).toThrow(
      `Nobody knows the handle of ${pair}`,
    );
    expect(mirror.size).toBe(2);
  });
});
