import { describe, expect, it } from 'vitest';
import type { Leftovers } from '../backends/backend.ts';
import { MemoryBackend } from '../backends/memory.ts';
import { guardKey } from '../domain/guard.ts';
import { parseRuleKey, ruleKey } from '../domain/rule.ts';
import { rule } from '../engine/rules.fixture.ts';
import type { Holder } from '../engine/store/holder.ts';
import { MemoryStore } from '../engine/store/memory.ts';
import { loadConfig } from './config.ts';
import { makeFolder } from './folder.fixture.ts';
import { empty, Holders, heldBy, nameOf, noLeftovers, takeOver } from './holders.ts';

const leftovers = (...addresses: readonly string[]): Leftovers => ({
  rules: addresses.map((address) => parseRuleKey(`drop input any any ${address}/32 any`)),
  guards: [],
});
const holder = (name: 'iptables' | 'nftables', variant = '', held = noLeftovers, bootId = 'now'): Holder => ({
  name,
  variant,
  path: variant === '' ? '' : `/sbin/${variant}`,
  bootId,
  leftovers: held,
});
const nft = holder('iptables', 'nf_tables');
const legacy = holder('iptables', 'legacy');
const nftables = holder('nftables');

/** `name/variant: what it may hold besides`, one a line. */
const text = (holders: readonly Holder[]): string =>
  holders
    .map(({ name, variant, leftovers }) => `${name}/${variant}: ${leftovers.rules.map(ruleKey).join(', ')}`)
    .join('\n')
    .replaceAll(/drop input any any (\S+)\/32 any/g, '$1');

describe('takeOver', () => {
  const stored = leftovers('10.0.0.1');

  it.each<[string, readonly Holder[], Holder, string]>([
    ['takes over a kernel that holds nothing yet', [], nft, 'iptables/nf_tables: '],
    ['stays with what it was', [nft], nft, 'iptables/nf_tables: '],
    ['leaves what the store is about to be emptied', [nft], nftables, 'nftables/: \niptables/nf_tables: 10.0.0.1'],
    ['tells the two variants of iptables apart', [nft], legacy, 'iptables/legacy: \niptables/nf_tables: 10.0.0.1'],
    [
      'keeps in mind what could not be emptied',
      [nftables, holder('iptables', 'legacy', leftovers('10.0.0.9'))],
      nftables,
      'nftables/: \niptables/legacy: 10.0.0.9',
    ],
    [
      'comes back to one that could not be emptied, with what is left over in it',
      [nftables, holder('iptables', 'legacy', leftovers('10.0.0.9'))],
      legacy,
      'iptables/legacy: 10.0.0.9\nnftables/: 10.0.0.1',
    ],
    [
      'does not forget what is left over in one that it has come back to and that is left again',
      [holder('iptables', 'legacy', leftovers('10.0.0.9')), nftables],
      nftables,
      'nftables/: \niptables/legacy: 10.0.0.9, 10.0.0.1',
    ],
    [
      'remembers what is left over until a start has come to its end',
      [holder('iptables', 'legacy', leftovers('10.0.0.9'))],
      legacy,
      'iptables/legacy: 10.0.0.9',
    ],
    [
      'forgets what was filled before the machine started anew',
      [holder('iptables', 'legacy', leftovers('10.0.0.9'), 'before'), holder('nftables', '', noLeftovers, 'before')],
      nft,
      'iptables/nf_tables: ',
    ],
    ['takes an iptables of an earlier rfw for the one in use', [holder('iptables')], legacy, 'iptables/legacy: '],
    [
      'leaves an iptables of an earlier rfw to be emptied',
      [holder('iptables')],
      nftables,
      'nftables/: \niptables/: 10.0.0.1',
    ],
  ])('%s', (_, recorded, current, expected) => {
    expect(text(takeOver(recorded, current, stored))).toBe(expected);
  });
});

it('a packet filter holds by the store its rules, and what was put in or taken out when the last run ended', async () => {
  const store = new MemoryStore();
  const guards = [1, 2].map((port) => ({ port, allowed: [] }));
  await store.append([{ kind: 'insert', rule: rule(1, '10.0.0.1') }], { guard: guards[0] ?? null });
  await store.intend({ ...leftovers('10.0.0.2'), guards: guards.slice(1), removed: leftovers('10.0.0.3').rules });
  const held = heldBy(await store.load());
  expect(held.rules.map(ruleKey)).toEqual(leftovers('10.0.0.1', '10.0.0.2', '10.0.0.3').rules.map(ruleKey));
  expect(held.guards.map(guardKey)).toEqual(['1 ', '2 ']);
});

it.each([
  [nft, nftables, 'iptables'],
  [nftables, nft, 'nftables'],
  [nft, legacy, 'iptables (nf_tables)'],
  [legacy, nft, 'iptables (legacy)'],
])('%j beside %j is called %s', (one, other, name) => {
  expect(nameOf(one, other)).toBe(name);
});

const config = () => loadConfig(makeFolder().config('local.server', 'whitelist.file = white.list'));

describe('Holders', () => {
  const gone = { ...legacy, path: '/nonexistent/iptables', leftovers: leftovers('10.0.0.9') };

  it('never counts what is only in memory', async () => {
    const store = new MemoryStore();
    await store.setHolders([gone]);
    const holders = await Holders.record(new MemoryBackend(), store, config(), 'now');
    expect(await holders.emptyFormer()).toEqual([]);
    expect(await store.holders()).toEqual([gone]);
  });
});

describe('empty', () => {
  it('says why a packet filter can not be reached', async () => {
    const gone = { ...legacy, path: '/nonexistent/iptables' };
    await expect(empty(gone, noLeftovers, config())).rejects.toMatchObject({
      code: 'kernel-unavailable',
      message: expect.stringContaining('Could not find /nonexistent/iptables'),
    });
  });
});
