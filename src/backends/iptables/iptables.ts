import type { Family } from '../../domain/address.ts';
import { RfwError } from '../../domain/errors.ts';
import type { PortGuard } from '../../domain/guard.ts';
import { chains, familyOf, type Rule, ruleKey } from '../../domain/rule.ts';
import type { Backend, Capabilities, Change, Desired, Repair, RuleState } from '../backend.ts';
import { type Commands, findCommands, rehearse, restore, run, save } from './commands.ts';
import { guardLines, type Line, parseSave, ruleLine, type SavedLine } from './line.ts';
import { waitForOrphans } from './orphans.ts';
import { planRepair } from './repair.ts';

const tableChains = ['INPUT', 'OUTPUT', 'FORWARD'] as const;
type TableChain = (typeof tableChains)[number];

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
  readonly #options: IptablesOptions;
  #commands: Commands | undefined;
  #families: readonly Family[] = [4];
  #guard: PortGuard | null = null;

  constructor(options: IptablesOptions) {
    this.#options = options;
  }

  async probe(): Promise<Capabilities> {
    await waitForOrphans(this.#options.owner);
    this.#commands = findCommands(this.#options.path);
    const version = (await run(this.#commands.version, '', this.#options.owner)).trim();
    await this.#try(4);
    const ipv6 = await this.#probeIPv6();
    this.#families = ipv6 === undefined ? [4, 6] : [4];
    return { summary: ipv6 === undefined ? version : `${version}, without IPv6: ${ipv6}`, ipv6: ipv6 === undefined };
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

  async read(): Promise<RuleState[]> {
    const tables = await Promise.all(this.#families.map((family) => this.#lines(family)));
    return chains.flatMap((chain) =>
      tables.flatMap((lines) =>
        lines
          .filter((line) => line.chain === chain.toUpperCase())
          .flatMap(({ spec, packets, bytes }, index) => (spec ? [{ spec, position: index + 1, packets, bytes }] : [])),
      ),
    );
  }

  async apply(change: Change): Promise<void> {
    const steps = ([4, 6] as const)
      .map((family) => ({ family, commands: this.#step(change, family) }))
      .filter((step) => step.commands.length > 0);
    for (const { family } of steps) this.#requireFamily(family);
    await this.#requirePresent(change.refresh);
    const [first, second] = steps;
    if (first === undefined) return;
    const before = second === undefined ? [] : await this.#lines(first.family);
    await this.#restore(first.family, first.commands);
    if (second === undefined) return;
    try {
      await this.#restore(second.family, second.commands);
    } catch (error) {
      await this.#rollBack(first.family, before, change);
      throw error;
    }
  }

  /** Rejects when somebody else has taken out a rule that was put again. */
  async #requirePresent(rules: readonly Rule[]): Promise<void> {
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

  async #rollBack(family: Family, before: readonly SavedLine[], change: Change): Promise<void> {
    const added = new Set<string>(change.add.map(ruleKey));
    for (const line of before) added.delete(line.key);
    const now = await this.#lines(family);
    const plans = tableChains.map((chain) => {
      const former = new Map(inChain(before, chain).map((line) => [line.key, line]));
      return planRepair(chain, inChain(now, chain), [...former.values()], added);
    });
    await this.#restore(
      family,
      plans.flatMap((plan) => plan.commands),
    );
  }

  async replace(desired: Desired): Promise<Repair> {
    for (const rule of desired.rules) this.#requireFamily(familyOf(rule));
    const repairs: Repair[] = [];
    for (const family of this.#families) {
      const lines = await this.#lines(family);
      const plans = tableChains.map((chain) =>
        planRepair(
          chain,
          inChain(lines, chain),
          wantedLines(desired, family, chain),
          staleKeys(desired, family, chain),
        ),
      );
      const commands = plans.flatMap((plan) => plan.commands);
      if (commands.length > 0) await this.#restore(family, commands);
      repairs.push(...plans.map((plan) => plan.repair));
    }
    this.#guard = desired.guard;
    return {
      missing: repairs.flatMap((repair) => repair.missing),
      moved: sum(repairs.map((repair) => repair.moved)),
      removed: sum(repairs.map((repair) => repair.removed)),
      guard: sum(repairs.map((repair) => repair.guard)),
    };
  }

  #requireFamily(family: Family): void {
    if (this.#families.includes(family)) return;
    throw new RfwError('unsupported', 'This host has no ip6tables that works: IPv6 rules can not be enforced');
  }

  async #lines(family: Family): Promise<SavedLine[]> {
    return parseSave(await save(this.#tool(), family, this.#options.owner), family);
  }

  #restore(family: Family, lines: readonly string[]): Promise<void> {
    return restore(this.#tool(), family, lines, this.#options.owner);
  }

  #tool(): Commands {
    if (this.#commands) return this.#commands;
    throw new RfwError('kernel-unavailable', 'iptables has not been probed');
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function inChain<L extends Line>(lines: readonly L[], chain: TableChain): L[] {
  return lines.filter((line) => line.chain === chain);
}

/** rfw's lines of one chain, top to bottom: the guard, then the rules, newest first. */
function wantedLines(desired: Desired, family: Family, chain: TableChain): Line[] {
  const rules = desired.rules
    .filter((rule) => rule.chain.toUpperCase() === chain && familyOf(rule) === family)
    .map((rule) => ruleLine(rule, family));
  const guard = chain === 'FORWARD' ? [] : guardLines(desired.guard, family, chain);
  return [...guard, ...rules.reverse()];
}

function staleKeys(desired: Desired, family: Family, chain: TableChain): ReadonlySet<string> {
  const guards = chain === 'FORWARD' ? [] : desired.stale.guards.flatMap((guard) => guardLines(guard, family, chain));
  const rules = desired.stale.rules.filter((spec) => familyOf(spec) === family && spec.chain.toUpperCase() === chain);
  const keys = new Set<string>([...guards.map((line) => line.key), ...rules.map(ruleKey)]);
  for (const line of wantedLines(desired, family, chain)) keys.delete(line.key);
  return keys;
}
