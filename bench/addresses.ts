import { formatAddress, hostPrefix } from '../src/domain/address.ts';
import { anyInterface } from '../src/domain/interface.ts';
import type { Rule } from '../src/domain/rule.ts';

/** Milliseconds that every rule lasts: longer than any run. */
export const lifetime = 30 * 86_400_000;

/** How many rules are taken out at once where that is measured. */
export const removal = 10_000;

/**
 * Spreads numbers over 128.0.0.0/2, and none twice, since the multiplier is odd. That quarter has neither loopback nor
 * multicast, which the kernel refuses as sources before any firewall sees them. c/address.h has the same formula.
 */
export function addressOf(index: number): number {
  return (0x80000000 | (Math.imul(index, 0x9e3779b1) & 0x3fffffff)) >>> 0;
}

/** The address as text, dotted. */
export function hostOf(index: number): string {
  return formatAddress({ family: 4, value: BigInt(addressOf(index)) });
}

/** A rule as rfw keeps it: drop what comes from one host, until it expires. */
export function ruleOf(index: number, now: number): Rule {
  return {
    action: 'drop',
    chain: 'input',
    in: anyInterface,
    out: anyInterface,
    source: hostPrefix({ family: 4, value: BigInt(addressOf(index)) }),
    destination: 'any',
    seq: index + 1,
    expiresAt: now + lifetime,
    createdAt: now,
    origin: 'bench',
    comment: '',
  };
}

/** Rules that are made when they are looked at, as often as somebody goes through them. */
export function rulesOnTheWay(count: number, now: number): Iterable<Rule> {
  return {
    *[Symbol.iterator]() {
      for (let index = 0; index < count; index++) yield ruleOf(index, now);
    },
  };
}
