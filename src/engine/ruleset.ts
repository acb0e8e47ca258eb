import type { Change } from '../backends/backend.ts';
import { type Rule, type RuleKey, type RuleSpec, ruleKey } from '../domain/rule.ts';
import type { Mutation } from './store/store.ts';

/** All rules that stand, each tuple once, in the order in which they were put. */
export class RuleSet {
  /** A Map keeps the order of insertion, and setting a key that is there doesn't move it. */
  readonly #rules = new Map<RuleKey, Rule>();

  constructor(rules: Iterable<Rule> = []) {
    for (const rule of rules) this.#rules.set(ruleKey(rule), rule);
  }

  get size(): number {
    return this.#rules.size;
  }

  get(key: RuleKey): Rule | undefined {
    return this.#rules.get(key);
  }

  /** Oldest first. */
  all(): Rule[] {
    return [...this.#rules.values()];
  }

  /** Takes over what a draft has changed. */
  commit(draft: Draft): void {
    for (const { kind, rule } of draft.mutations()) {
      if (kind === 'delete') this.#rules.delete(ruleKey(rule));
      else this.#rules.set(ruleKey(rule), rule);
    }
  }

  /** Moves every expiry by so many milliseconds. */
  moveExpiries(milliseconds: number): void {
    for (const [key, rule] of this.#rules) {
      if (rule.expiresAt !== null) this.#rules.set(key, { ...rule, expiresAt: rule.expiresAt + milliseconds });
    }
  }
}

/** What a batch would change, over a rule set that stays as it is. Only the net effect on each tuple counts. */
export class Draft {
  readonly #base: RuleSet;
  readonly #after = new Map<RuleKey, Rule | undefined>();
  readonly #touched = new Set<RuleKey>();

  constructor(base: RuleSet) {
    this.#base = base;
  }

  get(spec: RuleSpec): Rule | undefined {
    const key = ruleKey(spec);
    return this.#after.has(key) ? this.#after.get(key) : this.#base.get(key);
  }

  /** Puts a new rule, or the same one with another expiry; which of the two, its `seq` says. */
  set(rule: Rule): void {
    this.#after.set(ruleKey(rule), rule);
  }

  /** Has the kernel asked whether it still holds a rule that was put again. */
  touch(rule: Rule): void {
    this.#touched.add(ruleKey(rule));
  }

  remove(spec: RuleSpec): void {
    this.#after.set(ruleKey(spec), undefined);
  }

  /** The durable changes: deletions first, so that a tuple that left and came back is never there twice; then oldest first. */
  mutations(): Mutation[] {
    const deletions: Mutation[] = [];
    const settings: Mutation[] = [];
    for (const [key, after] of this.#after) {
      const before = this.#base.get(key);
      if (before !== undefined && before.seq !== after?.seq) deletions.push({ kind: 'delete', rule: before });
      if (after === undefined) continue;
      if (before?.seq !== after.seq) settings.push({ kind: 'insert', rule: after });
      else if (before.expiresAt !== after.expiresAt) settings.push({ kind: 'expiry', rule: after });
    }
    return [...deletions, ...settings.sort((a, b) => a.rule.seq - b.rule.seq)];
  }

  /** The same, as a step for the kernel. */
  change(): Change {
    const mutations = this.mutations();
    const of = (kind: Mutation['kind']): Rule[] => mutations.flatMap((m) => (m.kind === kind ? [m.rule] : []));
    const refresh = [...this.#touched].flatMap((key) => {
      const rule = this.#after.has(key) ? this.#after.get(key) : this.#base.get(key);
      return rule !== undefined && this.#base.get(key)?.seq === rule.seq ? [rule] : [];
    });
    const stays = (rule: Rule): boolean => this.#base.get(ruleKey(rule))?.expiresAt === rule.expiresAt;
    return {
      add: of('insert'),
      remove: of('delete'),
      refresh: refresh.filter(stays),
      renew: refresh.filter((rule) => !stays(rule)),
    };
  }
}
