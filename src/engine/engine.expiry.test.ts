import { describe, expect, it, vi } from 'vitest';
import { MemoryBackend } from '../backends/memory.ts';
import { prefixOf } from '../domain/address.ts';
import { advance, Host, onFakeTime, setWallClock } from './engine.fixture.ts';
import { isFull } from './faults.fixture.ts';
import { dumped, rule, spec } from './rules.fixture.ts';

onFakeTime();

/** Has the next change of the kernel wait until it is let go. */
function hold(host: Host): () => void {
  let letGo = (): void => {};
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  host.backend.applies.push((call) => held.then(call));
  return letGo;
}

describe('a temporary rule', () => {
  it('goes from kernel and disk at its instant, and not before', async () => {
    const host = await Host.running();
    await host.put('10.0.0.1', 600);
    await host.put('10.0.0.2');
    await advance(599_999);
    expect(host.backend.dump()).toBe(dumped('10.0.0.2', '10.0.0.1'));
    await advance(1);
    expect(host.backend.dump()).toBe(dumped('10.0.0.2'));
    expect((await host.stored()).map((rule) => rule.seq)).toEqual([2]);
    expect(host.events.at(-1)).toMatchObject({ kind: 'expired', rule: spec('10.0.0.1') });
  });

  it('lasts as long as it was last put for, be that longer, shorter or for ever', async () => {
    const host = await Host.running();
    for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) await host.put(address, 10);
    await host.put('10.0.0.1', 20);
    await host.put('10.0.0.2', 5);
    await host.put('10.0.0.3', 0);
    await advance(5000);
    expect(host.backend.dump()).toBe(dumped('10.0.0.3', '10.0.0.1'));
    await advance(14_999);
    expect(host.backend.dump()).toBe(dumped('10.0.0.3', '10.0.0.1'));
    await advance(86_400);
    expect(host.backend.dump()).toBe(dumped('10.0.0.3'));
  });

  it('that was deleted and put again for longer is not taken for the former one', async () => {
    const host = await Host.running();
    await host.put('10.0.0.1', 5);
    await host.delete('10.0.0.1');
    await host.put('10.0.0.1', 10);
    await advance(9999);
    expect(host.engine.size).toBe(1);
    await advance(1);
    expect(host.engine.size).toBe(0);
  });

  it('is created anew, on top, when it is put after its time and before its removal', async () => {
    const host = await Host.running();
    await host.put('10.0.0.1', 1);
    await host.put('10.0.0.2');
    const letGo = hold(host);
    const busy = host.put('10.0.0.3');
    await advance(1000);
    const put = host.put('10.0.0.1', 60);
    letGo();
    expect(await Promise.all([busy, put])).toEqual(['created', 'created']);
    expect(host.backend.dump()).toBe(dumped('10.0.0.1', '10.0.0.3', '10.0.0.2'));
    await advance(59_000);
    expect(host.engine.size).toBe(3);
    await advance(1000);
    expect(host.engine.size).toBe(2);
  });

  it('is gone for good although the wall clock is set back a little while its removal waits', async () => {
    const host = await Host.running();
    await host.put('10.0.0.1', 1);
    const letGo = hold(host);
    const busy = host.put('10.0.0.2');
    await advance(1000);
    setWallClock(-300);
    letGo();
    await busy;
    await advance(10_000);
    expect(host.backend.dump()).toBe(dumped('10.0.0.2'));
  });

  it('is said to have expired once, although it was put twice and both instants are past', async () => {
    const host = await Host.running();
    await host.put('10.0.0.1', 1);
    await advance(5);
    await host.put('10.0.0.1', 1);
    // The timer is late by 10 ms, as timers are.
    vi.setSystemTime(Date.now() + 10);
    await advance(2000);
    expect(host.happened).toEqual(['created', 'updated', 'expired']);
  });
});

describe('many rules that expire together', () => {
  it('go in one change and one transaction', async () => {
    const host = await Host.running();
    const addresses = Array.from({ length: 1000 }, (_, index) => `10.1.${index >> 8}.${index & 255}`);
    await Promise.all([...addresses.map((address) => host.put(address, 60)), host.put('10.0.0.1')]);
    host.backend.calls.length = 0;
    host.store.appended.length = 0;
    await advance(60_000);
    expect(host.backend.calls).toEqual(['apply +0 -1000 ~0']);
    expect(host.store.appended).toEqual([1000]);
    expect(host.backend.dump()).toBe(dumped('10.0.0.1'));
    expect(host.happened.filter((kind) => kind === 'expired')).toHaveLength(1000);
  });

  it('may be very many', async () => {
    // A kernel that takes everything and keeps nothing: only the engine counts here.
    const kernel = new MemoryBackend();
    kernel.apply = async () => {};
    const host = new Host(kernel);
    const first = rule(1, '10.0.0.1', Date.now() + 1000);
    const rules = Array.from({ length: 20_000 }, (_, index) => ({
      ...first,
      seq: index + 1,
      source: prefixOf({ family: 4, value: BigInt(index) }, 32),
    }));
    await host.disk.append(rules.map((stored) => ({ kind: 'insert', rule: stored })));
    await host.start();
    // Some thousands at a time.
    await advance(5000);
    expect(host.engine.size).toBe(0);
  });

  it('leave one behind that the kernel does not let go, but no more than that', async () => {
    const host = await Host.running();
    for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) await host.put(address, 5);
    host.backend.stuck.add(dumped('10.0.0.2'));
    await advance(10_000);
    expect(host.backend.dump()).toBe(dumped('10.0.0.2'));
  });
});

describe('an expiry that fails', () => {
  it('in the kernel is tried again every second until it succeeds', async () => {
    const host = await Host.running();
    await host.put('10.0.0.1', 5);
    host.backend.stuck.add(dumped('10.0.0.1'));
    await advance(8000);
    expect(host.backend.dump()).toBe(dumped('10.0.0.1'));
    host.backend.stuck.clear();
    await advance(1000);
    expect([host.backend.dump(), host.engine.size, (await host.stored()).length]).toEqual(['', 0, 0]);
    expect(host.happened).toEqual(['created', 'expired']);
  });

  it('on a full disk is enforced all the same, and recorded when there is room', async () => {
    const host = await Host.running();
    await host.put('10.0.0.1', 5);
    host.store.full = true;
    await advance(8000);
    expect([host.backend.dump(), host.engine.size, (await host.stored()).length]).toEqual(['', 0, 1]);
    host.store.heal();
    await advance(2000);
    expect((await host.stored()).length).toBe(0);
    expect(host.happened).toEqual(['created', 'expired']);
  });

  it('that the disk has not recorded lets the same rule be put anew', async () => {
    const host = await Host.running();
    await host.put('10.0.0.1', 5);
    host.store.appends.push(isFull);
    await advance(5100);
    expect(await host.put('10.0.0.1')).toBe('created');
    expect(await host.stored()).toMatchObject([{ seq: 2, expiresAt: null }]);
  });

  it('holds no other command up', async () => {
    const host = await Host.running();
    await host.put('10.0.0.1', 5);
    host.store.full = true;
    await advance(5000);
    host.store.heal();
    expect(await host.put('10.0.0.2')).toBe('created');
  });
});
