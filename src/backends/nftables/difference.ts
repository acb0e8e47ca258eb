import type { Rule, RuleSpec } from '../../domain/rule.ts';
import { SpecTable } from '../../domain/spec-table.ts';
import type { Mirror } from './mirror.ts';

/** What is between the rules that stand and those that should. */
export interface Difference {
  /** Oldest first; they go above all that stand. */
  readonly add: readonly Rule[];
  readonly remove: readonly RuleSpec[];
  /** How many rules that stand are in another order than they should be, or below one that is missing. */
  readonly moved: number;
}

/** Compares what stands with the rules that should, oldest first. */
export function difference(mirror: Mirror, rules: Iterable<Rule>): Difference {
  const add: Rule[] = [];
  let kept = 0;
  let moved = 0;
  let last = -1;
  for (const rule of rules) {
    const order = mirror.orderOf(rule);
    if (order < 0) {
      add.push(rule);
      continue;
    }
    kept++;
    if (order < last || add.length > 0) moved++;
    last = Math.max(last, order);
  }
  return { add, remove: kept === mirror.size ? [] : unwanted(mirror, rules), moved };
}

/** The rules that stand and shouldn't. */
function unwanted(mirror: Mirror, rules: Iterable<Rule>): RuleSpec[] {
  const wanted = new SpecTable();
  for (const rule of rules) wanted.add(rule);
  const remove: RuleSpec[] = [];
  for (const spec of mirror.specs()) if (wanted.find(spec) < 0) remove.push(spec);
  return remove;
}
