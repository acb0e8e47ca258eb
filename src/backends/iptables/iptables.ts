import type { Family } from '../../domain/address.ts';
import { RfwError } from '../../domain/errors.ts';
import type { PortGuard } from '../../domain/guard.ts';
import type { EnforcedList } from '../../domain/list.ts';
import { chains, familyOf, type Rule, type RuleKey, type RuleSpec, ruleKey } from '../../domain/rule.ts';
import type {
  Backend,
  Capabilities,
  Change,
  Desired,
  Leftovers,
  ListCount,
  Repair,
  RuleState,
  Total,
} from '../backend.ts';
import { FilterTable, type FilterTableOptions } from './filter-table.ts';
import { guardLines, ruleLine, type SavedLine } from './line.ts';
import { listOf } from './list-line.ts';
import { Lists } from './lists.ts';
import { waitForOrphans } from './orphans.ts';
import { planRepair, planUndo, type RepairPlan } from './repair.ts';
import { sum, totalsOf } from './totals.ts';
import { inChain, staleKeys, staleLists, tableChains, wantedLines } from './wanted.ts';

/** What a change is in one family. */
interface Step {
  readonly family: Family;
  readonly commands: readonly string[];
}

/**
 * Rules in the filter table, literally as `iptables -I` puts them, at the head of INPUT, OUTPUT and FORWARD. A change is
 * one run of iptables-restore for each family that it touches. Rules carry no mark: which of them are rfw's is
 * known to the store alone. Lists stand below them, and are known by the names of their sets.
 */
export class IptablesBackend implements Backend {
  readonly name = 'iptables';
  readonly marksItsOwn = false;
  readonly #table: FilterTable;
  readonly #lists: Lists;
  #families: readonly Family[] = [4];
  #guard: PortGuard | null = null;
  /** rfw's rules, by which lists find their place. */
  #rules = new Set<RuleKey>();

  constructor(options: FilterTableOptions) {
    this.#table = new FilterTable(options);
    this.#lists = new Lists(this.#table);
  }

  async probe(): Promise<Capabilities> {
    await waitForOrphans(this.#table.owner);
    const version = await this.#table.find();
    await this.#table.try(4);
    const ipv6 = await this.#table.lacks(6);
    this.#families = ipv6 === undefined ? [4, 6] : [4];
    const lists = await this.#lists.probe(this.#families);
    return {
      summary: ipv6 === undefined ? version : `${version}, without IPv6: ${ipv6}`,
      shortcomings: [
        ...(ipv6 === undefined ? [] : [`IPv6 rules are kept but not enforced: ${ipv6}`]),
        ...(lists === undefined ? [] : [`Lists are kept but not enforced: ${lists}`]),
      ],
      ipv6: ipv6 === undefined,
      lists: lists === undefined,
    };
  }

  /** Which of the kernel's two packet filters it changes, and by which program. Known after the probe. */
  get place(): FilterTable['place'] {
    return this.#table.place;
  }

  async *read(): AsyncIterable<readonly RuleState[]> {
    const tables = await this.#everyLine();
    for (const chain of chains) {
      yield tables.flatMap((lines) =>
        lines
          .filter((line) => line.chain === chain.toUpperCase())
          .flatMap(({ spec, packets, bytes }, index) => (spec ? [{ spec, position: index + 1, packets, bytes }] : [])),
      );
    }
  }

  async totals(): Promise<readonly Total[]> {
    return totalsOf((await this.#everyLine()).flat());
  }

  #everyLine(): Promise<SavedLine[][]> {
    return Promise.all(this.#families.map((family) => this.#table.lines(family)));
  }

  async apply(change: Change): Promise<void> {
    const steps = this.#families
      .map((family) => ({ family, commands: this.#step(change, family) }))
      .filter((step) => step.commands.length > 0);
    for (const rule of change.add) this.#requireFamily(familyOf(rule));
    await this.#requirePresent([...change.refresh, ...change.renew]);
    await this.#takeAll(steps, change);
    for (const spec of change.remove) this.#rules.delete(ruleKey(spec));
    for (const rule of change.add) this.#rules.add(ruleKey(rule));
  }

  /** Takes a step in each family, or in none. */
  async #takeAll([first, second]: readonly Step[], change: Change): Promise<void> {
    if (first === undefined) return;
    const before = second === undefined ? [] : await this.#table.lines(first.family);
    await this.#table.change(first.family, first.commands);
    if (second === undefined) return;
    try {
      await this.#table.change(second.family, second.commands);
    } catch (error) {
      await this.#undo(first.family, before, change, error);
      throw error;
    }
  }

  /** Rejects when somebody else has taken out a rule that was put again. */
  async #requirePresent(rules: readonly Rule[]): Promise<void> {
    for (const rule of rules) this.#requireFamily(familyOf(rule));
    for (const family of this.#families) {
      const wanted = rules.filter((rule) => familyOf(rule) === family);
      if (wanted.length === 0) continue;
      const present = new Set((await this.#table.lines(family)).map((line) => `${line.chain} ${line.key}`));
      const missing = wanted.find((rule) => !present.has(`${rule.chain.toUpperCase()} ${ruleKey(rule)}`));
      if (missing) throw new RfwError('kernel-refused', `The rule ${ruleKey(missing)} is not in the kernel any more`);
    }
  }

  /** The lines that take one step in one family: out first, then in, the guard back on top of what came in. */
  #step(change: Change, family: Family): string[] {
    const remove = change.remove.filter((spec) => familyOf(spec) === family).map((spec) => ruleLine(spec, family));
    const add = change.add.filter((rule) => familyOf(rule) === family).map((rule) => ruleLine(rule, family));
    const guard = (['INPUT', 'OUTPUT'] as const)
      .filter((chain) => add.some((line) => line.chain === chain))
      .flatMap((chain) => guardLines(this.#guard, family, chain));
    return [
      ...remove.map((line) => `-D ${line.chain} ${line.args}`),
      ...guard.map((line) => `-D ${line.chain} ${line.args}`),
      ...add.map((line) => `-I ${line.chain} ${line.args}`),
      ...guard.toReversed().map((line) => `-I ${line.chain} ${line.args}`),
    ];
  }

  /** Undoes the change in the family that had taken it. @throws RfwError `kernel-unavailable` when it can't be undone */
  async #undo(family: Family, before: readonly SavedLine[], change: Change, refusal: unknown): Promise<void> {
    const keys = (specs: readonly RuleSpec[]): Set<string> =>
      new Set(specs.filter((spec) => familyOf(spec) === family).map(ruleKey));
    const removed = keys(change.remove);
    const added = keys(change.add);
    for (const key of removed) added.delete(key);
    await this.#table.undo(family, refusal, (now) =>
      tableChains.flatMap((chain) => planUndo(chain, inChain(before, chain), inChain(now, chain), added, removed)),
    );
  }

  async setLists(lists: readonly EnforcedList[]): Promise<void> {
    const guard = new Set<string>();
    for (const family of this.#families) {
      for (const chain of ['INPUT', 'OUTPUT'] as const) {
        for (const { key } of guardLines(this.#guard, family, chain)) guard.add(key);
      }
    }
    await this.#lists.set(lists, ({ key }) => this.#rules.has(key as RuleKey) || guard.has(key));
  }

  listCounts(): Promise<readonly ListCount[]> {
    return this.#lists.counts();
  }

  async replace(desired: Desired): Promise<Repair> {
    const brought = await this.#lists.bring(desired.lists);
    const wanted = { ...desired, lists: brought.lists };
    const plans: RepairPlan[] = [];
    for (const family of this.#families) plans.push(...(await this.#repair(wanted, family)));
    this.#guard = desired.guard;
    this.#rules = new Set(Array.from(desired.rules, ruleKey));
    const gone = await this.#lists.finish(brought);
    const sets = [...brought.filled, ...gone, ...plans.flatMap((plan) => plan.sets)];
    const repairs = plans.map(({ repair }) => repair);
    return {
      missing: repairs.flatMap((repair) => repair.missing),
      moved: sum(repairs.map((repair) => repair.moved)),
      removed: sum(repairs.map((repair) => repair.removed)),
      guard: sum(repairs.map((repair) => repair.guard)),
      lists: new Set(sets.map(listOf)).size,
      rebuilt: false,
    };
  }

  #repair(desired: Desired, family: Family): Promise<readonly RepairPlan[]> {
    return this.#table.settle(family, (lines, again) =>
      tableChains.map((chain) => {
        const current = inChain(lines, chain);
        const wanted = wantedLines(desired, family, chain);
        // A second look must not take a second copy of what was stale: that one is somebody else's.
        const stale = again ? [] : staleKeys(desired, family, chain);
        return planRepair(chain, current, wanted, new Set([...stale, ...staleLists(current, wanted)]));
      }),
    );
  }

  async intact(desired: Desired): Promise<boolean> {
    const wanted = { ...desired, lists: this.#lists.possible(desired.lists) };
    for (const family of this.#families) {
      const lines = await this.#table.lines(family);
      for (const chain of tableChains) {
        const current = inChain(lines, chain);
        const own = wantedLines(wanted, family, chain);
        if (planRepair(chain, current, own, staleLists(current, own)).commands.length > 0) return false;
      }
    }
    return this.#lists.hold(desired.lists);
  }

  watch(disturbed: () => void): () => void {
    const ends = [this.#table.watch(this.#families, disturbed), this.#lists.watch(disturbed)];
    return () => {
      for (const end of ends) end();
    };
  }

  async teardown({ rules, guards }: Leftovers): Promise<readonly string[]> {
    const { removed, guard, lists } = await this.replace({
      rules: [],
      guard: null,
      whitelist: [],
      lists: [],
      stale: { rules, guards },
    });
    return [
      ...(removed === 0 ? [] : [`${removed} ${removed === 1 ? 'rule' : 'rules'} from the filter table`]),
      ...(lists === 0 ? [] : [`${lists} ${lists === 1 ? 'list' : 'lists'} from the filter table`]),
      ...(guard === 0 ? [] : [`the guard of port ${[...new Set(guards.map(({ port }) => port))].join(' or ')}`]),
    ];
  }

  memory(): undefined {
    return undefined;
  }

  async resume(): Promise<boolean> {
    return false;
  }

  close(): void {
    this.#table.close();
    this.#lists.close();
  }

  #requireFamily(family: Family): void {
    if (this.#families.includes(family)) return;
    throw new RfwError('unsupported', 'This host has no ip6tables that works: IPv6 rules can not be enforced');
  }
}
