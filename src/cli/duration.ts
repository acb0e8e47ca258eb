/** Seconds in each unit that the API takes, the largest first. */
export const units = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
] as const;

/** How people write units, by how they begin. */
const secondsIn: Readonly<Record<string, number>> = { w: 604_800, d: 86_400, h: 3600, m: 60, s: 1 };

const word = /(\d+)\s*(w(?:eeks?)?|d(?:ays?)?|h(?:(?:ou)?rs?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)/gi;

/** The longest time that the API takes, in seconds: nine digits of days are more than there are. */
const longest = 999_999_999;

/**
 * Reads a time as people write one: `90s`, `10m`, `1h30m`, `2 hours`, `7d`, `2w`; seconds when there is no unit.
 * @returns it as the API takes it, in the largest unit that has no remainder; undefined when it is none, or nothing
 */
export function readTime(text: string): string | undefined {
  const trimmed = text.trim();
  if (!/^\d+$/.test(trimmed) && trimmed.replace(word, '').replace(/[\s,]|\band\b/g, '') !== '') return undefined;
  let seconds = /^\d+$/.test(trimmed) ? Number(trimmed) : 0;
  for (const [, count, unit = ''] of trimmed.matchAll(word))
    seconds += Number(count) * (secondsIn[unit[0]?.toLowerCase() ?? ''] ?? 0);
  if (seconds <= 0 || seconds > longest) return undefined;
  const [unit, size] = units.find(([, each]) => seconds % each === 0) ?? ['s', 1];
  return `${seconds / size}${unit}`;
}

/** A time in milliseconds. @param time as `readTime` gives it */
export function millisecondsOf(time: string): number {
  return 1000 * Number.parseInt(time, 10) * (secondsIn[time.at(-1) ?? 's'] ?? 1);
}
