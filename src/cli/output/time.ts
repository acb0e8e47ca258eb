import { units } from '../duration.ts';

/** A time as people say it, in its two largest units: `2h 5m`. @param seconds not negative */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  const at = units.findIndex(([, size]) => whole >= size);
  if (at < 0) return '0s';
  const [unit, size] = units[at] as (typeof units)[number];
  const next = units[at + 1];
  const rest = whole % size;
  const first = `${Math.floor(whole / size)}${unit}`;
  return next === undefined || rest < next[1] ? first : `${first} ${Math.floor(rest / next[1])}${next[0]}`;
}

/** How long something still lasts. @param expiresAt RFC 3339, or null for ever */
export function formatRest(expiresAt: string | null, now: number): string {
  return expiresAt === null ? 'never' : formatSeconds(Math.max(0, (Date.parse(expiresAt) - now) / 1000));
}

/** How long ago something was. @param at RFC 3339 */
export function formatAge(at: string, now: number): string {
  return `${formatSeconds(Math.max(0, (now - Date.parse(at)) / 1000))} ago`;
}
