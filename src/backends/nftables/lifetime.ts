import type { Rule } from '../../domain/rule.ts';

/**
 * Milliseconds by which an element outlives the expiry of its rule. The daemon takes it out on time; when it can't, because it
 * is dead or stands still, the kernel does by itself.
 */
const slack = 5000;

/** Milliseconds; beyond ten years an element has no timeout: the kernel refuses what its clocks can't hold. */
const longest = 10 * 365 * 86_400_000;

/** Milliseconds after which the kernel lets an element go by itself; undefined is never. */
export function lifetimeOf({ expiresAt }: Pick<Rule, 'expiresAt'>, now: number): number | undefined {
  if (expiresAt === null) return undefined;
  const left = Math.max(0, Math.ceil(expiresAt - now)) + slack;
  return left > longest ? undefined : left;
}
