import type { Family } from '../../domain/address.ts';
import { RfwError, reasonOf } from '../../domain/errors.ts';
import { type Commands, findCommands, rehearse, restore, run, save } from './commands.ts';
import { asTheyAre, isForeseen, spareAlike } from './deletions.ts';
import { parseSave, type SavedLine, savedRows } from './line.ts';
import type { RepairPlan } from './repair.ts';
import { watchRules } from './rules-watch.ts';

/** How often a plan is made anew when another program keeps changing the chain under it. */
const attempts = 5;

/** Lines in one restore of a repair: iptables-nft searches the chain for each that it deletes. */
const repairStep = 1000;

export interface FilterTableOptions {
  /** `iptables.path` of the configuration. */
  readonly path: string;
  /** Marks the programs that are started, so that a later daemon of the same owner knows them. The state folder. */
  readonly owner: string;
}

/** The filter tables of both families, as the programs of iptables read and change them. */
export class FilterTable {
  readonly #options: FilterTableOptions;
  #commands: Commands | undefined;
  #version = '';
  /** Grows whenever a change begins or ends. */
  #changes = 0;
  readonly #watches = new Set<ReturnType<typeof watchRules>>();

  constructor(options: FilterTableOptions) {
    this.#options = options;
  }

  get owner(): string {
    return this.#options.owner;
  }

  /** Finds the programs. @returns what they say of themselves: `iptables v1.8.9 (nf_tables)` */
  async find(): Promise<string> {
    this.#commands = findCommands(this.#options.path);
    this.#version = (await run(this.#commands.version, '', this.owner)).trim();
    return this.#version;
  }

  /** Whether the rules stand in nf_tables, which tells of changes. Releases before 1.8 name no variant: they are legacy. */
  get #notifies(): boolean {
    return this.#version.includes('nf_tables');
  }

  /** Which of the kernel's two packet filters it is, and by which program it is changed. Known once that is found. */
  get place(): { readonly variant: 'nf_tables' | 'legacy'; readonly path: string } {
    // iptables 1.8 says which it is; before that there was only one.
    return { variant: /\(nf_tables\)/.test(this.#version) ? 'nf_tables' : 'legacy', path: this.#tool().path };
  }

  /** @returns why the table of the family can't be used; undefined when it can */
  lacks(family: Family): Promise<string | undefined> {
    return reasonAgainst(this.try(family));
  }

  /** @returns why these lines can't be in the table, where it can be used; undefined when they can */
  refuses(family: Family, lines: readonly string[]): Promise<string | undefined> {
    return reasonAgainst(rehearse(this.#tool(), family, lines, this.owner));
  }

  /** Reads the table and goes through a change without doing it. @throws RfwError when that can't be done */
  async try(family: Family): Promise<void> {
    await this.lines(family);
    await rehearse(this.#tool(), family, [], this.owner);
  }

  async lines(family: Family): Promise<SavedLine[]> {
    return parseSave(await this.#save(family), family);
  }

  #save(family: Family): Promise<string> {
    return save(this.#tool(), family, this.owner);
  }

  /** Takes one change. @throws RfwError `kernel-refused` also when others changed the table in the same moment */
  async change(family: Family, commands: readonly string[]): Promise<void> {
    if (await this.restore(family, commands)) return;
    throw new RfwError('kernel-refused', `Another program changed the filter table of IPv${family} in the same moment`);
  }

  /** @returns false when others changed a chain in which lines went back to places that were counted before */
  async restore(family: Family, lines: readonly string[]): Promise<boolean> {
    const careful = family === 6 && this.#notifies && lines.some((line) => line.startsWith('-D '));
    const { commands, chains } = careful ? spareAlike(lines, savedRows(await this.#save(family))) : asTheyAre(lines);
    this.#changes++;
    try {
      await restore(this.#tool(), family, commands, this.owner);
    } finally {
      this.#changes++;
    }
    return chains.size === 0 || isForeseen(chains, await this.lines(family));
  }

  /**
   * Plans and does it, and looks again where a line had to go to a place that others may have shifted meanwhile.
   * @param plan from the table as it is; `again` when that isn't the first look
   * @returns the plans of the first look
   */
  async settle(
    family: Family,
    plan: (lines: readonly SavedLine[], again: boolean) => readonly RepairPlan[],
  ): Promise<readonly RepairPlan[]> {
    let first: readonly RepairPlan[] | undefined;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const plans = plan(await this.lines(family), first !== undefined);
      first ??= plans;
      const commands = plans.flatMap((chain) => chain.commands);
      let settled = !commands.some((command) => /^-I \S+ \d/.test(command));
      for (let from = 0; from < commands.length; from += repairStep) {
        if (!(await this.restore(family, commands.slice(from, from + repairStep)))) settled = false;
      }
      if (settled) break;
    }
    return first ?? [];
  }

  /**
   * Undoes what was done in one family, after another has refused its part.
   * @throws RfwError `kernel-unavailable` when it can't be undone
   */
  async undo(family: Family, refusal: unknown, plan: (now: readonly SavedLine[]) => readonly string[]): Promise<void> {
    try {
      const commands = plan(await this.lines(family));
      if (commands.length > 0) await this.restore(family, commands);
    } catch (error) {
      throw new RfwError(
        'kernel-unavailable',
        `${reasonOf(refusal)}; and what was done for IPv${family} could not be undone: ${reasonOf(error)}`,
        { cause: refusal },
      );
    }
  }

  /** Tells whenever somebody else may have changed the tables. @returns ends the watch */
  watch(families: readonly Family[], disturbed: () => void): () => void {
    const watch = watchRules({
      commands: this.#tool(),
      families,
      owner: this.owner,
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

  close(): void {
    for (const watch of this.#watches) watch.close();
    this.#watches.clear();
  }

  #tool(): Commands {
    if (this.#commands) return this.#commands;
    throw new RfwError('kernel-unavailable', 'iptables has not been probed');
  }
}

async function reasonAgainst(attempt: Promise<void>): Promise<string | undefined> {
  try {
    await attempt;
    return undefined;
  } catch (error) {
    if (error instanceof RfwError) return error.message;
    throw error;
  }
}
