const secondsIn: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** A duration of the command line in milliseconds. @param time as `durationOf` gives it */
export function millisecondsOf(time: string): number {
  return 1000 * Number.parseInt(time, 10) * (secondsIn[time.at(-1) ?? 's'] ?? 1);
}
