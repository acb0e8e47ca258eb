import type { Rule } from './api-types.ts';

/** Where a rule looks, for people: `input in eth0`, `forward to 10.1.0.0/16`. */
export function placeOf({
  chain,
  in: into,
  out,
  destination,
}: Pick<Rule, 'chain' | 'in' | 'out' | 'destination'>): string {
  const interfaces = [into === 'any' ? '' : ` in ${into}`, out === 'any' ? '' : ` out ${out}`].join('');
  const to = chain === 'forward' && destination !== 'any' ? ` to ${destination}` : '';
  return `${chain}${interfaces}${to}`;
}
