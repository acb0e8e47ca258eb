import type { Change } from '../backends/backend.ts';
import type { Rule, RuleSpec } from '../domain/rule.ts';
import { SpecTable } from '../domain/spec-table.ts';
import type { RuleSet } from './ruleset.ts';
import type { Mutation } from './store/store.ts';

/** A tuple that a draft is about. */
interface Entry {
  /** The rule that stands. */
  readonly before: Rule | undefined;
  after: Rule | undefined;
  /** Whether it was put again. */
  touched: boolean;
}

/** What a batch would change, over a rule set that stays as it is. Only the net effect on each tuple counts. */
export class Draft {
  readonly #base: RuleSet;
  /** The tuples that it is about; the entry of each has the number of its row. */
  readonly #specs = new SpecTable();
  readonly #entries: Entry[] = [];
  #last: { readonly spec: RuleSpec; readonly entry: Entry } | undefined;
  /** Brings entries back to how they were at the mark, the last one first. */
  #undo: (() => void)[] | undefined;

  constructor(base: RuleSet) {
    this.#base = base;
  }

  get(spec: RuleSpec): Rule | undefined {
    return this.#entry(spec).after;
  }

  /** Puts a new rule, or the same one with another expiry or comment; which of the two, its `seq` says. */
  set(rule: Rule): void {
    this.#changing(rule).after = rule;
  }

  /** Has the kernel asked whether it still holds a rule that was put again. */
  touch(rule: Rule): void {
    this.#changing(rule).touched = true;
  }

  remove(spec: RuleSpec): void {
    this.#changing(spec).after = undefined;
  }

  /** Remembers how all is now, until the next mark. @returns brings that back */
  mark(): () => void {
    const undo: (() => void)[] = [];
    this.#undo = undo;
    return () => {
      for (const step of undo.reverse()) step();
    };
  }

  /** The durable changes: deletions first, so that a tuple that left and came back is never there twice; then oldest first. */
  mutations(): Mutation[] {
    const deletions: Mutation[] = [];
    const settings: Mutation[] = [];
    for (const { before, after } of this.#entries) {
      if (before !== undefined && before.seq !== after?.seq) deletions.push({ kind: 'delete', rule: before });
      if (after === undefined) continue;
      if (before?.seq !== after.seq) settings.push({ kind: 'insert', rule: after });
      else if (differ(before, after)) settings.push({ kind: 'update', rule: after });
    }
    return [...deletions, ...settings.sort((a, b) => a.rule.seq - b.rule.seq)];
  }

  /** The same, as a step for the kernel. */
  change(mutations: readonly Mutation[] = this.mutations()): Change {
    const of = (wanted: Mutation['kind']): Rule[] => {
      const rules: Rule[] = [];
      for (const { kind, rule } of mutations) if (kind === wanted) rules.push(rule);
      return rules;
    };
    const refresh: Rule[] = [];
    const renew: Rule[] = [];
    for (const { before, after, touched } of this.#entries) {
      if (!touched || before === undefined || before.seq !== after?.seq) continue;
      (before.expiresAt === after.expiresAt ? refresh : renew).push(after);
    }
    return { add: of('insert'), remove: of('delete'), refresh, renew };
  }

  #changing(spec: RuleSpec): Entry {
    const entry = this.#entry(spec);
    const { after, touched } = entry;
    this.#undo?.push(() => Object.assign(entry, { after, touched }));
    return entry;
  }

  #entry(spec: RuleSpec): Entry {
    // What was asked for is mostly what is changed next.
    if (this.#last !== undefined && hasSameParts(this.#last.spec, spec)) return this.#last.entry;
    const row = this.#specs.tryAdd(spec);
    const entry = row < 0 ? (this.#entries[this.#specs.find(spec)] as Entry) : this.#enter(row, spec);
    this.#last = { spec, entry };
    return entry;
  }

  #enter(row: number, spec: RuleSpec): Entry {
    const before = this.#base.get(spec);
    const entry: Entry = { before, after: before, touched: false };
    this.#entries[row] = entry;
    return entry;
  }
}

/** Whether the tuples consist of the very same parts, and so are the same; the same tuple may also consist of others. */
function hasSameParts(a: RuleSpec, b: RuleSpec): boolean {
  if (a.source !== b.source || a.destination !== b.destination) return false;
  return a.action === b.action && a.chain === b.chain && a.in === b.in && a.out === b.out;
}

function differ(a: Rule, b: Rule): boolean {
  return a.expiresAt !== b.expiresAt || a.comment !== b.comment;
}
