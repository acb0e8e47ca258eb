import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { formatAddress, parseAddress } from '../../domain/address.ts';
import { type LoginPolicy, Logins } from './logins.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const policy: LoginPolicy = { failures: 3, period: 60_000, firstDelay: 100, longestDelay: 400 };

function makeLogins(more: Partial<LoginPolicy> = {}) {
  const tooMany: string[] = [];
  const held = { policy: { ...policy, ...more } };
  const logins = new Logins(
    () => held.policy,
    (client) => void tooMany.push(formatAddress(client)),
  );
  const connection = new EventEmitter();
  /** Fails once. @returns tells whether that was answered */
  const fail = (address = '192.0.2.7', on = connection): (() => boolean) => {
    let answered = false;
    void logins.failed(parseAddress(address), on).then(() => {
      answered = true;
    });
    return () => answered;
  };
  /** How long a failure is answered later. Milliseconds. */
  const delay = async (address?: string): Promise<number> => {
    const began = performance.now();
    const answered = fail(address);
    for (;;) {
      await vi.advanceTimersByTimeAsync(0);
      if (answered()) return Math.round(performance.now() - began);
      await vi.advanceTimersToNextTimerAsync();
    }
  };
  return { logins, held, tooMany, fail, delay, connection };
}

describe('failed logins', () => {
  it('are answered later and later, up to a bound, and soon again when the time is over', async () => {
    const { delay } = makeLogins({ failures: undefined });
    const delays = [await delay(), await delay(), await delay(), await delay(), await delay()];
    expect(delays).toEqual([100, 200, 400, 400, 400]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await delay()).toBe(100);
  });

  it('of one address don’t slow down another, but those of one IPv6 network do', async () => {
    const { delay } = makeLogins();
    expect([await delay('192.0.2.1'), await delay('192.0.2.2')]).toEqual([100, 100]);
    expect([await delay('2001:db8::1'), await delay('2001:db8::2:1'), await delay('2001:db8:0:1::1')]).toEqual([
      100, 200, 100,
    ]);
  });

  it('are told when they are too many, and each time again', async () => {
    const { fail, tooMany } = makeLogins();
    for (let times = 0; times < 7; times++) fail('192.0.2.9', new EventEmitter());
    fail('192.0.2.8');
    expect(tooMany).toEqual(['192.0.2.9', '192.0.2.9']);
  });

  it('are forgotten when they are old', async () => {
    const { delay, tooMany } = makeLogins();
    await delay();
    await delay();
    await vi.advanceTimersByTimeAsync(60_000);
    await delay();
    expect(tooMany).toEqual([]);
  });

  it('never are too many where that is off, and a reload counts at once', async () => {
    const { delay, tooMany, held } = makeLogins({ failures: undefined });
    for (let times = 0; times < 5; times++) await delay();
    expect(tooMany).toEqual([]);
    held.policy = { ...policy, failures: 6 };
    await delay();
    expect(tooMany).toEqual(['192.0.2.7']);
  });

  it('of somebody whose answer needn’t wait count too', () => {
    const { logins, tooMany } = makeLogins();
    for (let times = 0; times < 3; times++) logins.strayed(parseAddress('203.0.113.1'));
    expect(tooMany).toEqual(['203.0.113.1']);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('answers that wait', () => {
  const client = parseAddress('192.0.2.7');

  it('are at most four of an address, which isn’t heard meanwhile', async () => {
    const { logins, fail } = makeLogins();
    for (let times = 0; times < 3; times++) fail();
    expect(logins.refuses(client)).toBe(0);
    fail();
    expect(logins.refuses(client)).toBe(1);
    expect(logins.refuses(parseAddress('192.0.2.8'))).toBe(0);
    await vi.advanceTimersByTimeAsync(100);
    expect(logins.refuses(client)).toBe(0);
  });

  it('are at most so many of all, and then only those who never failed are heard', async () => {
    const { logins, fail } = makeLogins();
    for (let index = 0; index < 256; index++) fail(`10.0.${index}.1`, new EventEmitter());
    expect(logins.refuses(parseAddress('10.0.3.1'))).toBe(1);
    expect(logins.refuses(parseAddress('10.9.9.9'))).toBe(0);
    await vi.advanceTimersByTimeAsync(100);
    expect(logins.refuses(parseAddress('10.0.3.1'))).toBe(0);
  });

  it('end when the client hangs up, and leave nothing behind', async () => {
    const { fail, connection, logins } = makeLogins();
    const answered = [fail(), fail(), fail(), fail()];
    expect(logins.refuses(client)).toBe(1);
    connection.emit('close');
    await vi.advanceTimersByTimeAsync(0);
    expect(answered.every((done) => done())).toBe(true);
    expect(logins.refuses(client)).toBe(0);
    expect([connection.listenerCount('close'), vi.getTimerCount()]).toEqual([0, 0]);
  });

  it('leave no listeners on a connection that stays', async () => {
    const { delay, connection } = makeLogins();
    for (let times = 0; times < 20; times++) await delay();
    expect(connection.listenerCount('close')).toBe(0);
  });

  it('are all given when the daemon stops', async () => {
    const { fail, logins } = makeLogins();
    const answered = [fail('192.0.2.1'), fail('192.0.2.2')];
    logins.release();
    await vi.advanceTimersByTimeAsync(0);
    expect(answered.every((done) => done())).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });
});

it('keeps a bounded number of addresses in mind, whoever comes', () => {
  const { logins, tooMany } = makeLogins({ failures: 2 });
  logins.strayed(parseAddress('192.0.2.1'));
  for (let index = 0; index < 10_000; index++) logins.strayed(parseAddress(`10.${index >> 8}.${index & 255}.1`));
  logins.strayed(parseAddress('192.0.2.1'));
  expect(tooMany).toEqual([]);
  logins.strayed(parseAddress('192.0.2.1'));
  expect(tooMany).toEqual(['192.0.2.1']);
});
