import { describe, expect, it } from 'vitest';
import { advance, Host, onFakeTime, setWallClock } from './engine.fixture.ts';

onFakeTime();

const hour = 3_600_000;
const minute = 60_000;

/** A host with a rule for ten minutes, two of which are over. */
async function afterTwoMinutes(): Promise<Host> {
  const host = await Host.running();
  await host.put('10.0.0.1', 600);
  await advance(2 * minute);
  return host;
}

/** How many milliseconds the one rule still lasts; it is looked for every 50 ms. */
async function lasts(host: Host): Promise<number> {
  const begin = performance.now();
  while (host.engine.size > 0 && performance.now() - begin < 3 * hour) await advance(50);
  return performance.now() - begin;
}

const steps: [string, number][] = [
  ['set forward by an hour', hour],
  ['set back by an hour', -hour],
  ['set forward by a second', 1000],
  ['set back by a second', -1000],
];

describe('a rule for ten minutes lasts ten minutes', () => {
  it.each(steps)('when the clock is %s', async (_, step) => {
    const host = await afterTwoMinutes();
    setWallClock(step);
    expect(await lasts(host)).toBe(8 * minute);
    expect(host.events).toContainEqual({ kind: 'clock-set', milliseconds: step });
  });

  it.each(steps)('when the clock is %s while the daemon is away', async (_, step) => {
    const host = await afterTwoMinutes();
    await host.crash();
    setWallClock(step);
    await advance(minute);
    await host.start();
    expect(await lasts(host)).toBe(7 * minute);
    expect(host.events).toContainEqual({ kind: 'clock-set', milliseconds: step });
  });

  it.each(steps)('when the clock is %s, and the daemon dies right after it has seen that', async (_, step) => {
    const host = await afterTwoMinutes();
    setWallClock(step);
    await advance(1000);
    await host.crash();
    await host.start();
    expect(await lasts(host)).toBe(8 * minute - 1000);
  });

  it('when the clock is set forward and back again, many times', async () => {
    const host = await afterTwoMinutes();
    for (const step of [hour, -hour, 2 * hour, -3 * hour, 700, hour]) {
      setWallClock(step);
      await advance(1000);
    }
    expect(await lasts(host)).toBe(8 * minute - 6000);
  });

  it('when the clock is set while the disk is full, from when it has room again', async () => {
    const host = await afterTwoMinutes();
    host.store.full = true;
    setWallClock(hour);
    await advance(10_000);
    expect(await host.put('10.0.0.2')).toBe('store-failed');
    expect(host.engine.size).toBe(1);
    host.store.heal();
    expect(await lasts(host)).toBe(8 * minute - 10_000);
  });
});

describe('a clock that is set', () => {
  it('counts before the next command', async () => {
    const host = await afterTwoMinutes();
    setWallClock(hour);
    expect(await host.put('10.0.0.1', 480)).toBe('exists');
    expect(host.happened).toEqual(['created', 'clock-set']);
  });

  it('by less than half a second counts as slewed', async () => {
    const host = await afterTwoMinutes();
    setWallClock(400);
    expect(await lasts(host)).toBe(8 * minute - 400);
    expect(host.happened).toEqual(['created', 'expired']);
  });

  it('moves no permanent rule', async () => {
    const host = await Host.running();
    await host.put('10.0.0.1');
    setWallClock(hour);
    await host.put('10.0.0.2');
    expect((await host.stored()).map((rule) => rule.expiresAt)).toEqual([null, null]);
  });
});

describe('from one start of the machine to the next', () => {
  it.each([
    ['lasts on by the wall clock', 3 * minute, 5 * minute],
    ['is over when its instant has passed', 9 * minute, 0],
  ])('a rule %s', async (_, off, left) => {
    const host = await afterTwoMinutes();
    await host.crash();
    setWallClock(off);
    host.bootId = 'second';
    await host.start();
    expect(await lasts(host)).toBe(left);
    expect(host.happened).toEqual(['created', 'expired']);
  });
});
