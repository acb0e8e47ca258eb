import { beforeEach, describe, expect, it } from 'vitest';
import { change, desired, guard, spec } from '../../src/backends/rule.fixture.ts';
import { clear, iptables, multi, probed, show, variants } from './iptables.fixture.ts';

const rules = [
  'drop input any any 10.0.0.1/32 any',
  'reject output any eth0 any 192.0.2.0/24',
  'drop input any any 2001:db8::/64 any',
];
const port = guard(7393, '10.9.0.0/16', '2001:db8:9::/48');

describe.each(variants)('iptables-%s', (variant) => {
  beforeEach(() => {
    clear();
    iptables(variant, '-A INPUT -s 10.0.0.9/32 -j DROP');
  });

  it('takes out what is named, in both families, and says how much that was', async () => {
    const filled = await probed(variant);
    await filled.replace(desired({ rules: rules.slice(0, 2), guard: port }));
    await filled.apply(change({ add: rules.slice(2) }));
    // As a process that has put in nothing itself.
    const backend = await probed(variant);
    const leftovers = { rules: [...rules, 'drop input any any 10.0.0.8/32 any'].map(spec), guards: [port] };
    expect(await backend.teardown(leftovers)).toEqual(['3 rules from the filter table', 'the guard of port 7393']);
    expect([...show(variant), ...show(variant, '', 6)]).toEqual(['-A INPUT -s 10.0.0.9/32 -j DROP']);
    expect(await backend.teardown(leftovers)).toEqual([]);
    expect([...show(variant), ...show(variant, '', 6)]).toEqual(['-A INPUT -s 10.0.0.9/32 -j DROP']);
  });

  it('leaves a rule of somebody else that is like one of its own', async () => {
    const backend = await probed(variant);
    const alike = 'drop input any any 10.0.0.9/32 any';
    await backend.apply(change({ add: [alike] }));
    expect(show(variant)).toHaveLength(2);
    expect(await backend.teardown({ rules: [spec(alike)], guards: [] })).toEqual(['1 rule from the filter table']);
    expect(show(variant)).toEqual(['-A INPUT -s 10.0.0.9/32 -j DROP']);
  });

  it('puts in no guard any more after that', async () => {
    const backend = await probed(variant);
    await backend.replace(desired({ guard: port }));
    await backend.teardown({ rules: [], guards: [port] });
    await backend.apply(change({ add: ['drop input any any 10.0.0.8/32 any'] }));
    expect(show(variant)[0]).toBe('-A INPUT -s 10.0.0.8/32 -j DROP');
  });

  it('says which of the two packet filters it changes, and by which program, whatever that is called', async () => {
    const place = { variant: variant === 'nft' ? 'nf_tables' : 'legacy', path: multi(variant) };
    expect((await probed(variant)).place).toEqual(place);
    expect((await probed(variant, multi(variant))).place).toEqual(place);
  });
});
