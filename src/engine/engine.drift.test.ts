import { describe, expect, it } from 'vitest';
import { advance, Host, onFakeTime, protection, settle } from './engine.fixture.ts';
import { diesBefore, isDown, isRefused, losesAnswer } from './faults.fixture.ts';
import { LiteralBackend } from './literal.fixture.ts';
import { dumped, spec } from './rules.fixture.ts';

onFakeTime();

async function tampered(): Promise<Host> {
  const host = await Host.running();
  await Promise.all([host.put('10.0.0.1'), host.put('10.0.0.2'), host.put('10.0.0.3')]);
  await host.tamper('10.0.0.2');
  host.events.length = 0;
  return host;
}

const whole = dumped('10.0.0.3', '10.0.0.2', '10.0.0.1');

describe('a rule that somebody took out of the kernel', () => {
  it('comes back to its place before it is said to exist', async () => {
    const host = await tampered();
    expect(await host.put('10.0.0.2')).toBe('exists');
    expect(host.backend.dump()).toBe(whole);
    expect(host.events).toMatchObject([{ kind: 'drift', repair: { missing: [spec('10.0.0.2')] } }]);
  });

  it('can be deleted all the same', async () => {
    const host = await tampered();
    expect(await host.delete('10.0.0.2')).toBe('deleted');
    expect(host.backend.dump()).toBe(dumped('10.0.0.3', '10.0.0.1'));
    expect(host.happened).toEqual(['drift', 'deleted']);
  });

  it('expires all the same', async () => {
    const host = await tampered();
    await host.put('10.0.0.2', 60);
    await host.tamper('10.0.0.2');
    await advance(60_000);
    expect(host.backend.dump()).toBe(dumped('10.0.0.3', '10.0.0.1'));
  });

  it('comes back with a batch, which has its way at once', async () => {
    const host = await tampered();
    const answers = [host.put('10.0.0.4'), host.put('10.0.0.2', 5), host.put('10.0.0.5'), host.delete('10.0.0.1')];
    expect(await Promise.all(answers)).toEqual(['created', 'updated', 'created', 'deleted']);
    expect(host.backend.dump()).toBe(dumped('10.0.0.5', '10.0.0.4', '10.0.0.3', '10.0.0.2'));
    expect(host.backend.calls.slice(-3)).toEqual(['apply +2 -1 ~1', 'replace 3', 'apply +2 -1 ~1']);
  });

  it('comes back although another rule of the batch is bad', async () => {
    const host = await tampered();
    host.backend.refused.add(dumped('10.0.0.9'));
    const answers = [host.put('10.0.0.4'), host.put('10.0.0.9'), host.put('10.0.0.2'), host.put('10.0.0.5')];
    expect(await Promise.all(answers)).toEqual(['created', 'kernel-refused', 'exists', 'created']);
    expect(host.backend.dump()).toBe(`${dumped('10.0.0.5', '10.0.0.4')}\n${whole}`);
  });

  it('comes back when the daemon starts, which says so', async () => {
    const host = await tampered();
    await host.crash();
    await host.start();
    expect(host.backend.dump()).toBe(whole);
    expect(host.events).toMatchObject([{ kind: 'drift', repair: { missing: [spec('10.0.0.2')] } }]);
  });

  it('comes back with a new protection, which says so', async () => {
    const host = await tampered();
    await host.engine.protect(protection(['192.0.2.9']));
    expect(host.backend.dump()).toBe(whole);
    expect(host.happened).toEqual(['drift']);
  });
});

describe('when the backend is disturbed', () => {
  /** Somebody takes all of rfw's rules out, and the backend notices. */
  async function flush(host: Host): Promise<void> {
    for (const text of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) await host.tamper(text).catch(() => undefined);
    host.backend.disturb();
  }

  const repairs = (host: Host): number => host.backend.calls.filter((call) => call.startsWith('replace')).length;

  it('the rules come back at once, which is told and counted', async () => {
    const host = await tampered();
    host.backend.disturb();
    await settle();
    expect(host.backend.dump()).toBe(whole);
    expect(host.backend.calls.slice(-2)).toEqual(['intact', 'replace 3']);
    expect(host.events).toMatchObject([{ kind: 'drift', repair: { missing: [spec('10.0.0.2')] }, count: 1 }]);
    await advance(1000);
    await flush(host);
    await settle();
    expect(host.events).toMatchObject([{ count: 1 }, { kind: 'drift', repair: { missing: { length: 3 } }, count: 2 }]);
    expect(host.engine.drifts).toBe(2);
  });

  it('and nothing is wrong, nothing is changed or told', async () => {
    const host = await Host.running(new LiteralBackend(['ssh']));
    await host.put('10.0.0.1');
    host.backend.disturb();
    await advance(1000);
    expect(host.backend.calls.slice(-2)).toEqual(['apply +1 -0 ~0', 'intact']);
    expect(host.happened).toEqual(['created']);
    expect(host.engine.drifts).toBe(0);
  });

  it('in the midst of a batch, that is looked at after it', async () => {
    const host = await tampered();
    host.backend.applies.push(async (call) => {
      host.backend.disturb();
      return call();
    });
    expect(await host.put('10.0.0.4')).toBe('created');
    await settle();
    expect(host.backend.calls.slice(-3)).toEqual(['apply +1 -0 ~0', 'intact', 'replace 4']);
    expect(host.backend.dump()).toBe(`${dumped('10.0.0.4')}\n${whole}`);
  });

  it('in the midst of a look or a repair, that is looked at after it', async () => {
    const host = await tampered();
    host.backend.looks.push(async (call) => {
      const intact = await call();
      await flush(host);
      return intact;
    });
    host.backend.replaces.push(async (call) => {
      const repair = await call();
      await flush(host);
      return repair;
    });
    host.backend.disturb();
    await advance(300);
    expect(host.backend.dump()).toBe(whole);
    expect(repairs(host)).toBe(3);
    expect(host.engine.drifts).toBe(2);
  });

  it('and commands wait behind the look, they are answered after it', async () => {
    const host = await tampered();
    host.backend.disturb();
    expect(await Promise.all([host.put('10.0.0.4'), host.put('10.0.0.2')])).toEqual(['created', 'exists']);
    expect(host.happened).toEqual(['drift', 'created']);
  });

  it('all the time, repairs are backed off, and in the end the rules stand', async () => {
    const host = await tampered();
    const before = repairs(host);
    for (let times = 0; times < 300; times++) {
      await flush(host);
      await advance(100);
    }
    // After 0, 250, 750, 1750, 3750, 7750, 15750 ms, at the latest.
    expect(repairs(host) - before).toBeLessThanOrEqual(8);
    await advance(30_000);
    expect(host.backend.dump()).toBe(whole);
    expect(host.engine.drifts).toBe(repairs(host) - before);
  });

  it('and can not tell whether the rules stand, they are brought back', async () => {
    const host = await tampered();
    host.backend.looks.push(isRefused);
    host.backend.disturb();
    await settle();
    expect(host.backend.dump()).toBe(whole);
    expect(host.happened).toEqual(['drift']);
  });

  it('and can not be repaired, the engine is degraded and recovers as ever', async () => {
    const host = await tampered();
    host.backend.replaces.push(isDown, isDown);
    host.backend.disturb();
    await settle();
    expect(host.engine.degraded).toBe('the kernel is away');
    await advance(250);
    expect(host.engine.degraded).not.toBeUndefined();
    await advance(500);
    expect(host.backend.dump()).toBe(whole);
    expect(host.happened).toEqual(['degraded', 'recovered', 'drift']);
    expect(host.events.at(-1)).toMatchObject({ count: 1 });
  });

  it('while the engine is degraded, that is left to its next try', async () => {
    const host = await tampered();
    host.backend.applies.push(losesAnswer);
    host.backend.replaces.push(isDown);
    expect(await host.put('10.0.0.4')).toBe('kernel-unavailable');
    const calls = host.backend.calls.length;
    host.backend.disturb();
    await settle();
    expect(host.backend.calls).toHaveLength(calls);
    await advance(250);
    expect(host.backend.dump()).toBe(whole);
  });

  it('after a stop, nothing is done any more', async () => {
    const host = await tampered();
    await host.engine.stop();
    const calls = host.backend.calls.length;
    host.backend.disturb();
    await advance(60_000);
    expect(host.backend.calls).toHaveLength(calls);
  });

  it('at the end, a stop waits for the repair', async () => {
    const host = await tampered();
    host.backend.disturb();
    await host.engine.stop();
    expect(host.backend.dump()).toBe(whole);
  });

  it('and the daemon dies in the repair, the next one brings the rules back', async () => {
    const host = await tampered();
    host.backend.replaces.push(diesBefore);
    host.backend.disturb();
    await host.crash();
    await host.start();
    expect(host.backend.dump()).toBe(whole);
    expect(host.events).toMatchObject([{ kind: 'drift', count: 1 }]);
  });
});

describe('a start', () => {
  it('after a start of the machine calls nothing drift', async () => {
    const host = await tampered();
    await host.crash();
    host.bootId = 'second';
    await host.start();
    expect(host.backend.dump()).toBe(whole);
    expect(host.happened).toEqual([]);
  });

  it('that brings the rules into another kernel calls nothing drift', async () => {
    const host = await tampered();
    await host.crash();
    await host.start(protection(['192.0.2.9']), true);
    expect(host.backend.dump()).toBe(whole);
    expect(host.happened).toEqual([]);
  });

  it('with everything in place changes nothing and says nothing', async () => {
    const host = await Host.running(new LiteralBackend(['ssh']));
    await host.put('10.0.0.1');
    await host.crash();
    host.events.length = 0;
    await host.start();
    expect(host.backend.dump()).toBe(`${dumped('10.0.0.1')}\nssh`);
    expect(host.happened).toEqual([]);
  });
});
