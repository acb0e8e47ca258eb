import type { Prefix } from '../../domain/address.ts';
import { formatSide, type Rule } from '../../domain/rule.ts';
import { groups } from './groups.ts';

/** Fewer rules are as fast written one by one. */
const fewestRules = 8;

/** More are several runs: what is written of one in the record of changes is read as a whole. */
export const longestRun = 5000;

/** The address that tells the rules of a run apart; of two it is the source. */
export type RunSide = 'source' | 'destination';

/**
 * Rules that were put right after one another and are alike but for one address, as those of a bulk load mostly are. They are
 * written with one statement, which takes a quarter of the time.
 */
export class RuleRun {
  readonly side: RunSide;
  readonly first: Rule;
  readonly rules: readonly Rule[];
  #addresses: string | undefined;

  constructor(rules: readonly [Rule, ...Rule[]]) {
    this.rules = rules;
    this.first = rules[0];
    this.side = this.first.source === 'any' ? 'destination' : 'source';
  }

  /** Whether there are enough rules that writing them together pays. */
  get pays(): boolean {
    return this.rules.length >= fewestRules;
  }

  /** The addresses in the order of the rules, as a JSON array of texts; no address has a character that needs an escape. */
  get addresses(): string {
    this.#addresses ??= `["${this.rules.map((rule) => formatSide(rule[this.side])).join('","')}"]`;
    return this.#addresses;
  }
}

/** The rules in runs, in their order. */
export function runsOf(rules: readonly Rule[]): RuleRun[] {
  const belong = (before: Rule, rule: Rule): boolean => rule.seq === before.seq + 1 && areAlike(before, rule);
  return groups(rules, belong, longestRun).map((run) => new RuleRun(run));
}

/** Whether the rules differ in nothing but one address and their place in the order. */
function areAlike(a: Rule, b: Rule): boolean {
  if (a.action !== b.action || a.chain !== b.chain || a.in !== b.in || a.out !== b.out) return false;
  if (a.expiresAt !== b.expiresAt || a.createdAt !== b.createdAt) return false;
  if (a.origin !== b.origin || a.comment !== b.comment) return false;
  if (a.source === 'any' || b.source === 'any') return a.source === b.source;
  return isSame(a.destination, b.destination);
}

function isSame(a: Prefix | 'any', b: Prefix | 'any'): boolean {
  if (a === 'any' || b === 'any') return a === b;
  return a.family === b.family && a.length === b.length && a.value === b.value;
}
