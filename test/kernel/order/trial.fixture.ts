import { setTimeout as sleep } from 'node:timers/promises';
import { type Backend, type Change, type Desired, isEmpty } from '../../../src/backends/backend.ts';
import { MemoryBackend, type Packet, type Verdict } from '../../../src/backends/memory.ts';
import { formatAddress, type Prefix } from '../../../src/domain/address.ts';
import { guardKey } from '../../../src/domain/guard.ts';
import { type Rule, type RuleKey, type RuleSpec, ruleKey, ruleSpec } from '../../../src/domain/rule.ts';
import { Whitelist } from '../../../src/domain/whitelist.ts';
import type { Protection } from '../../../src/engine/decide.ts';

/** A backend over a kernel, and what the kernel's listing says of packets. */
export interface Contender {
  readonly name: string;
  /** A backend over a kernel that holds nothing: the one of the last trial, where that ended well and left it to rest. */
  enter(): Promise<Backend>;
  /** A backend of a process that has just started, over what the kernel holds by now. */
  start(): Promise<Backend>;
  /** Keeps a backend for the next trial: to start one may take as long as half of a trial. */
  rest(backend: Backend): Promise<void>;
  /** What the kernel holds, as its own tool lists it. */
  list(): Promise<Listing>;
  /** Which rules the kernel takes out by itself when their time is up; undefined when it never does. */
  readonly lapses?: (spec: RuleSpec) => boolean;
  /** Takes out of the kernel whatever is left. */
  clear(): void;
}

/** What becomes of packets so many seconds from now, if nobody touches the kernel until then. */
export type Listing = (after: number) => (packet: Packet) => Verdict;

/** Picks are among the rules that stand, counted from the newest. */
export type Op =
  | { readonly kind: 'put'; readonly spec: RuleSpec; readonly expiry: Expiry }
  /** Puts a rule like one that stands, but for the length of its prefix; some programs take one for the other. */
  | { readonly kind: 'put alike'; readonly pick: number; readonly prefixes: readonly Prefix[]; readonly expiry: Expiry }
  | { readonly kind: 'put again'; readonly pick: number; readonly expiry: Expiry }
  | { readonly kind: 'delete'; readonly pick: number }
  /** Deletes and puts it in one change: it is the newest then. */
  | { readonly kind: 'lift'; readonly pick: number };

/** Seconds from the start of a trial, long enough for the trial to be over by then; null is never. */
export type Expiry = number | null;

export type Step =
  /** All as one change. */
  | { readonly kind: 'batch'; readonly ops: readonly Op[] }
  /** Takes out all rules that expire by then, as one change. */
  | { readonly kind: 'expire'; readonly until: number }
  /** Another protection, in the same process, in one that begins anew or in one that was told what the last one knew. */
  | { readonly kind: 'replace'; readonly process: 'same' | 'new' | 'resumed'; readonly protection: Protection };

/** What a trial is about, besides its steps. */
export interface Course {
  readonly contenders: readonly Contender[];
  readonly packets: readonly Packet[];
  readonly protection: Protection;
  /** Seconds from the start at which the kernels are looked at besides now, as if nobody touched them until then. */
  readonly instants: readonly number[];
}

/** Rules in the order in which they were put, each once: setting one that is there doesn't move it. */
type List = Map<RuleKey, Rule>;

/** The same sequence in every contender and in memory, compared after each step for every packet. */
export class Trial {
  readonly #course: Course;
  readonly #memory = new MemoryBackend();
  readonly #backends = new Map<Contender, Backend>();
  /** Milliseconds since the epoch. */
  readonly #start = Date.now();
  /** What was done so far, in lines. */
  readonly #history: string[] = [];
  /** Oldest first. */
  #rules: List = new Map();
  #protection: Protection = { whitelist: new Whitelist([]), guard: null };
  #seq = 0;

  private constructor(course: Course) {
    this.#course = course;
  }

  /** Begins with kernels that hold nothing. */
  static async begin(course: Course): Promise<Trial> {
    const trial = new Trial(course);
    try {
      for (const contender of course.contenders) trial.#backends.set(contender, await contender.enter());
      await trial.take({ kind: 'replace', process: 'same', protection: course.protection });
    } catch (error) {
      trial.end();
      throw error;
    }
    return trial;
  }

  /** Goes through a sequence from its beginning to its end. */
  static async run(course: Course, steps: readonly Step[]): Promise<void> {
    const trial = await Trial.begin(course);
    try {
      for (const step of steps) {
        if (await trial.take(step)) await trial.compare();
      }
      for (const [contender, backend] of trial.#backends) await contender.rest(backend);
    } catch (error) {
      trial.end();
      throw error;
    }
  }

  /** What the list says of a packet. */
  verdict(packet: Packet): Verdict {
    return this.#memory.verdict(packet);
  }

  /** What was done, and what that leaves, in lines. */
  get story(): string {
    const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);
    const rules = this.#memory.dump().split('\n');
    return ['after', ...indented(this.#history), 'which leaves, newest first,', ...indented(rules)].join('\n');
  }

  /** Lets go of the kernels, as a daemon does that ends. */
  end(): void {
    for (const backend of this.#backends.values()) backend.close();
  }

  /** @returns whether there was anything to do */
  async take(step: Step): Promise<boolean> {
    if (step.kind === 'replace') {
      await this.#replace(step.process, step.protection);
      return true;
    }
    const rules: List = new Map(this.#rules);
    const touched = new Set<RuleKey>();
    if (step.kind === 'expire') {
      this.#note(`expire what ends within ${step.until} s`);
      for (const [key, rule] of rules) if (!this.#isAlive(rule, step.until)) rules.delete(key);
    } else {
      if (step.ops.length > 1) this.#note(`${step.ops.length} at once:`);
      for (const op of step.ops) this.#enter(rules, touched, op);
    }
    const change = changeOf(this.#rules, rules, touched);
    if (isEmpty(change)) return false;
    for (const backend of [this.#memory, ...this.#backends.values()]) await this.#apply(backend, change);
    this.#rules = rules;
    return true;
  }

  /** Does to the list what the engine would make of an op; what the whitelist forbids is left out. */
  #enter(rules: List, touched: Set<RuleKey>, op: Op): void {
    const standing = [...this.#rules.values()].reverse();
    const picked = op.kind === 'put' ? op.spec : standing[op.pick % standing.length];
    const spec = picked !== undefined && op.kind === 'put alike' ? alike(picked, op.prefixes) : picked;
    if (spec === undefined || this.#protection.whitelist.conflict(spec) !== undefined) return;
    const key = ruleKey(spec);
    const before = rules.get(key);
    if (op.kind === 'delete' || op.kind === 'lift') {
      this.#note(`${op.kind} ${key}`);
      rules.delete(key);
      if (before !== undefined && op.kind === 'lift') rules.set(key, { ...before, seq: ++this.#seq });
      return;
    }
    this.#note(`put ${key}${op.expiry === null ? '' : ` for ${op.expiry} s`}`);
    touched.add(key);
    const expiresAt = op.expiry === null ? null : this.#start + op.expiry * 1000;
    if (before !== undefined && (before.expiresAt === null || before.expiresAt > Date.now())) {
      rules.set(key, { ...before, expiresAt });
      return;
    }
    rules.delete(key);
    const { action, chain, in: into, out, source, destination } = spec;
    const tuple = { action, chain, in: into, out, source, destination };
    rules.set(key, { ...tuple, seq: ++this.#seq, expiresAt, createdAt: this.#start, origin: 'test', comment: '' });
  }

  async #replace(process: 'same' | 'new' | 'resumed', protection: Protection): Promise<void> {
    const { guard, whitelist } = protection;
    this.#note(
      `replace in ${process} process, guard ${guardKey(guard)}, whitelist ${whitelist.entries.map(({ text }) => text)}`,
    );
    const isLeft = (rule: Rule): boolean => whitelist.conflict(rule) === undefined;
    const remaining: List = new Map([...this.#rules].filter(([, rule]) => isLeft(rule)));
    const displaced = [...this.#rules.values()].filter((rule) => !isLeft(rule));
    const former = this.#protection.guard;
    const desired: Desired = {
      rules: [...remaining.values()],
      guard,
      whitelist: whitelist.prefixes(),
      lists: [],
      stale: { rules: displaced, guards: former === null ? [] : [former] },
    };
    await this.#memory.replace(desired);
    const sameRules = displaced.length === 0;
    for (const contender of this.#course.contenders) await this.#bring(contender, process, desired, sameRules);
    this.#rules = remaining;
    this.#protection = protection;
  }

  /** Brings a contender to the desired state by a backend of such a process. To resume brings another protection, no other rules. */
  async #bring(
    contender: Contender,
    process: 'same' | 'new' | 'resumed',
    desired: Desired,
    sameRules: boolean,
  ): Promise<void> {
    const former = this.#backends.get(contender);
    const memory: unknown = structuredClone(former?.memory());
    if (process !== 'same') former?.close();
    const backend = process === 'same' && former !== undefined ? former : await contender.start();
    this.#backends.set(contender, backend);
    if (process === 'resumed' && (await backend.resume(memory, desired)) && sameRules) return;
    await backend.replace(desired);
  }

  async #apply(backend: Backend, change: Change): Promise<void> {
    try {
      await backend.apply(change);
    } catch (error) {
      throw new Error(`${backend.name} refuses the last step\n${this.story}`, { cause: error });
    }
  }

  /** Throws the first packet of which a kernel decides otherwise than the list. */
  async compare(): Promise<void> {
    const now = this.#course.packets.map((packet) => this.#memory.verdict(packet));
    const listings = await Promise.all(this.#course.contenders.map((contender) => contender.list()));
    const elapsed = (Date.now() - this.#start) / 1000;
    for (const [index, { name, lapses }] of this.#course.contenders.entries()) {
      const listing = listings[index] as Listing;
      this.#judge(`${name} now`, listing(0), now);
      if (lapses === undefined) continue;
      for (const instant of this.#course.instants) {
        const left = [...this.#rules.values()].filter((rule) => this.#isAlive(rule, instant) || !lapses(rule));
        const expected = left.length === this.#rules.size ? now : await this.#foresee(left);
        this.#judge(`${name} after ${instant} s`, listing(instant - elapsed), expected);
      }
    }
  }

  /**
   * Waits until the kernels have taken out by themselves what ends within so many seconds from the start.
   * @param patience seconds; throws what still differs by then
   */
  async outlast(until: number, patience: number): Promise<void> {
    const left = [...this.#rules.values()].filter((rule) => this.#isAlive(rule, until));
    const expected = await this.#foresee(left);
    const deadline = performance.now() + patience * 1000;
    for (;;) {
      try {
        for (const contender of this.#course.contenders) {
          this.#judge(`${contender.name} by itself`, (await contender.list())(0), expected);
        }
        return;
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await sleep(100);
      }
    }
  }

  /** What becomes of the packets when only these rules are left. */
  async #foresee(left: readonly Rule[]): Promise<Verdict[]> {
    const { guard, whitelist } = this.#protection;
    const memory = new MemoryBackend();
    await memory.replace({
      rules: left,
      guard,
      whitelist: whitelist.prefixes(),
      lists: [],
      stale: { rules: [], guards: [] },
    });
    return this.#course.packets.map((packet) => memory.verdict(packet));
  }

  #judge(who: string, verdict: (packet: Packet) => Verdict, expected: readonly Verdict[]): void {
    for (const [index, packet] of this.#course.packets.entries()) {
      const found = verdict(packet);
      if (found === expected[index]) continue;
      const difference = `${who}: ${found}, but by the list ${expected[index]}: ${textOf(packet)}`;
      throw new Error(`${difference}\n${this.story}`);
    }
  }

  #isAlive({ expiresAt }: Rule, seconds: number): boolean {
    return expiresAt === null || expiresAt > this.#start + seconds * 1000;
  }

  #note(line: string): void {
    this.#history.push(line);
  }
}

/** The step from one list to the next, given the rules that were put and stand in both. */
function changeOf(before: List, after: List, touched: ReadonlySet<RuleKey>): Change {
  const stays = ([key, { seq }]: readonly [RuleKey, Rule]): boolean => before.get(key)?.seq === seq;
  const put = [...after].filter((entry) => touched.has(entry[0]) && stays(entry));
  const hasExpiry = ([key, { expiresAt }]: readonly [RuleKey, Rule]): boolean =>
    before.get(key)?.expiresAt === expiresAt;
  const rules = (entries: readonly (readonly [RuleKey, Rule])[]): Rule[] => entries.map(([, rule]) => rule);
  return {
    add: rules([...after].filter((entry) => !stays(entry))),
    remove: rules([...before].filter(([key, { seq }]) => after.get(key)?.seq !== seq)),
    refresh: rules(put.filter(hasExpiry)),
    renew: rules(put.filter((entry) => !hasExpiry(entry))),
  };
}

/** The rule about the first other prefix that begins as its own does; the same rule where there is none. */
function alike(spec: RuleSpec, prefixes: readonly Prefix[]): RuleSpec {
  const side = spec.source === 'any' ? 'destination' : 'source';
  const own = spec[side];
  if (own === 'any') return spec;
  const isOther = ({ family, value, length }: Prefix): boolean =>
    family === own.family && value === own.value && length !== own.length;
  return ruleSpec({ ...spec, [side]: prefixes.find(isOther) ?? own });
}

function textOf({ chain, in: into, out, source, destination, tcp }: Packet): string {
  const [from = '', to = ''] = tcp === undefined ? [] : [`:${tcp.sourcePort}`, `:${tcp.destinationPort} tcp`];
  const names = [into, out].filter((name) => name !== '').join(' ');
  return `${chain} ${names} ${formatAddress(source)}${from} > ${formatAddress(destination)}${to}`;
}
