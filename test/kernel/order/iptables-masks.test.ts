import { expect, it } from 'vitest';
import { change } from '../../../src/backends/rule.fixture.ts';
import { clear, probed, show, variants } from '../iptables.fixture.ts';

it.each(variants)(
  'iptables-%s takes out the IPv6 network that was asked for and not a newer one that begins alike',
  async (variant) => {
    clear();
    const backend = await probed(variant);
    const [older, newer] = ['drop input any any 2001:db8::/64 any', 'drop input any any 2001:db8::/65 any'];
    await backend.apply(change({ add: [older, newer] }));
    await backend.apply(change({ remove: [older] }));
    expect(show(variant, 'INPUT', 6)).toEqual(['-A INPUT -s 2001:db8::/65 -j DROP']);
  },
);
