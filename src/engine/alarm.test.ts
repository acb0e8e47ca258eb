import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Alarm } from './alarm.ts';
import { onFakeTime, setWallClock } from './engine.fixture.ts';
import { ExpiryQueue } from './expiry.ts';
import { rule } from './rules.fixture.ts';

onFakeTime();

let expiries: ExpiryQueue;
let alarm: Alarm;
let rings: number[];
let begin: number;
let nextList: number | undefined;

beforeEach(() => {
  begin = performance.now();
  rings = [];
  expiries = new ExpiryQueue();
  const clock = { wall: () => Date.now(), uptime: () => performance.now(), bootId: 'a' };
  const ring = () => rings.push(Math.round(performance.now() - begin));
  alarm = new Alarm(clock, expiries, ring, () => nextList);
  nextList = undefined;
});

afterEach(() => alarm.stop());

const expiresIn = (milliseconds: number): void => expiries.add(rule(1, '10.0.0.1', Date.now() + milliseconds));

describe('Alarm', () => {
  it('is silent when nothing will expire and nothing needs recovery', () => {
    alarm.set(undefined);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([
    ['at the earliest expiry', 700, undefined, 700],
    ['at once when an expiry is past', -50, undefined, 0],
    ['after a second at most, to look at the clock', 600_000, undefined, 1000],
    ['for another try to recover', undefined, 30_000, 30_000],
    ['for whichever is first, here the expiry', 300, 500, 300],
    ['for whichever is first, here the recovery', 700, 250, 250],
  ])('rings %s', (_, expiry, retryDelay, expected) => {
    if (expiry !== undefined) expiresIn(expiry);
    alarm.set(retryDelay);
    vi.advanceTimersByTime(60_000);
    expect(rings).toHaveLength(1);
    expect((rings[0] ?? 0) - expected).toBeLessThanOrEqual(1);
    expect(rings[0]).toBeGreaterThanOrEqual(expected);
  });

  it('has one timer, however often it is set', () => {
    expiresIn(500);
    for (let times = 0; times < 10; times++) alarm.set(250);
    expect(vi.getTimerCount()).toBe(1);
  });

  it('never rings again once it has stopped', () => {
    expiresIn(500);
    alarm.set(undefined);
    alarm.stop();
    alarm.set(250);
    vi.advanceTimersByTime(60_000);
    expect(rings).toEqual([]);
  });

  it('gives out what is due by the wall clock', () => {
    expiresIn(3_000_000);
    expect(alarm.takeDue(10)).toEqual([]);
    setWallClock(3_000_000);
    expect(alarm.takeDue(10)).toEqual([1]);
  });

  it('gives out postponed rules a second later', () => {
    expiresIn(0);
    for (const seq of alarm.takeDue(10)) alarm.postpone({ seq });
    alarm.set(undefined);
    vi.advanceTimersByTime(999);
    expect(alarm.takeDue(10)).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(rings).toEqual([1000]);
    expect(alarm.takeDue(10)).toEqual([1]);
  });
});
