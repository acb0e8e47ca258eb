import { RfwError } from '../../domain/errors.ts';
import { type RuleKey, type RuleSpec, ruleKey } from '../../domain/rule.ts';
import { Flag, type Message, type Reply } from '../../netlink/message.ts';
import {
  addChain,
  addRule,
  comment,
  deleteChain,
  deleteRule,
  flushChain,
  read,
} from '../../netlink/nftables/commands.ts';
import { Type } from '../../netlink/nftables/constants.ts';
import { rule as ruleTable } from '../../netlink/nftables/objects.ts';
import { pairStatements, type RejectOptions } from './statements.ts';
import { rfwTable } from './table.ts';

/** A rule that looks at two addresses, and so is a rule of its own in the kernel. */
export interface Pair {
  readonly spec: RuleSpec;
  readonly chain: PairChain;
  /** Its comment in the kernel, by which its handles are found. */
  readonly id: number;
  /** What the kernel calls its rules, once that is known: two where TCP is reset. */
  handles: readonly bigint[];
}

/** The pairs of one stratum, in a chain that forward jumps to: inside a stratum the order is of no importance. */
export interface PairChain {
  readonly name: string;
  stratum: number;
  readonly pairs: Map<RuleKey, Pair>;
  /** Whether the kernel has it. */
  standing: boolean;
}

export interface PairChainsState {
  readonly chains: readonly PairChain[];
  readonly lastNumber: number;
  readonly lastId: number;
}

/** The pairs by stratum. */
export class PairChains {
  readonly #byStratum = new Map<number, PairChain>();
  #lastNumber: number;
  #lastId = 0;

  constructor(lastNumber = 0) {
    this.#lastNumber = lastNumber;
  }

  static from({ chains, lastNumber, lastId }: PairChainsState): PairChains {
    const pairs = new PairChains(lastNumber);
    pairs.#lastId = lastId;
    for (const chain of chains) pairs.#byStratum.set(chain.stratum, chain);
    return pairs;
  }

  state(): PairChainsState {
    return { chains: structuredClone([...this.all()]), lastNumber: this.#lastNumber, lastId: this.#lastId };
  }

  get lastNumber(): number {
    return this.#lastNumber;
  }

  all(): Iterable<PairChain> {
    return this.#byStratum.values();
  }

  /** Enters a pair. */
  add(spec: RuleSpec, stratum: number): Pair {
    const chain = this.#at(stratum);
    const pair: Pair = { spec, chain, id: ++this.#lastId, handles: [] };
    chain.pairs.set(ruleKey(spec), pair);
    return pair;
  }

  /** The pair of a rule that stands in a stratum. */
  get(spec: RuleSpec, stratum: number): Pair {
    const pair = this.#byStratum.get(stratum)?.pairs.get(ruleKey(spec));
    if (pair === undefined) throw new Error(`no pair ${ruleKey(spec)} in stratum ${stratum}`);
    return pair;
  }

  /** Forgets the chains that hold nothing. They must not stand in the kernel any more. */
  prune(): void {
    for (const [stratum, chain] of this.#byStratum) if (chain.pairs.size === 0) this.#byStratum.delete(stratum);
  }

  /** Gives every stratum another number; the order must stay. */
  relabel(to: (stratum: number) => number): void {
    const moved = [...this.all()];
    this.#byStratum.clear();
    for (const chain of moved) {
      chain.stratum = to(chain.stratum);
      this.#byStratum.set(chain.stratum, chain);
    }
  }

  #at(stratum: number): PairChain {
    const known = this.#byStratum.get(stratum);
    if (known !== undefined) return known;
    const name = `forward_pairs_${++this.#lastNumber}`;
    const chain: PairChain = { name, stratum, pairs: new Map(), standing: false };
    this.#byStratum.set(stratum, chain);
    return chain;
  }
}

export function addPairChain({ name }: PairChain): Message {
  return addChain(rfwTable, name);
}

export function deletePairChain({ name }: PairChain): Message[] {
  return [flushChain(rfwTable, name), deleteChain(rfwTable, name)];
}

/** Puts a pair in. @param echoed whether the kernel is to answer what it calls its rules */
export function addPair({ spec, chain, id }: Pair, options: RejectOptions, echoed: boolean): Message[] {
  return pairStatements(spec, options).map((statements) => {
    const message = addRule(rfwTable, chain.name, statements, { userData: comment(String(id)) });
    return echoed ? { ...message, flags: message.flags | Flag.echo } : message;
  });
}

export function deletePair({ spec, chain, handles }: Pair): Message[] {
  if (handles.length === 0) throw new RfwError('kernel-unavailable', `Nobody knows the handle of ${ruleKey(spec)}`);
  return handles.map((handle) => deleteRule(rfwTable, chain.name, handle));
}

/** What a rule of a chain of pairs says of itself. */
export interface PairReading {
  readonly id: number;
  readonly handle: bigint;
  readonly packets: bigint;
  readonly bytes: bigint;
}

/** Reads rules of chains of pairs; what else the kernel says, such as its new generation, is passed over. */
export function readPairs(replies: readonly Reply[]): PairReading[] {
  const rules = replies.filter(({ type }) => (type & 0xff) === Type.newRule);
  return rules.map((reply) => {
    const { handle = 0n, userData = new Uint8Array(), expressions = [] } = read(ruleTable, reply);
    const counter = expressions.find(({ name }) => name === 'counter');
    const { packets = 0n, bytes = 0n } = counter?.name === 'counter' ? counter.data : {};
    // A comment: type, length, text, NUL.
    return { id: Number(new TextDecoder().decode(userData.subarray(2, -1))), handle, packets, bytes };
  });
}
