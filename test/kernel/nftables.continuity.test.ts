import { deserialize, serialize } from 'node:v8';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Desired } from '../../src/backends/backend.ts';
import type { NftablesBackend } from '../../src/backends/nftables/nftables.ts';
import { readContents } from '../../src/backends/nftables/table-state.ts';
import { desired, rule } from '../../src/backends/rule.fixture.ts';
import type { Rule } from '../../src/domain/rule.ts';
import { nothingPasses } from './datagram-stream.fixture.ts';
import { nft } from './netlink.fixture.ts';
import { clearTables, closeAll, made, probed } from './nftables.fixture.ts';

// Packets are sent through everything that brings the table to a state anew: none passes that is to be dropped before and after.

const banned = '127.0.0.2';
const drop = rule(`drop input any any ${banned}/32 any`);
/** It's about another interface, and moves: rules that moved are brought in anew, all of them. */
const elsewhere = rule(`accept input eth0 any ${banned}/32 any`);

/** Rules by the number, made as they are gone through. */
function* hosts(count: number, more: readonly Rule[]): Generator<Rule> {
  const model = rule('drop input any any 10.0.0.0/32 any');
  for (let index = 0; index < count; index++) {
    if (index === count >> 1) yield* more;
    const value = BigInt(0x0a00_0000 + index);
    yield { ...model, source: { ...(model.source as Exclude<Rule['source'], 'any'>), value } };
  }
}

const state = (count: number, more: readonly Rule[]): Desired => ({
  ...desired({}),
  rules: { [Symbol.iterator]: () => hosts(count, more) },
});
const sets = async (): Promise<number> => (await readContents()).sets.length;

let first: NftablesBackend;

beforeEach(async () => {
  closeAll();
  clearTables();
  first = await probed();
});

afterEach(() => {
  closeAll();
  clearTables();
});

it('after a crash 200,000 rules are brought in beside those that stand, which then go', async () => {
  await first.replace(state(200_000, [drop, elsewhere]));
  await nothingPasses(banned, async () => {
    first.close();
    const next = await probed();
    expect(await next.replace(state(200_000, [drop, elsewhere]))).toMatchObject({ rebuilt: true });
    expect(await sets()).toBe(2);
  });
});

it('rules in another order are brought in beside those that stand', async () => {
  await first.replace(state(30_000, [drop, elsewhere]));
  await nothingPasses(banned, async () => {
    expect(await first.replace(state(30_000, [elsewhere, drop]))).toMatchObject({ moved: expect.any(Number) });
    // The drop stands above the accept by now.
    expect(await sets()).toBe(3);
  });
});

it('a restart that resumes lets nothing pass, and takes no time', async () => {
  await first.replace(state(50_000, [drop, elsewhere]));
  await nothingPasses(banned, async () => {
    const memory: unknown = deserialize(serialize(first.memory()));
    first.close();
    const next = await probed();
    expect(await next.resume(memory, state(50_000, [drop, elsewhere]))).toBe(true);
  });
});

it('a table that somebody else has made drops until the one in its place does', async () => {
  first.close();
  clearTables();
  nft(`table inet rfw { chain input { type filter hook input priority 0; ip saddr ${banned} drop; }; }`);
  await nothingPasses(banned, async () => {
    const backend = made();
    await backend.probe();
    await backend.replace(state(30_000, [drop, elsewhere]));
    expect(await sets()).toBe(2);
  });
});
