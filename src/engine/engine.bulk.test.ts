import { describe, expect, it } from 'vitest';
import { prefixOf } from '../domain/address.ts';
import { RfwError } from '../domain/errors.ts';
import type { PutCommand, Result } from './decide.ts';
import { Host } from './engine.fixture.ts';
import { dumped, spec } from './rules.fixture.ts';

const drop = spec('10.0.0.0');

function puts(count: number, from = 0): PutCommand[] {
  return Array.from({ length: count }, (_, index) => {
    const source = prefixOf({ family: 4, value: 0x0a000000n + BigInt(from + index) }, 32);
    return { kind: 'put', spec: { ...drop, source }, expire: 0, origin: 'bulk' };
  });
}

/** `4000 created`; how many had each outcome. */
function counted(results: readonly Result[]): string {
  const counts = new Map<string, number>();
  for (const result of results) {
    const name = result instanceof RfwError ? result.code : result.status;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
}

describe('many commands', () => {
  it('are a batch by themselves, in their order', async () => {
    const host = await Host.running();
    await host.put('10.0.0.7');
    host.backend.calls.length = 0;
    const results = await Promise.all([
      host.engine.bulk.write({ commands: puts(4000), atomic: false }),
      host.put('10.1.0.0'),
    ]);
    expect(counted(results[0])).toBe('3999 created, 1 exists');
    expect(host.backend.calls).toEqual(['apply +1 -0 ~0', 'apply +3999 -0 ~1']);
    expect((await host.stored()).map(({ seq }) => seq)).toEqual(Array.from({ length: 4001 }, (_, at) => 4001 - at));
  });

  it('of several callers have their turn one after the other, and nobody else waits for two of them', async () => {
    const host = await Host.running();
    const order: string[] = [];
    const bulk = async (name: string, from: number): Promise<void> => {
      await host.engine.bulk.write({ commands: puts(2000, from), atomic: true });
      order.push(name);
    };
    const all = ['a', 'b', 'c'].map((name, index) => bulk(name, 2000 * index));
    await all[0];
    order.push(`${await host.put('198.51.100.1')} in between`);
    await Promise.all(all);
    expect(order.join(', ')).toBe('a, b, created in between, c');
    expect(host.engine.size).toBe(6001);
  });

  it('are best many at once while nobody else asks for anything, and else fewer', async () => {
    const host = await Host.running();
    const { bulk } = host.engine;
    const next = async (from: number): Promise<number> => {
      await bulk.write({ commands: puts(bulk.length, from), atomic: false });
      return bulk.length;
    };
    expect([bulk.length, await next(0)]).toEqual([4000, 4000]);
    await host.put('198.51.100.1');
    expect([bulk.length, await next(10_000), await next(20_000)]).toEqual([1000, 1000, 4000]);
  });

  it('that are refused keep no other', async () => {
    const host = await Host.running();
    host.backend.refused.add(dumped('10.0.0.2'));
    const results = await host.engine.bulk.write({ commands: puts(4), atomic: false });
    expect(counted(results)).toBe('3 created, 1 kernel-refused');
  });

  it('fail together when the disk fails, and those of the next caller have their turn', async () => {
    const host = await Host.running();
    host.store.full = true;
    const first = host.engine.bulk.write({ commands: puts(10), atomic: false });
    await expect(first).rejects.toMatchObject({ code: 'store-failed' });
    host.store.heal();
    expect(counted(await host.engine.bulk.write({ commands: puts(10), atomic: false }))).toBe('10 created');
  });

  it('end with the engine', async () => {
    const host = await Host.running();
    const writes = [0, 1, 2].map((at) => host.engine.bulk.write({ commands: puts(500, 500 * at), atomic: false }));
    await new Promise((resolve) => setImmediate(resolve));
    await host.engine.stop();
    expect(await Promise.allSettled(writes)).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { code: 'stopping' } },
      { status: 'rejected', reason: { code: 'stopping' } },
    ]);
    expect((await host.stored()).length).toBe(500);
  });
});

describe('a full queue', () => {
  /** Callers who all put the same rule. */
  const callers = (host: Host, count: number): Promise<unknown>[] => {
    const command = puts(1)[0] as PutCommand;
    return Array.from({ length: count }, () => host.engine.submit(command));
  };

  it('takes no more, says so at once, and takes again when there is room', async () => {
    const host = await Host.running();
    const results = await Promise.allSettled(callers(host, 52_000));
    const refused = results.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBe(2000);
    expect(refused[0]).toMatchObject({ reason: { code: 'overloaded' } });
    expect(host.engine.waiting).toBe(0);
    expect(await host.put('198.51.100.1')).toBe('created');
  });

  it('takes what is in bulk all the same, and previews no more', async () => {
    const host = await Host.running();
    const singles = callers(host, 50_000);
    const bulk = host.engine.bulk.write({ commands: puts(1000, 1000), atomic: false });
    const preview = host.engine.preview({ commands: puts(1), atomic: true });
    await expect(preview).rejects.toMatchObject({ code: 'overloaded' });
    expect(counted(await bulk)).toBe('1000 created');
    await Promise.all(singles);
    expect(host.engine.size).toBe(1001);
  });
});
