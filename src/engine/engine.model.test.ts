import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryBackend } from '../backends/memory.ts';
import { ruleKey } from '../domain/rule.ts';
import { advance, answer, Host, onFakeTime, settle, setWallClock } from './engine.fixture.ts';
import {
  diesAfter,
  diesBefore,
  type Fault,
  isDown,
  isFull,
  isRefused,
  type Kernel,
  losesAnswer,
} from './faults.fixture.ts';
import { commandOf, contents, enforcedLines, givenLines, type ListOp } from './list-model.fixture.ts';
import { loadLists } from './lists.ts';
import { LiteralBackend } from './literal.fixture.ts';
import { keyOf, Model, type Op, protections, textOf, universe } from './model.fixture.ts';

onFakeTime();

const rule = fc.nat(universe.length - 1);
const op: fc.Arbitrary<Op> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), rule, expire: fc.constantFrom(0, 0, 1, 5, 60) }),
  fc.record({ kind: fc.constant('delete' as const), rule }),
);

/** What goes wrong around one command, and what it is then answered; undefined when it is not answered any more. */
const troubles = {
  'append fails': (host: Host) => host.store.appends.push(isFull),
  'intend fails': (host: Host) => host.store.intends.push(isFull),
  'answer lost': (host: Host) => host.backend.applies.push(losesAnswer),
  'kernel away': (host: Host) => {
    host.backend.down = true;
  },
  'answer lost, kernel away': (host: Host) => {
    host.backend.applies.push(losesAnswer);
    host.backend.replaces.push(isDown);
  },
} satisfies Record<string, (host: Host) => unknown>;
type Trouble = keyof typeof troubles;

const deaths: Record<string, { fault: Fault; of: (host: Host) => Fault[]; durable: boolean }> = {
  'before the note': { fault: diesBefore, of: (host) => host.store.intends, durable: false },
  'before apply': { fault: diesBefore, of: (host) => host.backend.applies, durable: false },
  'after apply': { fault: diesAfter, of: (host) => host.backend.applies, durable: false },
  'after append': { fault: diesAfter, of: (host) => host.store.appends, durable: true },
};

const listOp: fc.Arbitrary<ListOp> = fc.record({
  name: fc.constantFrom('a', 'b'),
  content: fc.integer({ min: -1, max: contents.length - 1 }),
  expire: fc.constantFrom(0, 0, 1, 5),
});

const listDeaths: Record<string, { fault: Fault; of: (host: Host) => Fault[]; durable: boolean }> = {
  'before setLists': { fault: diesBefore, of: (host) => host.backend.listings, durable: false },
  'after setLists': { fault: diesAfter, of: (host) => host.backend.listings, durable: false },
  'after append': { fault: diesAfter, of: (host) => host.store.appends, durable: true },
};

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('one' as const), op }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('burst' as const), ops: fc.array(op, { maxLength: 6 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), milliseconds: fc.constantFrom(10, 999, 1000, 5000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('trouble' as const),
      op,
      trouble: fc.constantFrom(...(Object.keys(troubles) as Trouble[])),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('death' as const), op, when: fc.constantFrom(...Object.keys(deaths)) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('protect' as const),
      to: fc.nat(protections.length - 1),
      trouble: fc.constantFrom('', 'append', 'kernel'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('list' as const),
      list: listOp,
      trouble: fc.constantFrom('', '', 'append', 'answer', 'kernel', ...Object.keys(listDeaths)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('tamper' as const), op }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('refuse' as const), rule }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('clock' as const),
      milliseconds: fc.constantFrom(3_600_000, -3_600_000, 5000, -5000),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** The engine and the model, side by side. */
class Trial {
  readonly #host: Host;
  readonly #model = new Model();
  readonly #foreign: readonly string[];

  private constructor(host: Host, foreign: readonly string[]) {
    this.#host = host;
    this.#foreign = foreign;
  }

  static async run(kernel: Kernel, foreign: readonly string[], steps: readonly Step[]): Promise<void> {
    const host = new Host(kernel);
    const trial = new Trial(host, foreign);
    await host.start(trial.#model.protection);
    for (const next of steps) {
      await trial.#take(next);
      await trial.#compare();
    }
    await host.engine.stop();
  }

  async #take(next: Step): Promise<void> {
    const host = this.#host;
    const model = this.#model;
    if (next.kind === 'one') {
      expect([await this.#submit(next.op)]).toEqual(model.takeBatch([next.op]));
    } else if (next.kind === 'burst') {
      // All that come in one turn share a batch.
      const answers = await Promise.all(next.ops.map((each) => this.#submit(each)));
      expect(answers).toEqual(model.takeBatch(next.ops));
    } else if (next.kind === 'wait') {
      await advance(next.milliseconds);
      model.expire();
    } else if (next.kind === 'trouble') {
      await this.#trouble(next.op, next.trouble);
    } else if (next.kind === 'death') {
      await this.#death(next.op, next.when);
    } else if (next.kind === 'protect') {
      await this.#protect(next.to, next.trouble);
    } else if (next.kind === 'list') {
      await this.#list(next.list, next.trouble);
    } else if (next.kind === 'tamper') {
      await this.#tamper(next.op);
    } else if (next.kind === 'refuse') {
      toggle(model.refused, next.rule);
      toggle(host.backend.refused, keyOf(next.rule));
    } else if (next.kind === 'crash') {
      await this.#restart();
    } else {
      setWallClock(next.milliseconds);
      model.moveExpiries(next.milliseconds);
      // A second until somebody looks at the clock, and a moment for what is due by then.
      await advance(1250);
      model.expire();
    }
  }

  #submit(command: Op): Promise<string> {
    return command.kind === 'put'
      ? this.#host.put(textOf(command.rule), command.expire)
      : this.#host.delete(textOf(command.rule));
  }

  async #trouble(command: Op, trouble: Trouble): Promise<void> {
    const usual = this.#model.foresee(command);
    const expected = whenTroubled(usual, trouble);
    troubles[trouble](this.#host);
    expect(await this.#submit(command), trouble).toBe(expected);
    if (expected === usual) this.#model.takeBatch([command]);
    this.#host.backend.heal();
    this.#host.store.heal();
    // The next command recovers by itself; so does time.
    if (command.rule % 2 === 0) {
      await advance(250);
      this.#model.expire();
      expect(this.#host.engine.degraded).toBeUndefined();
    } else {
      await this.#host.delete('192.168.0.1');
    }
  }

  async #death(command: Op, when: string): Promise<void> {
    const { fault, of, durable } = deaths[when] ?? { fault: diesBefore, of: () => [], durable: false };
    of(this.#host).push(fault);
    let answered: string | undefined;
    void this.#submit(command).then((status) => {
      answered = status;
    });
    await settle();
    if (answered !== undefined) expect([answered]).toEqual(this.#model.takeBatch([command]));
    else if (durable) this.#model.takeBatch([command]);
    await this.#restart();
  }

  async #restart(): Promise<void> {
    await this.#host.crash();
    await this.#host.start(this.#model.protection);
  }

  async #protect(to: number, trouble: string): Promise<void> {
    const next = protections[to] ?? this.#model.protection;
    if (trouble === 'append') this.#host.store.appends.push(isFull);
    if (trouble === 'kernel') this.#host.backend.replaces.push(isDown);
    const displaced = await this.#host.engine.protect(next).then(
      (rules) => rules.length,
      (error: { code: string }) => error.code,
    );
    const failure = { append: 'store-failed', kernel: 'kernel-unavailable' }[trouble];
    expect(displaced).toBe(failure ?? this.#model.protect(next));
  }

  /** A change of a list, at which nothing or something goes wrong, or the process dies. */
  async #list(op: ListOp, trouble: string): Promise<void> {
    const host = this.#host;
    const lists = this.#model.lists;
    const usual = lists.foresee(op);
    const changes = ['created', 'replaced', 'deleted'].includes(usual);
    const death = listDeaths[trouble];
    if (death !== undefined) death.of(host).push(death.fault);
    if (trouble === 'append') host.store.appends.push(isFull);
    if (trouble === 'answer') host.backend.listings.push(losesAnswer);
    if (trouble === 'kernel') host.backend.listings.push(isRefused);
    let status: string | undefined;
    const asked = answer(host.engine.listing.write(commandOf(op), () => ({}))).then((answered) => {
      status = answered;
    });
    await (death === undefined ? asked : settle());
    const failure = { append: 'store-failed', answer: 'kernel-unavailable', kernel: 'kernel-refused' }[trouble];
    if (death !== undefined && changes) expect(status).toBeUndefined();
    else expect(status, trouble).toBe(changes ? (failure ?? usual) : usual);
    if ((failure === undefined || !changes) && (death === undefined || !changes || death.durable)) lists.take(op);
    if (death !== undefined) await this.#restart();
    host.backend.heal();
    host.store.heal();
  }

  /** Somebody takes a rule out by hand; the next command that has to do with it finds out. */
  async #tamper(command: Op): Promise<void> {
    if (this.#model.list.some((standing) => standing.rule === command.rule))
      await this.#host.tamper(textOf(command.rule));
    expect([await this.#submit(command)]).toEqual(this.#model.takeBatch([command]));
  }

  async #compare(): Promise<void> {
    const lines = this.#host.backend.dump().split('\n');
    const own = lines.filter((line) => !this.#foreign.includes(line) && !line.startsWith('list '));
    expect(own.join('\n')).toBe(this.#model.dump());
    expect(lines.filter((line) => this.#foreign.includes(line))).toEqual(this.#foreign);
    const stored = (await this.#host.stored()).map((each) => ({ key: ruleKey(each), expiresAt: each.expiresAt }));
    expect(stored).toEqual(this.#model.stored());
    await this.#compareLists();
    expect(this.#host.engine.size).toBe(this.#model.list.length);
    expect(this.#host.engine.degraded).toBeUndefined();
  }

  async #compareLists(): Promise<void> {
    const { engine, backend, disk } = this.#host;
    const { lists, protection } = this.#model;
    expect(givenLines(engine.listing.all)).toEqual(lists.given);
    expect(givenLines((await loadLists(disk)).lists)).toEqual(lists.given);
    expect(enforcedLines(backend.lists)).toEqual(lists.enforced(protection.whitelist));
  }
}

/** What a command is answered in trouble, if it would usually be answered `usual`. */
function whenTroubled(usual: string, trouble: Trouble): string {
  const changesDisk = ['created', 'updated', 'deleted'].includes(usual);
  const asksKernel = changesDisk || usual === 'exists' || usual === 'kernel-refused';
  if (trouble === 'intend fails') return ['created', 'kernel-refused'].includes(usual) ? 'store-failed' : usual;
  if (trouble === 'append fails') return changesDisk ? 'store-failed' : usual;
  if (trouble === 'kernel away') return asksKernel ? 'kernel-unavailable' : usual;
  if (usual === 'kernel-refused' || !asksKernel) return usual;
  if (trouble === 'answer lost, kernel away') return 'kernel-unavailable';
  // What the kernel did is found and taken back, and so tried again; what needed no change gives nothing to find.
  return usual === 'created' || usual === 'deleted' ? usual : 'kernel-unavailable';
}

function toggle<T>(set: Set<T>, value: T): void {
  if (!set.delete(value)) set.add(value);
}

describe('the engine does what a list does, whatever fails and whenever it dies,', () => {
  it('over a kernel that holds nothing else', () =>
    fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), (steps) => Trial.run(new MemoryBackend(), [], steps)),
      { numRuns: 300 },
    ));

  it('over a literal list, in which the lines of others stay as they are', () =>
    fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), (steps) => {
        const foreign = ['ssh', 'drop input any any 10.9.9.9/32 any', 'ssh', 'http'];
        return Trial.run(new LiteralBackend(foreign), foreign, steps);
      }),
      { numRuns: 300 },
    ));
});
