import type { Family } from '../../domain/address.ts';
import { RfwError, reasonOf } from '../../domain/errors.ts';
import type { PortGuard } from '../../domain/guard.ts';
import type { EnforcedList } from '../../domain/list.ts';
import { chains, familyOf, type Rule, type RuleSpec, ruleKey } from '../../domain/rule.ts';
import {
  type Backend,
  type Capabilities,
  type Change,
  type Desired,
  everyState,
  type Leftovers,
  type ListCount,
  type Repair,
  type RuleState,
  type Total,
} from '../backend.ts';
import { type Commands, findCommands, rehearse, restore, run, save } from './commands.ts';
import { asTheyAre, isForeseen, spareAlike } from './deletions.ts';
import { guardLines, parseSave, ruleLine, type SavedLine, savedRows } from './line.ts';
import { waitForOrphans } from './orphans.ts';
import { planRepair, planUndo } from './repair.ts';
import { watchRules } from './rules-watch.ts';
import { sum, totalsOf } from './totals.ts';
import { inChain, staleKeys, tableChains, wantedLines } from './wanted.ts';

/** How often a repair is looked over when another program keeps changing the chain under it. */
const repairAttempts = 5;

/** Lines in one restore of a repair: iptables-nft searches the chain for each that it deletes. */
const repairStep = 1000;

export interface IptablesOptions {
  /** `iptables.path` of the configuration. */
  readonly path: string;
  /** Marks the programs that are started, so that a later daemon of the same owner knows them. The state folder. */
  readonly owner: string;
}

/**
 * Rules in the filter table, literally as `iptables -I` puts them, at the head of INPUT, OUTPUT and FORWARD. A change is
 * one run of iptables-restore for each family that it touches. Rules carry no mark: which of them are rfw's is
 * known to the store alone.
 */
export class IptablesBackend implements Backend {
  readonly name = 'iptables';
  readonly marksItsOwn = false;
  readonly #options: IptablesOptions;
  #commands: Commands | undefined;
  #version = '';
  #families: readonly Family[] = [4];
  #guard: PortGuard | null = null;
  /** Whether the rules stand in nf_tables, which tells of changes. Releases before 1.8 name no variant: they are legacy. */
  #notifies = false;
  /** Grows whenever a change begins or ends. */
  #changes = 0;
  readonly #watches = new Set<ReturnType<typeof watchRules>>();

  constructor(options: IptablesOptions) {
    this.#options = options;
  }

  async probe(): Promise<Capabilities> {
    await waitForOrphans(this.#options.owner);
    this.#commands = findCommands(this.#options.path);
    const version = (await run(this.#commands.version, '', this.#options.owner)).trim();
    this.#notifies = version.includes('nf_tables');
    this.#version = version;
    await this.#try(4);
    const ipv6 = await this.#probeIPv6();
    this.#families = ipv6 === undefined ? [4, 6] : [4];
    const shortcomings = ipv6 === undefined ? [] : [`IPv6 rules are kept but not enforced: ${ipv6}`];
    return {
      summary: ipv6 === undefined ? version : `${version}, without IPv6: ${ipv6}`,
      shortcomings,
      ipv6: ipv6 === undefined,
    };
  }

  /** Which of the kernel's two packet filters it changes, and by which program. Known after the probe. */
  get place(): { readonly variant: 'nf_tables' | 'legacy'; readonly path: string } {
    // iptables 1.8 says which it is; before that there was only one.
    return { variant: /\(nf_tables\)/.test(this.#version) ? 'nf_tables' : 'legacy', path: this.#tool().path };
  }

  /** Why IPv6 rules can't be enforced; undefined when they can. */
  async #probeIPv6(): Promise<string | undefined> {
    try {
      await this.#try(6);
      return undefined;
    } catch (error) {
      if (error instanceof RfwError) return error.message;
      throw error;
    }
  }

  async #try(family: Family): Promise<void> {
    await this.#lines(family);
    await rehearse(this.#tool(), family, this.#options.owner);
  }

  async *read(): AsyncIterable<readonly RuleState[]> {
    const tables = await Promise.all(this.#families.map((family) => this.#lines(family)));
    for (const chain of chains) {
      yield tables.flatMap((lines) =>
        lines
          .filter((line) => line.chain === chain.toUpperCase())
          .flatMap(({ spec, packets, bytes }, index) => (spec ? [{ spec, position: index + 1, packets, bytes }] : [])),
      );
    }
  }

  async totals(): Promise<readonly Total[]> {
    return totalsOf(await everyState(this.read()));
  }

  async apply(change: Change): Promise<void> {
    const steps = this.#families
      .map((family) => ({ family, commands: this.#step(change, family) }))
      .filter((step) => step.commands.length > 0);
    for (const rule of change.add) this.#requireFamily(familyOf(rule));
    await this.#requirePresent([...change.refresh, ...change.renew]);
    const [first, second] = steps;
    if (first === undefined) return;
    const before = second === undefined ? [] : await this.#lines(first.family);
    await this.#take(first.family, first.commands);
    if (second === undefined) return;
    try {
      await this.#take(second.family, second.commands);
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
      const present = new Set((await this.#lines(family)).map((line) => `${line.chain} ${line.key}`));
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

  async #take(family: Family, commands: readonly string[]): Promise<void> {
    if (await this.#restore(family, commands)) return;
    throw new RfwError('kernel-refused', `Another program changed the filter table of IPv${family} in the same moment`);
  }

  /** Undoes the change in the family that had taken it. @throws RfwError `kernel-unavailable` when it can't be undone */
  async #undo(family: Family, before: readonly SavedLine[], change: Change, refusal: unknown): Promise<void> {
    const keys = (specs: readonly RuleSpec[]): Set<string> =>
      new Set(specs.filter((spec) => familyOf(spec) === family).map(ruleKey));
    const removed = keys(change.remove);
    const added = keys(change.add);
    for (const key of removed) added.delete(key);
    try {
      const now = await this.#lines(family);
      const commands = tableChains.flatMap((chain) =>
        planUndo(chain, inChain(before, chain), inChain(now, chain), added, removed),
      );
      if (commands.length > 0) await this.#restore(family, commands);
    } catch (error) {
      throw new RfwError(
        'kernel-unavailable',
        `${reasonOf(refusal)}; and what was done for IPv${family} could not be undone: ${reasonOf(error)}`,
        { cause: refusal },
      );
    }
  }

  async setLists(lists: readonly EnforcedList[]): Promise<void> {
    if (lists.length > 0) throw new RfwError('unsupported', 'The backend iptables has no lists: use nftables');
  }

  async listCounts(): Promise<readonly ListCount[]> {
    return [];
  }

  async replace(desired: Desired): Promise<Repair> {
    await this.setLists(desired.lists);
    const repairs: Repair[] = [];
    for (const family of this.#families) repairs.push(...(await this.#repair(desired, family)));
    this.#guard = desired.guard;
    return {
      missing: repairs.flatMap((repair) => repair.missing),
      moved: sum(repairs.map((repair) => repair.moved)),
      removed: sum(repairs.map((repair) => repair.removed)),
      guard: sum(repairs.map((repair) => repair.guard)),
      lists: 0,
      rebuilt: false,
    };
  }

  /** Repairs one family, and looks again where a line had to go to a place that others may have shifted meanwhile. */
  async #repair(desired: Desired, family: Family): Promise<readonly Repair[]> {
    let first: readonly Repair[] | undefined;
    for (let attempt = 0; attempt < repairAttempts; attempt++) {
      const lines = await this.#lines(family);
      const plans = tableChains.map((chain) => {
        // A second look must not take a second copy of what was stale: that one is somebody else's.
        const stale = first === undefined ? staleKeys(desired, family, chain) : new Set<string>();
        return planRepair(chain, inChain(lines, chain), wantedLines(desired, family, chain), stale);
      });
      first ??= plans.map((plan) => plan.repair);
      const commands = plans.flatMap((plan) => plan.commands);
      let settled = !commands.some((command) => /^-I \S+ \d/.test(command));
      for (let from = 0; from < commands.length; from += repairStep) {
        const step = commands.slice(from, from + repairStep);
        if (!(await this.#restore(family, step))) settled = false;
      }
      if (settled) break;
    }
    return first ?? [];
  }

  async intact(desired: Desired): Promise<boolean> {
    for (const family of this.#families) {
      const lines = await this.#lines(family);
      for (const chain of tableChains) {
        const plan = planRepair(chain, inChain(lines, chain), wantedLines(desired, family, chain), new Set());
        if (plan.commands.length > 0) return false;
      }
    }
    return true;
  }

  watch(disturbed: () => void): () => void {
    const watch = watchRules({
      commands: this.#tool(),
      families: this.#families,
      owner: this.#options.owner,
      notifies: this.#notifies,
      changes: () => this.#changes,
      disturbed,
    });
    this.#watches.add(watch);
    return () => {
      this.#watches.delete(watch);
      watch.close();
    };
  }

  async teardown({ rules, guards }: Leftovers): Promise<readonly string[]> {
    const { removed, guard } = await this.replace({
      rules: [],
      guard: null,
      whitelist: [],
      lists: [],
      stale: { rules, guards },
    });
    return [
      ...(removed === 0 ? [] : [`${removed} ${removed === 1 ? 'rule' : 'rules'} from the filter table`]),
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
    for (const watch of this.#watches) watch.close();
    this.#watches.clear();
  }

  #requireFamily(family: Family): void {
    if (this.#families.includes(family)) return;
    throw new RfwError('unsupported', 'This host has no ip6tables that works: IPv6 rules can not be enforced');
  }

  async #lines(family: Family): Promise<SavedLine[]> {
    return parseSave(await this.#save(family), family);
  }

  #save(family: Family): Promise<string> {
    return save(this.#tool(), family, this.#options.owner);
  }

  /** @returns false when others changed a chain in which lines went back to places that were counted before */
  async #restore(family: Family, lines: readonly string[]): Promise<boolean> {
    const careful = family === 6 && this.#notifies && lines.some((line) => line.startsWith('-D '));
    const { commands, chains } = careful ? spareAlike(lines, savedRows(await this.#save(family))) : asTheyAre(lines);
    this.#changes++;
    try {
      await restore(this.#tool(), family, commands, this.#options.owner);
    } finally {
      this.#changes++;
    }
    return chains.size === 0 || isForeseen(chains, await this.#lines(family));
  }

  #tool(): Commands {
    if (this.#commands) return this.#commands;
    throw new RfwError('kernel-unavailable', 'iptables has not been probed');
  }
}
