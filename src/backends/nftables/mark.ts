/**
 * What a prefix is beside its address, in one word: length, lane and level. In that order they also order prefixes of one
 * address: those that hold others come first, and of a prefix in a lane the highest level comes last.
 */
export function markOf(length: number, lane: number, level: number): number {
  return ((length << 24) | (lane << 16) | level) >>> 0;
}

export function lengthOf(mark: number): number {
  return mark >>> 24;
}

/** Lanes are 0 to 255. */
export function laneOf(mark: number): number {
  return (mark >>> 16) & 0xff;
}

export function levelOf(mark: number): number {
  return mark & 0xffff;
}

/** What stands for "no level". */
export const noLevel = -1;

/** Above the level of any mark of its length and lane. */
export const anyLevel = 0xffff;

/** Above any mark. */
export const anyMark = 0xffff_ffff;
