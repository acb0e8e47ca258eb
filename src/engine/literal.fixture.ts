import {
  type Capabilities,
  type Change,
  changedLists,
  type Desired,
  type Leftovers,
  type ListCount,
  type Repair,
  type RuleState,
  type Total,
} from '../backends/backend.ts';
import { RfwError } from '../domain/errors.ts';
import { guardKey, type PortGuard } from '../domain/guard.ts';
import { type EnforcedList, listKey } from '../domain/list.ts';
import { type Chain, chains, ruleKey } from '../domain/rule.ts';
import type { Kernel } from './faults.fixture.ts';

type Chains = Record<Chain, string[]>;

/**
 * A packet filter as iptables is one: lists of lines without any mark, where everybody may have some. It takes out
 * nothing but what it is told to, and takes in whatever comes, twice if need be.
 */
export class LiteralBackend implements Kernel {
  readonly name = 'memory';
  readonly marksItsOwn = false;
  /** Top to bottom. */
  #lines: Chains;
  /** They stand behind all lines. */
  #lists: readonly EnforcedList[] = [];

  /** @param foreign lines that stand in input already */
  constructor(foreign: readonly string[] = []) {
    this.#lines = { input: [...foreign], output: [], forward: [] };
  }

  async probe(): Promise<Capabilities> {
    return { summary: 'literal', shortcomings: [], ipv6: true, lists: true };
  }

  read(): AsyncIterable<readonly RuleState[]> {
    throw new RfwError('unsupported', 'A literal list is read as text');
  }

  async totals(): Promise<readonly Total[]> {
    return [];
  }

  async intact(desired: Desired): Promise<boolean> {
    if (changedLists(this.#lists, desired.lists) > 0) return false;
    return chains.every((chain) => {
      const wanted = wantedLines(desired, chain);
      const found = this.#lines[chain].filter((line) => wanted.includes(line));
      return wanted.length === found.length && wanted.every((line, index) => line === found[index]);
    });
  }

  watch(): () => void {
    return () => {};
  }

  async teardown({ rules, guards }: Leftovers): Promise<readonly string[]> {
    await this.replace({ rules: [], guard: null, whitelist: [], lists: [], stale: { rules, guards } });
    return [];
  }

  memory(): undefined {
    return undefined;
  }

  async resume(): Promise<boolean> {
    return false;
  }

  close(): void {}

  async apply(change: Change): Promise<void> {
    const next = this.#copy();
    for (const spec of change.remove) {
      if (!takeOut(next[spec.chain], ruleKey(spec))) throw new RfwError('kernel-refused', `No line ${ruleKey(spec)}`);
    }
    for (const rule of change.add) {
      const lines = next[rule.chain];
      lines.splice(lines[0]?.startsWith('guard') ? 1 : 0, 0, ruleKey(rule));
    }
    for (const rule of [...change.refresh, ...change.renew]) {
      if (!next[rule.chain].includes(ruleKey(rule))) throw new RfwError('kernel-refused', `No line ${ruleKey(rule)}`);
    }
    this.#lines = next;
  }

  async setLists(lists: readonly EnforcedList[]): Promise<void> {
    this.#lists = [...lists];
  }

  async listCounts(): Promise<readonly ListCount[]> {
    return this.#lists.map(({ name }) => ({ name, packets: 0n, bytes: 0n }));
  }

  async replace(desired: Desired): Promise<Repair> {
    const next = this.#copy();
    const had = new Set(Object.values(next).flat());
    const wanted = chains.map((chain) => ({ chain, lines: wantedLines(desired, chain) }));
    const all = new Set(wanted.flatMap(({ lines }) => lines));
    let removed = 0;
    let moved = 0;
    for (const spec of desired.stale.rules) {
      if (!all.has(ruleKey(spec)) && takeOut(next[spec.chain], ruleKey(spec))) removed++;
    }
    for (const guard of desired.stale.guards) {
      if (!all.has(guardLine(guard))) takeOut(next.input, guardLine(guard));
    }
    for (const { chain, lines } of wanted) {
      const standing = lines.filter((line) => had.has(line));
      const found = next[chain].filter((line) => all.has(line));
      moved += standing.filter((line, index) => line !== found[index]).length;
      for (const line of standing) takeOut(next[chain], line);
      next[chain].unshift(...lines);
    }
    this.#lines = next;
    const lists = changedLists(this.#lists, desired.lists);
    this.#lists = [...desired.lists];
    const missing = [...desired.rules].filter((rule) => !had.has(ruleKey(rule)));
    return { missing, moved, removed, guard: 0, lists, rebuilt: false };
  }

  get lists(): readonly EnforcedList[] {
    return this.#lists;
  }

  dump(): string {
    const lists = (chain: Chain): string[] => this.#lists.filter((list) => list.chain === chain).map(listKey);
    return chains.flatMap((chain) => [...this.#lines[chain], ...lists(chain).map((key) => `list ${key}`)]).join('\n');
  }

  #copy(): Chains {
    return { input: [...this.#lines.input], output: [...this.#lines.output], forward: [...this.#lines.forward] };
  }
}

function guardLine(guard: PortGuard): string {
  return `guard ${guardKey(guard)}`;
}

/** Top to bottom: the guard, in input only, then the rules, newest first. */
function wantedLines({ rules, guard }: Desired, chain: Chain): string[] {
  const own = [...rules].filter((rule) => rule.chain === chain).map(ruleKey);
  return [...(guard === null || chain !== 'input' ? [] : [guardLine(guard)]), ...own.reverse()];
}

/** Takes out the uppermost such line. */
function takeOut(lines: string[], line: string): boolean {
  const index = lines.indexOf(line);
  if (index >= 0) lines.splice(index, 1);
  return index >= 0;
}
