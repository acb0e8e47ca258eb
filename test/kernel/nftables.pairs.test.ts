import { afterEach, beforeEach, expect, it } from 'vitest';
import type { NftablesBackend } from '../../src/backends/nftables/nftables.ts';
import { change, desired } from '../../src/backends/rule.fixture.ts';
import { clearTables, closeAll, heldRules, probed } from './nftables.fixture.ts';

const pair = (host: number): string => `drop forward any any 10.0.0.${host}/32 10.1.0.0/16`;
const single = 'drop forward any any 10.0.0.0/24 any';
const pairs = (count: number): string[] => Array.from({ length: count }, (_, host) => pair(host));

let backend: NftablesBackend;

beforeEach(async () => {
  closeAll();
  clearTables();
  backend = await probed({ rejectTcpWithReset: true });
  await backend.replace(desired({}));
});

afterEach(() => {
  closeAll();
  clearTables();
});

async function holds(...rules: readonly string[]): Promise<void> {
  expect(heldRules().keys.toSorted()).toEqual(rules.toSorted());
}

it('a pair that is the last thing in a change can be taken out again', async () => {
  await backend.apply(change({ add: [pair(1), single] }));
  await backend.apply(change({ remove: [single], add: [pair(2)] }));
  await backend.apply(change({ add: [pair(3)] }));
  await holds(pair(1), pair(2), pair(3));
  await backend.apply(change({ remove: [pair(2), pair(3)] }));
  await holds(pair(1));
});

it.each([1, 100, 101, 250])('%d pairs at once can be taken out one by one and together', async (count) => {
  await backend.apply(change({ add: pairs(count) }));
  await backend.apply(change({ remove: [pair(0)] }));
  await holds(...pairs(count).slice(1));
  await backend.apply(change({ remove: pairs(count).slice(1) }));
  await holds();
});

it('a pair that answers TCP by a reset, and so is two rules, is taken out whole', async () => {
  const reject = 'reject forward any any 10.0.0.1/32 10.1.0.0/16';
  await backend.apply(change({ add: [reject, pair(2)] }));
  await backend.apply(change({ remove: [reject] }));
  await holds(pair(2));
});
