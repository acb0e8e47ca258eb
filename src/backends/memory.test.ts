import { describe, expect, it } from 'vitest';
import { parseAddress } from '../domain/address.ts';
import type { Change } from './backend.ts';
import { list } from './list.fixture.ts';
import { MemoryBackend, type Packet } from './memory.ts';
import { change, desired, guard } from './rule.fixture.ts';

async function holding(...rules: readonly string[]): Promise<MemoryBackend> {
  const memory = new MemoryBackend();
  await memory.apply(change({ add: rules }));
  return memory;
}

function packet(of: { chain: Packet['chain']; from?: string; to?: string; in?: string; out?: string }): Packet {
  const six = `${of.from}${of.to}`.includes(':');
  return {
    chain: of.chain,
    in: of.in ?? (of.chain === 'output' ? '' : 'eth0'),
    out: of.out ?? (of.chain === 'input' ? '' : 'eth1'),
    source: parseAddress(of.from ?? (six ? '2001:db8::f' : '198.51.100.1')),
    destination: parseAddress(of.to ?? (six ? '2001:db8::e' : '198.51.100.2')),
  };
}

const [a, b, c] = [
  'drop input any any 10.0.0.1/32 any',
  'accept input any any 10.0.0.0/24 any',
  'reject output any eth0 any 10.0.0.3/32',
];

describe('the dump', () => {
  it('is empty where there is nothing', () => {
    expect(new MemoryBackend().dump()).toBe('');
  });

  it('shows chain by chain, the newest first, the guard on top', async () => {
    const memory = await holding(a, c, b);
    expect(memory.dump()).toBe([b, a, c].join('\n'));
    await memory.replace(desired({ rules: [a, c], guard: guard(7393, '10.1.0.0/16', '::1') }));
    expect(memory.dump()).toBe(['guard 7393 10.1.0.0/16 ::1/128', a, c].join('\n'));
  });
});

describe('a change that is refused', () => {
  it.each<[string, Change]>([
    [
      'a removal of what is not there, among additions',
      change({ add: [b, c], remove: [a, 'drop input any any 9.9.9.9 any'] }),
    ],
    ['an addition of what is there', change({ add: [b, a] })],
    ['an addition of the same twice', change({ add: [b, b] })],
    ['a refresh of what is not there', change({ add: [b], refresh: [c] })],
    ['a refresh of what it removes', change({ remove: [a], refresh: [a] })],
  ])('leaves everything as it was: %s', async (_, refused) => {
    const memory = await holding(a);
    await expect(memory.apply(refused)).rejects.toMatchObject({ name: 'RfwError', code: 'kernel-refused' });
    expect(memory.dump()).toBe(a);
  });
});

describe('a replacement', () => {
  it('says what it had to change', async () => {
    const memory = await holding(a, b);
    const first = await memory.replace(desired({ rules: [b, c], guard: guard(1, '::/0') }));
    expect(first).toMatchObject({ missing: [{ chain: 'output' }], moved: 0, removed: 1, guard: 1 });
    expect(await memory.replace(desired({ rules: [b, c], guard: guard(1, '::/0') }))).toEqual({
      missing: [],
      moved: 0,
      removed: 0,
      guard: 0,
      lists: 0,
      rebuilt: false,
    });
  });

  it('puts into order what is out of order', async () => {
    const memory = await holding(a, b);
    const repair = await memory.replace(desired({ rules: [b, a] }));
    expect(repair.moved).toBeGreaterThan(0);
    expect(memory.dump()).toBe([a, b].join('\n'));
  });
});

describe('the verdict', () => {
  it('is that of the newest rule that matches', async () => {
    const memory = await holding(a, b);
    expect(memory.verdict(packet({ chain: 'input', from: '10.0.0.1' }))).toBe('accept');
    await memory.apply(change({ remove: [b] }));
    expect(memory.verdict(packet({ chain: 'input', from: '10.0.0.1' }))).toBe('drop');
    expect(memory.verdict(packet({ chain: 'input', from: '10.0.0.2' }))).toBe('continue');
  });

  it('is for the chain that the packet is in', async () => {
    const memory = await holding(a);
    expect(memory.verdict(packet({ chain: 'forward', from: '10.0.0.1' }))).toBe('continue');
    expect(memory.verdict(packet({ chain: 'output', to: '10.0.0.1' }))).toBe('continue');
  });

  it.each([
    ['eth0', 'eth0', 'drop'],
    ['eth0', 'eth1', 'continue'],
    ['eth0', 'eth01', 'continue'],
    ['ppp+', 'ppp7', 'drop'],
    ['ppp+', 'ppp', 'drop'],
    ['ppp+', 'eth0', 'continue'],
    ['any', 'eth0', 'drop'],
  ])('of a rule on %s for a packet on %s is %s', async (pattern, into, verdict) => {
    const memory = await holding(`drop input ${pattern} any 10.0.0.1/32 any`);
    expect(memory.verdict(packet({ chain: 'input', from: '10.0.0.1', in: into }))).toBe(verdict);
  });

  it.each([
    ['10.0.0.0/24', '10.0.0.0', 'drop'],
    ['10.0.0.0/24', '10.0.0.255', 'drop'],
    ['10.0.0.0/24', '10.0.1.0', 'continue'],
    ['10.0.0.0/24', '9.255.255.255', 'continue'],
    ['2001:db8::/32', '2001:db8:ffff::1', 'drop'],
    ['2001:db8::/32', '2001:db9::', 'continue'],
    ['::/1', '10.0.0.1', 'continue'],
  ])('of a rule for %s for a packet from %s is %s', async (network, from, verdict) => {
    const memory = await holding(`drop input any any ${network} any`);
    expect(memory.verdict(packet({ chain: 'input', from }))).toBe(verdict);
  });

  it('of a forward rule asks for both sides and both interfaces', async () => {
    const memory = await holding('reject forward ppp+ eth1 10.0.0.0/8 192.0.2.1/32');
    const matching = { chain: 'forward', from: '10.1.2.3', to: '192.0.2.1', in: 'ppp0', out: 'eth1' } as const;
    expect(memory.verdict(packet(matching))).toBe('reject');
    expect(memory.verdict(packet({ ...matching, to: '192.0.2.2' }))).toBe('continue');
    expect(memory.verdict(packet({ ...matching, from: '11.1.2.3' }))).toBe('continue');
    expect(memory.verdict(packet({ ...matching, in: 'eth1' }))).toBe('continue');
    expect(memory.verdict(packet({ ...matching, out: 'eth10' }))).toBe('continue');
  });
});

describe('the verdict under a guard', () => {
  const block = ['drop input any any 10.0.0.0/8 any', 'drop output any any any 10.0.0.0/8'];
  const to = (port: number) => ({ tcp: { sourcePort: 40_000, destinationPort: port } });
  const from = (port: number) => ({ tcp: { sourcePort: port, destinationPort: 40_000 } });

  async function guarded(): Promise<MemoryBackend> {
    const memory = new MemoryBackend();
    await memory.replace(desired({ rules: block, guard: guard(7393, '10.0.0.1', '2001:db8::/32') }));
    return memory;
  }

  it('lets the allowed reach the port above every block, in both directions', async () => {
    const memory = await guarded();
    expect(memory.verdict({ ...packet({ chain: 'input', from: '10.0.0.1' }), ...to(7393) })).toBe('accept');
    expect(memory.verdict({ ...packet({ chain: 'output', to: '10.0.0.1' }), ...from(7393) })).toBe('accept');
    expect(memory.verdict({ ...packet({ chain: 'input', from: '2001:db8::9' }), ...to(7393) })).toBe('accept');
  });

  it('drops all others at the port', async () => {
    const memory = await guarded();
    expect(memory.verdict({ ...packet({ chain: 'input', from: '192.0.2.9' }), ...to(7393) })).toBe('drop');
    expect(memory.verdict({ ...packet({ chain: 'output', to: '192.0.2.9' }), ...from(7393) })).toBe('drop');
    expect(memory.verdict({ ...packet({ chain: 'input', from: '2001:db9::9' }), ...to(7393) })).toBe('drop');
  });

  it('leaves other ports, other protocols and the forward chain to the rules', async () => {
    const memory = await guarded();
    expect(memory.verdict({ ...packet({ chain: 'input', from: '10.0.0.1' }), ...to(7394) })).toBe('drop');
    expect(memory.verdict({ ...packet({ chain: 'input', from: '10.0.0.1' }), ...from(7393) })).toBe('drop');
    expect(memory.verdict(packet({ chain: 'input', from: '10.0.0.1' }))).toBe('drop');
    expect(memory.verdict({ ...packet({ chain: 'forward', from: '192.0.2.9' }), ...to(7393) })).toBe('continue');
  });
});

describe('lists', () => {
  const lists = [
    list('good 7 accept input eth+ any', '10.0.0.0-10.0.0.2'),
    list('bad 1 drop input any any', '10.0.0.0/24', '2001:db8::1'),
    list('out 1 reject output any any', '10.0.0.9'),
    list('to 1 drop forward any any destination', '10.0.0.9'),
  ];

  it('are shown under the rules of their chain', async () => {
    const memory = await holding(a, c);
    await memory.setLists(lists);
    expect(memory.dump().split('\n')).toEqual([
      a,
      'list good v7 accept input eth+ any 2 prefixes',
      'list bad v1 drop input any any 2 prefixes',
      c,
      'list out v1 reject output any any 1 prefixes',
      'list to v1 drop forward any any destination 1 prefixes',
    ]);
  });

  it('decide after the rules, the first one first, by the side and the interface that they look at', async () => {
    const memory = await holding(a, 'accept input any any 10.0.0.8/32 any');
    await memory.replace(
      desired({ rules: [a, 'accept input any any 10.0.0.8/32 any'], whitelist: ['10.0.0.5'], lists }),
    );
    const verdicts = Object.fromEntries(
      ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.5', '10.0.0.8', '10.0.1.0', '2001:db8::1'].map((source) => [
        source,
        memory.verdict(packet({ chain: 'input', from: source })),
      ]),
    );
    expect(verdicts).toEqual({
      '10.0.0.1': 'drop',
      '10.0.0.2': 'accept',
      '10.0.0.3': 'drop',
      '10.0.0.5': 'continue',
      '10.0.0.8': 'accept',
      '10.0.1.0': 'continue',
      '2001:db8::1': 'drop',
    });
    expect(memory.verdict(packet({ chain: 'input', from: '10.0.0.2', in: 'lo' }))).toBe('drop');
    expect(memory.verdict(packet({ chain: 'output', to: '10.0.0.9' }))).toBe('reject');
    expect(memory.verdict(packet({ chain: 'output', from: '10.0.0.9' }))).toBe('continue');
    expect(memory.verdict(packet({ chain: 'forward', to: '10.0.0.9' }))).toBe('drop');
    expect(memory.verdict(packet({ chain: 'forward', from: '10.0.0.9' }))).toBe('continue');
  });
});
