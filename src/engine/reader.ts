import { type Backend, everyState, type RuleState } from '../backends/backend.ts';
import { type Chain, type Rule, type RuleKey, type RuleSpec, ruleKey } from '../domain/rule.ts';
import type { Protection } from './decide.ts';
import { type Explanation, explain, type PacketQuestion } from './explanation.ts';
import type { Lists } from './lists.ts';
import { findRules, type RulePage, type RuleQuery } from './query.ts';
import type { RuleSet } from './ruleset.ts';
import { SharedRead } from './shared-read.ts';

/** What a rule has met. */
export interface Counters {
  readonly packets: bigint;
  readonly bytes: bigint;
}

/** A rule, and what it has met; that isn't known where nobody asked, or the kernel can't be asked or doesn't hold it. */
export interface CountedRule {
  readonly rule: Rule;
  readonly counters: Counters | undefined;
}

/** A page of rules with what they have met. */
export interface CountedPage extends Omit<RulePage, 'rules'> {
  readonly rules: readonly CountedRule[];
}

/** What stands at the moment. */
interface ReadableStanding {
  readonly rules: RuleSet;
  readonly lists: Lists;
  readonly protection: Protection;
}

/** Answers questions about the rules that stand. It changes nothing, and waits for no change. */
export class Reader {
  readonly #backend: Backend;
  readonly #standing: ReadableStanding;
  /** Where the kernel can only be read as a whole. */
  readonly #whole: SharedRead<RuleState[]>;

  constructor(backend: Backend, standing: ReadableStanding) {
    this.#backend = backend;
    this.#standing = standing;
    this.#whole = new SharedRead(() => everyState(backend.read(standing.rules.newestFirst())));
  }

  /**
   * The rules in the kernel, of one chain or of all, with their counters, some at a time.
   * @throws RfwError `kernel-refused`, `kernel-unavailable`
   */
  async *list(chain?: Chain): AsyncGenerator<readonly RuleState[]> {
    if (this.#backend.marksItsOwn) {
      yield* this.#backend.read(this.#standing.rules.newestFirst(chain));
      return;
    }
    const states = await this.#whole.next();
    yield chain === undefined ? states : states.filter(({ spec }) => spec.chain === chain);
  }

  /**
   * A page of rules.
   * @param counted whether the kernel is asked what they have met; that they are there is known without it
   * @throws RfwError `cursor-invalid`
   */
  async find(query: RuleQuery, counted: boolean): Promise<CountedPage> {
    const page = await findRules(() => this.#standing.rules, query);
    return { ...page, rules: counted ? await this.#count(page.rules) : page.rules.map(uncounted) };
  }

  /** All rules, newest first, also while rules come and go: those that stand when their turn comes. */
  all(): Iterable<Rule> {
    return this.#standing.rules.newestFirst();
  }

  /** The rule of this tuple, if there is one. */
  async rule(spec: RuleSpec): Promise<CountedRule | undefined> {
    const rule = this.#standing.rules.get(spec);
    return rule === undefined ? undefined : (await this.#count([rule]))[0];
  }

  /** What becomes of a packet, and why. */
  explain(question: PacketQuestion): Explanation {
    return explain(this.#standing, question);
  }

  async #count(rules: readonly Rule[]): Promise<CountedRule[]> {
    const counters = rules.length === 0 ? new Map<RuleKey, Counters>() : await this.#countersOf(rules);
    return rules.map((rule) => ({ rule, counters: counters.get(ruleKey(rule)) }));
  }

  async #countersOf(rules: readonly Rule[]): Promise<Map<RuleKey, Counters>> {
    try {
      const states = this.#backend.marksItsOwn ? await everyState(this.#backend.read(rules)) : await this.#whole.next();
      return new Map(states.map(({ spec, packets, bytes }) => [ruleKey(spec), { packets, bytes }]));
    } catch {
      // That the kernel can't be asked is no reason not to say what it was told.
      return new Map();
    }
  }
}

function uncounted(rule: Rule): CountedRule {
  return { rule, counters: undefined };
}
