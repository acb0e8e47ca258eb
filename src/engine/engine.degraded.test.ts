import { describe, expect, it } from 'vitest';
import { advance, Host, onFakeTime, protection, settle } from './engine.fixture.ts';
import { isDown, isFull, isRefused, losesAnswer, passes } from './faults.fixture.ts';
import { LiteralBackend } from './literal.fixture.ts';
import { dumped } from './rules.fixture.ts';

onFakeTime();

/** A host whose kernel holds 10.0.0.1 and then can't be asked any more. */
async function degraded(): Promise<Host> {
  const host = await Host.running(new LiteralBackend(['ssh']));
  await host.put('10.0.0.1');
  host.backend.down = true;
  await host.put('10.0.0.2');
  return host;
}

const tries = (host: Host): number => host.backend.calls.filter((call) => call.startsWith('replace')).length;

describe('while the kernel can not be brought to its state', () => {
  it('every command fails for that reason, and the last enforced state stays', async () => {
    const host = await degraded();
    expect(host.engine.degraded).toBe('the kernel is away');
    const answers = [host.put('10.0.0.3'), host.delete('10.0.0.1'), host.delete('10.0.0.9'), host.put('10.0.0.1')];
    expect(await Promise.all(answers)).toEqual(Array(4).fill('kernel-unavailable'));
    expect(host.backend.dump()).toBe(`${dumped('10.0.0.1')}\nssh`);
    expect(host.engine.size).toBe(1);
  });

  it('that is said once', async () => {
    const host = await degraded();
    await host.put('10.0.0.3');
    await advance(5000);
    expect(host.happened).toEqual(['created', 'degraded']);
  });

  it('it is tried again by itself, 250 ms later at first', async () => {
    const host = await degraded();
    host.backend.heal();
    await advance(249);
    expect(host.engine.degraded).not.toBeUndefined();
    await advance(1);
    expect(host.engine.degraded).toBeUndefined();
    expect(host.happened).toEqual(['created', 'degraded', 'recovered']);
    expect(await host.put('10.0.0.2')).toBe('created');
  });

  it('it is tried again ever more rarely', async () => {
    const host = await degraded();
    const before = tries(host);
    await advance(60_000);
    // After 250, 750, 1750, 3750, 7750, 15750, 31750 ms; the next would be at 61750.
    expect(tries(host) - before).toBe(7);
  });

  it('it is tried again ever more rarely also while a rule waits for its expiry', async () => {
    const host = await Host.running();
    await host.put('10.0.0.1', 3600);
    host.backend.down = true;
    await host.put('10.0.0.2');
    const before = tries(host);
    await advance(60_000);
    expect(tries(host) - before).toBe(7);
  });

  it('it is tried again ever more rarely also while the time of a rule is up', async () => {
    const host = await Host.running();
    await host.put('10.0.0.1', 1);
    host.backend.down = true;
    await host.put('10.0.0.2');
    const before = tries(host);
    await advance(60_000);
    expect(tries(host) - before).toBeLessThanOrEqual(8);
  });

  it('the next command tries at once, and has its way when that succeeds', async () => {
    const host = await degraded();
    host.backend.heal();
    expect(await host.put('10.0.0.2')).toBe('created');
    expect(host.happened).toEqual(['created', 'degraded', 'recovered', 'created']);
  });

  it('no timer is left after a stop', async () => {
    const host = await degraded();
    await host.engine.stop();
    const before = tries(host);
    await advance(60_000);
    expect(tries(host)).toBe(before);
  });

  it('rules that expire meanwhile go as soon as it recovers', async () => {
    const host = await Host.running();
    await host.put('10.0.0.1', 2);
    await host.put('10.0.0.2');
    host.backend.down = true;
    await host.put('10.0.0.3');
    await advance(10_000);
    expect(host.backend.dump()).toBe(dumped('10.0.0.2', '10.0.0.1'));
    host.backend.heal();
    await advance(6000);
    expect(host.backend.dump()).toBe(dumped('10.0.0.2'));
    expect(await host.stored()).toMatchObject([{ seq: 2 }]);
  });

  it('a new protection that succeeds is a recovery, and is said to be one', async () => {
    const host = await degraded();
    host.backend.heal();
    await host.engine.protect(protection(['192.0.2.9']));
    expect(host.engine.degraded).toBeUndefined();
    expect(host.happened).toEqual(['created', 'degraded', 'recovered']);
  });
});

describe('a change whose answer is lost', () => {
  it('is taken back and made again', async () => {
    const host = await Host.running(new LiteralBackend(['ssh']));
    host.backend.applies.push(losesAnswer);
    expect(await host.put('10.0.0.1')).toBe('created');
    expect(host.backend.dump()).toBe(`${dumped('10.0.0.1')}\nssh`);
  });

  it('is taken back after the recovery when the kernel was away', async () => {
    const host = await Host.running(new LiteralBackend(['ssh']));
    host.backend.applies.push(losesAnswer);
    host.backend.replaces.push(isDown, isDown);
    expect(await host.put('10.0.0.1')).toBe('kernel-unavailable');
    expect(host.backend.dump()).toBe(`${dumped('10.0.0.1')}\nssh`);
    await advance(1000);
    expect(host.backend.dump()).toBe('ssh');
  });

  it('is taken back by the next daemon when this one dies before the recovery', async () => {
    const host = await Host.running(new LiteralBackend(['ssh']));
    host.backend.applies.push(losesAnswer);
    host.backend.replaces.push(isDown);
    await host.put('10.0.0.1');
    await host.crash();
    await host.start();
    expect(host.backend.dump()).toBe('ssh');
  });
});

describe('a rule that may be left in the kernel', () => {
  it('is not forgotten when the disk takes what it is owed meanwhile', async () => {
    const host = await Host.running(new LiteralBackend(['ssh']));
    await host.put('10.0.0.1', 1);
    host.store.appends.push(isFull);
    await advance(1000);
    expect(host.engine.size).toBe(0);
    host.backend.applies.push(losesAnswer);
    host.backend.replaces.push(isDown, isDown, isDown, isDown, isDown);
    expect(await host.put('10.0.0.2')).toBe('kernel-unavailable');
    await advance(2000);
    expect(host.engine.degraded).not.toBeUndefined();
    await host.crash();
    await host.start();
    expect(host.backend.dump()).toBe('ssh');
  });
});

describe('a batch that is tried one by one', () => {
  /** The first of a batch of three makes the engine degraded: its answer is lost, and it can't be taken back. */
  async function degradedHalfway(): Promise<{ host: Host; answers: Promise<string[]> }> {
    const host = await Host.running(new LiteralBackend(['ssh']));
    host.backend.applies.push(passes, isRefused, losesAnswer);
    host.backend.replaces.push(passes, isDown);
    const first = host.put('10.9.9.9');
    await settle();
    const puts = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => host.put(address));
    return { host, answers: Promise.all([first, ...puts]) };
  }

  it('answers with kernel-unavailable once the engine is degraded', async () => {
    const { answers } = await degradedHalfway();
    expect(await answers).toEqual(['created', 'kernel-unavailable', 'kernel-unavailable', 'kernel-unavailable']);
  });

  it('leaves nothing behind that was refused, even when the daemon dies then', async () => {
    const { host, answers } = await degradedHalfway();
    const [, first] = await answers;
    expect(first).toBe('kernel-unavailable');
    await host.crash();
    await host.start();
    expect(host.backend.dump()).not.toContain(dumped('10.0.0.1'));
  });
});
