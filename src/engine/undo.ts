import { RfwError } from '../domain/errors.ts';
import { type Rule, type RuleKey, ruleKey } from '../domain/rule.ts';
import type { Outcome, Result, RuleOutcome } from './decide.ts';
import type { ListStep } from './list-step.ts';
import { readStoredList, storedList } from './lists.ts';
import type { RuleStep } from './rule-step.ts';
import { readRule, ruleColumns } from './store/rows.ts';
import type { DocumentWrite } from './store/store.ts';

/** How things were before a change. */
export interface Undo {
  /** Each rule once. */
  readonly rules: readonly RuleStep[];
  /** Entries of the whitelist, as they were stored. */
  readonly whitelist?: readonly WhitelistStep[];
  readonly lists?: readonly ListStep[];
}

/** An entry of the whitelist as it was stored before a change, and what is stored of it since. */
export type WhitelistStep = DocumentWrite & { readonly after: DocumentWrite['body'] };

/** What a change was made to, as texts: two changes that have one in common are about the same thing. */
export function touchedBy({ rules, whitelist = [], lists = [] }: Undo): ReadonlySet<string> {
  return new Set([
    ...rules.map(({ before, after }) => ruleKey((after ?? before) as Rule)),
    ...whitelist.map(({ id }) => `whitelist ${id}`),
    ...lists.map(({ name }) => `list ${name}`),
  ]);
}

/** The same, with all instants moved by so many milliseconds, because the wall clock was set. */
export function movedUndo(undo: Undo, milliseconds: number): Undo {
  if (milliseconds === 0) return undo;
  const moved = <T extends { readonly expiresAt: number | null }>(before: T | undefined): T | undefined =>
    before && (before.expiresAt === null ? before : { ...before, expiresAt: before.expiresAt + milliseconds });
  const rules = undo.rules.map((step) => ({ ...step, before: moved(step.before) }) as RuleStep);
  const lists = undo.lists?.map((step) => ({ ...step, before: moved(step.before) }));
  return { ...undo, rules, ...(lists && { lists }) };
}

export function isNothing({ rules, whitelist, lists }: Undo): boolean {
  return rules.length === 0 && whitelist === undefined && lists === undefined;
}

/** What undoes commands that had these results. */
export function undoOf(results: readonly Result[]): Undo {
  const steps = new Map<RuleKey, { before: Rule | undefined; after: Rule | undefined }>();
  for (const result of results) {
    if (result instanceof RfwError || !isChange(result)) continue;
    const key = ruleKey(result.rule);
    const created = result.status === 'created';
    const before = created ? undefined : result.status === 'updated' ? result.before : result.rule;
    const after = result.status === 'deleted' ? undefined : result.rule;
    const earlier = steps.get(key);
    steps.set(key, { before: earlier === undefined ? before : earlier.before, after });
  }
  // What came and went again leaves nothing to undo.
  return { rules: [...steps.values()].filter(({ before, after }) => before ?? after) as RuleStep[] };
}

function isChange(result: Outcome): result is Extract<RuleOutcome, { rule: Rule }> {
  return result.status === 'created' || result.status === 'updated' || result.status === 'deleted';
}

/** Whether the rule has to come back to its place, and isn't only to get its former expiry and comment. */
export function isGone({ before, after }: RuleStep): boolean {
  return before !== undefined && before.seq !== after?.seq;
}

type StoredStep = readonly [before: unknown, after: unknown];
type StoredListStep = Pick<ListStep, 'name' | 'place'> & { readonly before?: unknown };

/** As a JSON value. */
export function storedUndo({ rules, whitelist, lists }: Undo): unknown {
  const columns = (rule: Rule | undefined): unknown => (rule === undefined ? null : ruleColumns(rule));
  const stored = ({ name, place, before }: ListStep): StoredListStep => ({
    name,
    place,
    ...(before && { before: storedList(before) }),
  });
  return {
    rules: rules.map(({ before, after }): StoredStep => [columns(before), columns(after)]),
    whitelist,
    lists: lists?.map(stored),
  };
}

/** What `storedUndo` gave. @throws RfwError when somebody else has written it */
export function readUndo(stored: unknown): Undo {
  const { rules, lists, ...rest } = stored as Omit<Undo, 'rules' | 'lists'> & {
    readonly rules: readonly StoredStep[];
    readonly lists?: readonly StoredListStep[];
  };
  const rule = (columns: unknown): Rule | undefined => (columns === null ? undefined : readRule(columns as unknown[]));
  // One of the two is there, since it was when it was stored.
  const steps = rules.map(([before, after]) => ({ before: rule(before), after: rule(after) }) as RuleStep);
  if (lists === undefined) return { ...rest, rules: steps };
  return { ...rest, rules: steps, lists: lists.map(readListStep) };
}

function readListStep({ name, place, before }: StoredListStep): ListStep {
  return { name, place, before: before === undefined ? undefined : readStoredList(before) };
}
