import { type Address, type Prefix, rangeContains, rangeOf } from '../domain/address.ts';
import { RfwError } from '../domain/errors.ts';
import { guardKey, type PortGuard } from '../domain/guard.ts';
import { matchesInterface } from '../domain/interface.ts';
import { type EnforcedList, listKey } from '../domain/list.ts';
import { type Action, type Chain, chains, type RuleKey, type RuleSpec, ruleKey } from '../domain/rule.ts';
import {
  type Backend,
  type Capabilities,
  type Change,
  changedLists,
  type Desired,
  type Leftovers,
  type ListCount,
  type Repair,
  type RuleState,
  type Total,
} from './backend.ts';

/** A packet as a chain sees it. */
export interface Packet {
  readonly chain: Chain;
  /** Incoming interface; empty in output. */
  readonly in: string;
  /** Outgoing interface; empty in input. */
  readonly out: string;
  readonly source: Address;
  readonly destination: Address;
  readonly tcp?: { readonly sourcePort: number; readonly destinationPort: number };
}

/** What becomes of a packet; `continue` when no rule of rfw decides. */
export type Verdict = Action | 'continue';

/**
 * A packet filter without a kernel: the same order, the same all-or-nothing, the same errors. Besides trying rfw out,
 * it is the oracle of the tests, through `verdict`.
 */
export class MemoryBackend implements Backend {
  readonly name = 'memory';
  readonly marksItsOwn: boolean = true;
  /** Oldest first. */
  #rules = new Map<RuleKey, RuleSpec>();
  #guard: PortGuard | null = null;
  #whitelist: readonly Prefix[] = [];
  #lists: readonly EnforcedList[] = [];

  async probe(): Promise<Capabilities> {
    return { summary: 'memory: nothing is enforced', shortcomings: [], ipv6: true, lists: true };
  }

  async *read(standing: Iterable<RuleSpec>): AsyncIterable<readonly RuleState[]> {
    const wanted = new Set(Array.from(standing, ruleKey));
    for (const chain of chains) {
      yield this.#chain(chain)
        .map((spec, index) => ({ spec, position: index + 1, packets: 0n, bytes: 0n }))
        .filter(({ spec }) => wanted.has(ruleKey(spec)));
    }
  }

  async totals(): Promise<readonly Total[]> {
    return [];
  }

  async apply(change: Change): Promise<void> {
    const next = new Map(this.#rules);
    for (const spec of change.remove) {
      if (!next.delete(ruleKey(spec))) throw new RfwError('kernel-refused', `No such rule: ${ruleKey(spec)}`);
    }
    for (const rule of change.add) {
      if (next.has(ruleKey(rule))) throw new RfwError('kernel-refused', `Rule exists: ${ruleKey(rule)}`);
      next.set(ruleKey(rule), rule);
    }
    for (const rule of [...change.refresh, ...change.renew]) {
      if (!next.has(ruleKey(rule))) throw new RfwError('kernel-refused', `No such rule: ${ruleKey(rule)}`);
    }
    this.#rules = next;
  }

  async setLists(lists: readonly EnforcedList[]): Promise<void> {
    this.#lists = this.#placed(lists);
  }

  /** The lists as they will stand: what does already, by its version, is not looked at. */
  #placed(lists: readonly EnforcedList[]): EnforcedList[] {
    const standing = new Map(this.#lists.map((list) => [listKey(list), list]));
    return lists.map((list) => standing.get(listKey(list)) ?? list);
  }

  async listCounts(): Promise<readonly ListCount[]> {
    return this.#lists.map(({ name }) => ({ name, packets: 0n, bytes: 0n }));
  }

  async replace(desired: Desired): Promise<Repair> {
    const before = this.#rules;
    const after = new Map(Array.from(desired.rules, (rule) => [ruleKey(rule), rule as RuleSpec]));
    const kept = [...before.keys()].filter((key) => after.has(key));
    const inOrder = [...after.keys()].filter((key) => before.has(key));
    const guardStands = guardKey(this.#guard) === guardKey(desired.guard);
    const lists = changedLists(this.#lists, desired.lists);
    this.#rules = after;
    this.#lists = this.#placed(desired.lists);
    this.#guard = desired.guard;
    this.#whitelist = desired.whitelist;
    return {
      missing: [...after].flatMap(([key, spec]) => (before.has(key) ? [] : [spec])),
      moved: kept.filter((key, index) => key !== inOrder[index]).length,
      removed: before.size - kept.length,
      guard: guardStands ? 0 : 1,
      lists,
      rebuilt: false,
    };
  }

  async intact({ rules, guard, lists }: Desired): Promise<boolean> {
    const wanted = Array.from(rules, ruleKey);
    const standing = [...this.#rules.keys()];
    const same = wanted.length === standing.length && wanted.every((key, index) => key === standing[index]);
    return same && guardKey(this.#guard) === guardKey(guard) && changedLists(this.#lists, lists) === 0;
  }

  watch(): () => void {
    return () => {};
  }

  async teardown(_leftovers: Leftovers): Promise<readonly string[]> {
    const removed = [...this.#rules.keys(), ...this.#lists.map(({ name }) => `list ${name}`)];
    this.#rules.clear();
    this.#lists = [];
    this.#guard = null;
    this.#whitelist = [];
    return removed;
  }

  memory(): undefined {
    return undefined;
  }

  async resume(): Promise<boolean> {
    return false;
  }

  close(): void {}

  /** The rules and lists as text, one a line, in the order a packet meets them chain by chain; the guard first. */
  dump(): string {
    const guard = this.#guard === null ? [] : [`guard ${guardKey(this.#guard)}`];
    const lists = (chain: Chain): string[] => this.#lists.filter((list) => list.chain === chain).map(listLine);
    return [...guard, ...chains.flatMap((chain) => [...this.#chain(chain).map(ruleKey), ...lists(chain)])].join('\n');
  }

  /** The lists that stand, the first one met first. */
  get lists(): readonly EnforcedList[] {
    return this.#lists;
  }

  /** What becomes of the packet. */
  verdict(packet: Packet): Verdict {
    return (
      this.#guardVerdict(packet) ??
      this.#whitelistVerdict(packet) ??
      this.#chain(packet.chain).find((spec) => matchesSpec(spec, packet))?.action ??
      this.#lists.find((list) => matchesList(list, packet))?.action ??
      'continue'
    );
  }

  #chain(chain: Chain): RuleSpec[] {
    return [...this.#rules.values()].filter((spec) => spec.chain === chain).reverse();
  }

  /** A packet that no rule may match. In forward that is one between two whitelisted addresses: a rule may look at either. */
  #whitelistVerdict({ chain, source, destination }: Packet): Verdict | undefined {
    const listed = (address: Address): boolean =>
      this.#whitelist.some((prefix) => rangeContains(rangeOf(prefix), address));
    const passes = (chain === 'output' || listed(source)) && (chain === 'input' || listed(destination));
    return passes ? 'continue' : undefined;
  }

  #guardVerdict(packet: Packet): Verdict | undefined {
    if (this.#guard === null || packet.tcp === undefined || packet.chain === 'forward') return undefined;
    const [port, peer] =
      packet.chain === 'input'
        ? [packet.tcp.destinationPort, packet.source]
        : [packet.tcp.sourcePort, packet.destination];
    if (port !== this.#guard.port) return undefined;
    return this.#guard.allowed.some((prefix) => rangeContains(rangeOf(prefix), peer)) ? 'accept' : 'drop';
  }
}

/** Whether the packet is one of those that the rule is about; the chain is not looked at. */
export function matchesSpec(spec: RuleSpec, packet: Packet): boolean {
  return (
    matchesInterface(spec.in, packet.in) &&
    matchesInterface(spec.out, packet.out) &&
    matchesSide(spec.source, packet.source) &&
    matchesSide(spec.destination, packet.destination)
  );
}

/** Whether the packet is one of those that the list is about. */
function matchesList(list: EnforcedList, packet: Packet): boolean {
  return (
    list.chain === packet.chain &&
    matchesInterface(list.in, packet.in) &&
    matchesInterface(list.out, packet.out) &&
    list.addresses.has(packet[list.side])
  );
}

/** `list NAME v3 drop input any any 12 prefixes`; in forward the side stands before the number. */
function listLine(list: EnforcedList): string {
  const { name, version, action, chain, addresses } = list;
  const side = chain === 'forward' ? `${list.side} ` : '';
  return `list ${name} v${version} ${action} ${chain} ${list.in} ${list.out} ${side}${addresses.prefixCount()} prefixes`;
}

function matchesSide(side: Prefix | 'any', address: Address): boolean {
  return side === 'any' || rangeContains(rangeOf(side), address);
}
