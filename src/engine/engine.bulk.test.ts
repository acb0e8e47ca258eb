import { describe, expect, it } from 'vitest';
import { prefixOf } from '../domain/address.ts';
import type { PutCommand } from './decide.ts';
import { Host } from './engine.fixture.ts';
import { dumped, spec } from './rules.fixture.ts';

const drop = spec('10.0.0.0');

function* puts(count: number): Generator<PutCommand> {
  for (let index = 0; index < count; index++) {
    const source = prefixOf({ family: 4, value: 0x0a000000n + BigInt(index) }, 32);
    yield { kind: 'put', spec: { ...drop, source }, expire: 0, origin: 'bulk' };
  }
}

describe('many commands', () => {
  it('are worked on in their order, some thousand at a time, and counted by their outcome', async () => {
    const host = await Host.running();
    await host.put('10.0.0.7');
    host.backend.calls.length = 0;
    const tally = await host.engine.submitAll(puts(10_000));
    expect(tally.outcomes).toEqual({ created: 9999, exists: 1, updated: 0, deleted: 0, absent: 0 });
    expect(host.backend.calls).toEqual(['apply +3999 -0 ~1', 'apply +4000 -0 ~0', 'apply +2000 -0 ~0']);
    expect((await host.stored()).map(({ seq }) => seq)).toEqual(Array.from({ length: 10_000 }, (_, at) => 10_000 - at));
  });

  it('let others have their turn in between', async () => {
    const host = await Host.running();
    const bulk = host.engine.submitAll(puts(20_000));
    const sizes: number[] = [];
    for (let turn = 0; turn < 3; turn++) {
      await host.put(`198.51.100.${turn}`);
      sizes.push(host.engine.size);
    }
    await bulk;
    expect(sizes[2]).toBeLessThan(20_000);
    expect(host.engine.size).toBe(20_003);
  });

  it('that are refused are counted, the first with its reason, and keep no other', async () => {
    const host = await Host.running();
    host.backend.refused.add(dumped('10.0.0.2'));
    const tally = await host.engine.submitAll(puts(4));
    expect([tally.refused, tally.outcomes.created]).toEqual([1, 3]);
    expect(tally.firstRefusal).toMatchObject({ command: { kind: 'put' }, error: { code: 'kernel-refused' } });
  });

  it('end with the engine, and what was done until then is done', async () => {
    const host = await Host.running();
    const bulk = host.engine.submitAll(puts(9000));
    await host.engine.stop();
    await expect(bulk).rejects.toMatchObject({ code: 'stopping' });
    expect((await host.stored()).length % 4000).toBe(0);
  });

  it('may be none', async () => {
    const host = await Host.running();
    expect((await host.engine.submitAll([])).refused).toBe(0);
  });
});
