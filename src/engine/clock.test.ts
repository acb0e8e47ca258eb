import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readClock, stepSince, stepThreshold, systemClock } from './clock.ts';

describe('stepSince', () => {
  it.each([
    ['the clock runs on', 0, 0],
    ['the clock is slewed forward', stepThreshold, 0],
    ['the clock is slewed back', -stepThreshold, 0],
    ['the clock is set forward by little', stepThreshold + 1, stepThreshold + 1],
    ['the clock is set back by little', -stepThreshold - 1, -stepThreshold - 1],
    ['the clock is set forward by an hour', 3_600_000, 3_600_000],
    ['the clock is set back by a year', -31_536_000_000, -31_536_000_000],
    ['the uptime is not read to the millisecond', 999.6, 1000],
  ])('when %s by %d ms, it is a step of %d ms', (_, moved, step) => {
    expect(stepSince({ bootId: 'a', offset: 5000 }, { bootId: 'a', offset: 5000 + moved })).toBe(step);
  });

  it('tells nothing from one start of the machine to the next', () => {
    expect(stepSince({ bootId: 'a', offset: 0 }, { bootId: 'b', offset: 3_600_000 })).toBe(0);
  });
});

describe('readClock', () => {
  it('gives the instant of the start of the machine', () => {
    expect(readClock({ bootId: 'a', wall: () => 10_000, uptime: () => 4000 })).toEqual({ bootId: 'a', offset: 6000 });
  });
});

describe('systemClock', () => {
  it('reads the clocks of this machine', () => {
    const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
    expect(Math.abs(systemClock.uptime() - uptime)).toBeLessThan(1000);
    expect(Math.abs(systemClock.wall() - Date.now())).toBeLessThan(1000);
    expect(systemClock.bootId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('stands still against itself', async () => {
    const earlier = readClock(systemClock);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(stepSince(earlier, readClock(systemClock))).toBe(0);
  });
});
