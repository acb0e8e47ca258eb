import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Buckets } from './buckets.ts';
import { nobody, type Rate } from './principal.ts';

/** Buckets on a clock that stands until it is moved. */
function makeBuckets() {
  const clock = { now: 1000 };
  const buckets = new Buckets(() => clock.now);
  const take = (rate: Rate | undefined, name = 'x'): number =>
    buckets.take({ ...nobody, name, limits: rate === undefined ? {} : { rate } });
  return { clock, take };
}

describe('the rate of a principal', () => {
  it('is none unless it is limited', () => {
    const { take } = makeBuckets();
    expect(Array.from({ length: 1000 }, () => take(undefined)).every((wait) => wait === 0)).toBe(true);
  });

  it('lets a burst through, then so many a second', () => {
    const { clock, take } = makeBuckets();
    const rate = { perSecond: 2, burst: 3 };
    expect([take(rate), take(rate), take(rate), take(rate)]).toEqual([0, 0, 0, 1]);
    clock.now += 499;
    expect(take(rate)).toBe(1);
    clock.now += 1;
    expect([take(rate), take(rate)]).toEqual([0, 1]);
    clock.now += 3_600_000;
    expect([take(rate), take(rate), take(rate), take(rate)]).toEqual([0, 0, 0, 1]);
  });

  it('says after how many whole seconds there is one again, and then there is', () => {
    const { clock, take } = makeBuckets();
    const rate = { perSecond: 0.1, burst: 1 };
    expect([take(rate), take(rate)]).toEqual([0, 10]);
    clock.now += 2500;
    expect(take(rate)).toBe(8);
    clock.now += 8000;
    expect(take(rate)).toBe(0);
  });

  it('is each one’s own', () => {
    const { take } = makeBuckets();
    const rate = { perSecond: 1, burst: 1 };
    expect([take(rate, 'a'), take(rate, 'b'), take(rate, 'a')]).toEqual([0, 0, 1]);
  });

  it('is forgotten of those that asked longest ago when there are too many', () => {
    const { take } = makeBuckets();
    const rate = { perSecond: 1, burst: 1 };
    take(rate, 'first');
    for (let index = 0; index < 9_999; index++) take(rate, `other ${index}`);
    expect(take(rate, 'first')).toBe(1);
    for (let index = 0; index < 10_000; index++) take(rate, `another ${index}`);
    expect(take(rate, 'first')).toBe(0);
  });

  it('never lets more through than burst and time allow', () => {
    const pauses = fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 50 });
    const rates = fc.record({
      perSecond: fc.double({ min: 0.01, max: 20, noNaN: true }),
      burst: fc.integer({ min: 1, max: 9 }),
    });
    fc.assert(
      fc.property(rates, pauses, (rate, waits) => {
        const { clock, take } = makeBuckets();
        let granted = 0;
        for (const wait of waits) {
          clock.now += wait;
          if (take(rate) === 0) granted++;
        }
        const elapsed = (clock.now - 1000) / 1000;
        expect(granted).toBeLessThanOrEqual(rate.burst + elapsed * rate.perSecond + 1e-6);
      }),
    );
  });
});
