import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';

/** Where the time comes from. */
export interface Clock {
  /** The wall clock: milliseconds since the epoch. It can be set. */
  wall(): number;
  /** Milliseconds since the machine started, suspension included; nobody can set it. About 10 ms fine. */
  uptime(): number;
  /** Differs from one start of the machine to the next, so that `uptime` of two processes can be compared. */
  readonly bootId: string;
}

/** How wall clock and uptime stood to each other. */
export interface ClockReading {
  readonly bootId: string;
  /** `wall - uptime` in milliseconds: the wall clock's instant of the machine's start. */
  readonly offset: number;
}

/** A wall clock that moves by more than this against the uptime was set, not slewed. Milliseconds. */
export const stepThreshold = 500;

export function readClock(clock: Clock): ClockReading {
  return { bootId: clock.bootId, offset: clock.wall() - clock.uptime() };
}

/**
 * By how much the wall clock was set since the earlier reading; 0 when it wasn't, or when the machine was started
 * anew in between and nobody can tell. Milliseconds.
 */
export function stepSince(earlier: ClockReading, now: ClockReading): number {
  if (earlier.bootId !== now.bootId) return 0;
  const step = Math.round(now.offset - earlier.offset);
  return Math.abs(step) > stepThreshold ? step : 0;
}

/**
 * The clocks of this machine. Of the two that count from its start the one that is ahead is right: CLOCK_MONOTONIC leaves
 * suspension out, and `/proc/uptime` begins anew with a container that lxcfs serves. proc(5), clock_gettime(2)
 */
export const systemClock: Clock = {
  wall: () => Date.now(),
  uptime: () => Math.max(uptime() * 1000, Number(process.hrtime.bigint() / 1_000_000n)),
  bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
};
