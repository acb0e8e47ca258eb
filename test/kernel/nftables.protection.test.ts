import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NftablesBackend, NftablesOptions } from '../../src/backends/nftables/nftables.ts';
import { change, desired, guard } from '../../src/backends/rule.fixture.ts';
import { execute } from './iptables.fixture.ts';
import { connection, datagrams } from './loopback.fixture.ts';
import { clearTables, closeAll, probed } from './nftables.fixture.ts';

const port = 7393;
const given = guard(port, '127.0.0.1', '127.0.2.0/24', '::1');

let backend: NftablesBackend;

beforeEach(async () => {
  closeAll();
  clearTables();
  backend = await probed();
});

afterEach(() => {
  closeAll();
  clearTables();
});

/** The rules of a chain as nft prints them, without what was counted. */
function chain(name: string): string[] {
  const lines = execute('nft', ['list', 'chain', 'inet', 'rfw', name]).split('\n');
  return lines.map((line) => line.trim()).filter((line) => /^(ip6?|tcp|iif|meta|drop|jump) ?/.test(line));
}

const tcp = async (source: string, destination: string, to = 0): Promise<string> =>
  (await connection(source, destination, to)).met;

it('a chain goes through the guard, the whitelist, and the strata from the highest to the lowest', async () => {
  await backend.replace(
    desired({
      rules: [
        'drop input any any 10.0.0.0/8 any',
        'accept input eth0 any 10.1.0.0/16 any',
        'reject input any any 10.1.1.1/32 any',
        'accept output any any any 2001:db8::1/128',
        'drop forward any any 10.0.0.0/8 any',
        'accept forward any any 10.1.0.0/16 10.2.0.0/16',
      ],
      guard: given,
      whitelist: ['192.0.2.0/24', '2001:db8:9::/48'],
    }),
  );
  expect(chain('input')).toEqual([
    `tcp dport ${port} jump guard_input`,
    'ip saddr 192.0.2.0/24 return',
    'ip6 saddr 2001:db8:9::/48 return',
    expect.stringMatching(/^ip saddr @input_reject_ip4_hosts_\d+ counter name "input_reject" reject$/),
    expect.stringMatching(/^iifname "eth0" ip saddr @input_accept_ip4_nets_\d+ counter name "input_accept" accept$/),
    expect.stringMatching(/^ip saddr @input_drop_ip4_nets_\d+ counter name "input_drop" drop$/),
  ]);
  expect(chain('guard_input')).toEqual(['ip saddr @guard_ip4 accept', 'ip6 saddr @guard_ip6 accept', 'drop']);
  expect(chain('output')).toEqual([
    `tcp sport ${port} jump guard_output`,
    'ip daddr 192.0.2.0/24 return',
    'ip6 daddr 2001:db8:9::/48 return',
    expect.stringMatching(/^ip6 daddr @output_accept_ip6_hosts_\d+ counter name "output_accept" accept$/),
  ]);
  expect(chain('forward')).toEqual([
    'ip saddr @whitelist_ip4 ip daddr @whitelist_ip4 return',
    'ip6 saddr @whitelist_ip6 ip6 daddr @whitelist_ip6 return',
    expect.stringMatching(/^jump forward_pairs_\d+$/),
    expect.stringMatching(/^ip saddr @forward_drop_ip4_nets_\d+ counter name "forward_drop" drop$/),
  ]);
});

it('a whitelist of more than four prefixes of a family is looked up in its set', async () => {
  const many = [1, 2, 3, 4, 5].map((third) => `192.0.${2 * third}.0/24`);
  await backend.replace(
    desired({ rules: ['drop input any any 10.0.0.0/8 any'], whitelist: [...many, '2001:db8::/32'] }),
  );
  expect(chain('input').slice(0, 2)).toEqual(['ip saddr @whitelist_ip4 return', 'ip6 saddr 2001:db8::/32 return']);
});

describe('the guarded port', () => {
  const stranger = '127.0.0.9';

  beforeEach(() => backend.replace(desired({ guard: given })));

  async function stands(): Promise<void> {
    expect(await tcp('127.0.0.1', '127.0.0.1', port)).toBe('pass');
    expect(await tcp('127.0.2.3', '127.0.0.1', port)).toBe('pass');
    expect(await tcp('::1', '::1', port)).toBe('pass');
    expect(await tcp(stranger, '127.0.0.1', port)).toBe('silence');
  }

  it('is open to allowed addresses alone, and every other port to all', async () => {
    await stands();
    expect(await tcp(stranger, '127.0.0.1')).toBe('pass');
  });

  it('stays so whatever rules are put on top', async () => {
    await backend.apply(
      change({
        add: [
          // The other end of a connection over the loopback interface is not what the guard is about.
          'drop input any any 127.0.2.0/24 any',
          'reject output any any any 127.0.2.0/24',
          'accept input any any 127.0.0.9/32 any',
          'accept output any any any 127.0.0.9/32',
        ],
      }),
    );
    await stands();
    expect(await tcp('127.0.2.3', '127.0.0.1')).toBe('silence');
  });

  it('is another with another guard, and open to all without one', async () => {
    await backend.replace(desired({ guard: guard(port, '127.0.0.9') }));
    expect(await tcp(stranger, '127.0.0.9', port)).toBe('pass');
    expect(await tcp('127.0.0.1', '127.0.0.1', port)).toBe('silence');
    await backend.replace(desired({}));
    expect(await tcp('127.0.0.1', '127.0.0.1', port)).toBe('pass');
  });

  it('is closed to everybody when nobody is allowed', async () => {
    await backend.replace(desired({ guard: guard(port) }));
    expect(await tcp('127.0.0.1', '127.0.0.1', port)).toBe('silence');
    expect(await tcp('::1', '::1', port)).toBe('silence');
  });
});

describe.each<[string, Partial<NftablesOptions>]>([
  ['owned', {}],
  ['without an owner', { without: { owner: true } }],
])('whitelisted addresses, in a table %s,', (_, options) => {
  it('are met by no rule that covers them, which others are', async () => {
    backend.close();
    backend = await probed(options);
    await backend.replace(desired({ whitelist: ['127.0.0.2', '127.0.8.0/24'] }));
    const rules = [
      'drop input any any 127.0.0.0/8 any',
      'drop input any any 127.0.0.2/32 any',
      'drop output any any any 127.0.8.8/32',
    ];
    await backend.apply(change({ add: rules }));
    expect(await datagrams('127.0.0.2', '127.0.0.1')).toBe('pass');
    expect(await datagrams('127.0.8.8', '127.0.8.8')).toBe('pass');
    expect(await datagrams('127.0.0.3', '127.0.0.1')).toBe('silence');
    await backend.replace(desired({ rules, whitelist: ['127.0.0.3'] }));
    expect(await datagrams('127.0.0.3', '127.0.0.1')).toBe('pass');
    expect(await datagrams('127.0.0.2', '127.0.0.1')).toBe('silence');
    await backend.replace(desired({ rules }));
    expect(await datagrams('127.0.0.3', '127.0.0.1')).toBe('silence');
  });
});
