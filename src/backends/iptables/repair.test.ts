import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasRepaired } from '../backend.ts';
import { spec } from '../rule.fixture.ts';
import { applyCommands, type Entry } from './chain.fixture.ts';
import { type Line, ruleLine } from './line.ts';
import { listFrom } from './list.fixture.ts';
import { listLine } from './list-line.ts';
import { longestIncreasing, planRepair } from './repair.ts';
import { staleLists } from './wanted.ts';

const chain = 'INPUT';
const line = (name: string): Line => ({ chain, key: name, args: `-j ${name}` });
const entries = (lines: readonly Line[]): Entry[] => lines.map(({ args }) => ({ args }));
const names = (chainEntries: readonly Entry[]): string[] => chainEntries.map(({ args }) => args.slice('-j '.length));

const ours = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const theirs = ['X', 'Y', 'Z'];

interface Scene {
  readonly current: readonly string[];
  readonly desired: readonly string[];
  readonly stale: readonly string[];
}

/** Any mixture of our lines, with or without copies, and foreign ones; any wish; stale lines that are not wished. */
function scenes(copies: 'with copies' | 'without copies'): fc.Arbitrary<Scene> {
  const any = fc.array(fc.constantFrom(...ours, ...theirs), { maxLength: 14 });
  const once = any.map((all) => all.filter((name, index) => theirs.includes(name) || all.indexOf(name) === index));
  return fc
    .record({
      current: copies === 'with copies' ? any : once,
      desired: fc.shuffledSubarray(ours),
      stale: fc.shuffledSubarray(ours),
    })
    .map((scene) => ({ ...scene, stale: scene.stale.filter((name) => !scene.desired.includes(name)) }));
}

function plan({ current, desired, stale }: Scene) {
  return planRepair(chain, current.map(line), desired.map(line), new Set(stale));
}

function repaired(scene: Scene): string[] {
  return names(applyCommands(chain, entries(scene.current.map(line)), plan(scene).commands));
}

function isSubsequence(wanted: readonly string[], all: readonly string[]): boolean {
  let met = 0;
  for (const name of all) if (name === wanted[met]) met++;
  return met === wanted.length;
}

const count = (all: readonly string[], name: string): number => all.filter((one) => one === name).length;

describe('a repair plan, carried out', () => {
  it('leaves foreign lines and further copies of ours as they were, in their order', () => {
    fc.assert(
      fc.property(scenes('with copies'), (scene) => {
        const before = entries(scene.current.map(line));
        const after = applyCommands(chain, before, plan(scene).commands);
        const isOurs = (entry: Entry): boolean =>
          [...scene.desired, ...scene.stale].some((name) => line(name).args === entry.args);
        const isFirst = (entry: Entry): boolean =>
          before.findIndex(({ args }) => args === entry.args) === before.indexOf(entry);
        const untouchable = before.filter((entry) => !isOurs(entry) || !isFirst(entry));
        expect(after.filter((entry) => untouchable.includes(entry))).toEqual(untouchable);
      }),
      { numRuns: 2000 },
    );
  });

  it('holds every desired line in the desired order', () => {
    fc.assert(
      fc.property(scenes('with copies'), (scene) => {
        expect(isSubsequence(scene.desired, repaired(scene))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('loses exactly one copy of each stale line and gains only what was missing', () => {
    fc.assert(
      fc.property(scenes('with copies'), (scene) => {
        const after = repaired(scene);
        for (const name of [...ours, ...theirs]) {
          const had = count(scene.current, name);
          const wanted = scene.stale.includes(name)
            ? Math.max(0, had - 1)
            : scene.desired.includes(name)
              ? Math.max(1, had)
              : had;
          expect(`${name} ${count(after, name)}`).toBe(`${name} ${wanted}`);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('says nothing and does nothing where there is nothing to do', () => {
    fc.assert(
      fc.property(scenes('without copies'), (scene) => {
        const again = plan({ ...scene, current: repaired(scene) });
        expect(again.commands).toEqual([]);
        expect(hasRepaired({ ...again.repair, lists: again.sets.length })).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  it('settles in one run also where somebody else has a copy of a line of ours', () => {
    fc.assert(
      fc.property(scenes('with copies'), (given) => {
        // A stale line loses one copy at every run, as it must: it is another matter.
        const scene = { ...given, stale: [] };
        expect(plan({ ...scene, current: repaired(scene) }).commands).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });

  it('takes the fewest commands', () => {
    fc.assert(
      fc.property(scenes('without copies'), (scene) => {
        const present = scene.current.filter((name) => scene.desired.includes(name));
        const kept = longestByTrying(present.map((name) => scene.desired.indexOf(name)));
        const gone = scene.stale.filter((name) => scene.current.includes(name)).length;
        const missing = scene.desired.length - present.length;
        expect(plan(scene).commands).toHaveLength(gone + missing + 2 * (present.length - kept));
      }),
      { numRuns: 1000 },
    );
  });

  it('takes lines out before it puts any in, and never by number', () => {
    fc.assert(
      fc.property(scenes('with copies'), (scene) => {
        const kinds = plan(scene).commands.map((command) => command.slice(0, 2));
        expect(kinds.join()).toBe(kinds.toSorted().join());
      }),
    );
  });
});

describe('what a repair plan says that it repairs', () => {
  const rule = (host: number): Line => ruleLine(spec(`drop input any any 10.0.0.${host} any`), 4);
  const [one, two, three] = [rule(1), rule(2), rule(3)];
  const guard = line('guard');
  const foreign = line('foreign');

  it('is nothing for a chain that holds what it should among foreign lines', () => {
    const { commands, repair } = planRepair(
      chain,
      [foreign, guard, foreign, one, two, foreign],
      [guard, one, two],
      new Set(),
    );
    expect(commands).toEqual([]);
    expect(repair).toEqual({ missing: [], moved: 0, removed: 0, guard: 0, rebuilt: false });
  });

  it('is the missing rules, put right below their upper neighbour', () => {
    const { commands, repair } = planRepair(chain, [foreign, one, foreign, three], [one, two, three], new Set());
    expect(commands).toEqual(['-I INPUT 3 -s 10.0.0.2/32 -j DROP']);
    expect(repair).toEqual({ missing: [two.spec], moved: 0, removed: 0, guard: 0, rebuilt: false });
  });

  it('is the rules out of order', () => {
    const { commands, repair } = planRepair(chain, [three, foreign, one, two], [one, two, three], new Set());
    expect(commands).toEqual(['-D INPUT -s 10.0.0.3/32 -j DROP', '-I INPUT 4 -s 10.0.0.3/32 -j DROP']);
    expect(repair).toEqual({ missing: [], moved: 1, removed: 0, guard: 0, rebuilt: false });
  });

  it('is the stale rules that are gone', () => {
    const { commands, repair } = planRepair(chain, [one, two], [two], new Set([one.key, three.key]));
    expect(commands).toEqual(['-D INPUT -s 10.0.0.1/32 -j DROP']);
    expect(repair).toEqual({ missing: [], moved: 0, removed: 1, guard: 0, rebuilt: false });
  });

  it('is the lists whose lines were put in, moved or taken out, whatever copies of these there are', () => {
    const [old, spam] = ['old', 'spam'].map((name) => listLine(listFrom(`${name} drop input any any`, []), 4));
    if (old === undefined || spam === undefined) throw new Error('no lines');
    const { commands, sets, repair } = planRepair(
      chain,
      [old, foreign, one, old, foreign],
      [one, two, spam],
      staleLists([old], [spam]),
    );
    expect(commands).toEqual([
      `-D INPUT ${old.args}`,
      `-D INPUT ${old.args}`,
      `-I INPUT 3 ${spam.args}`,
      '-I INPUT 3 -s 10.0.0.2/32 -j DROP',
    ]);
    expect(sets).toEqual([spam.list.set, old.list.set, old.list.set]);
    expect(repair).toEqual({ missing: [two.spec], moved: 0, removed: 0, guard: 0, rebuilt: false });
  });

  it('is the lines of the guard that were put in, taken out or moved to the top', () => {
    expect(planRepair(chain, [one], [guard, one], new Set()).repair.guard).toBe(1);
    expect(planRepair(chain, [guard, one], [one], new Set(['guard'])).repair.guard).toBe(1);
    const moved = planRepair(chain, [one, two, guard], [guard, one, two], new Set());
    expect(moved.commands).toEqual(['-D INPUT -j guard', '-I INPUT -j guard']);
    expect(moved.repair).toEqual({ missing: [], moved: 0, removed: 0, guard: 1, rebuilt: false });
  });

  it('is everything at once in an empty chain, the newest on top', () => {
    expect(planRepair(chain, [], [one, two, three], new Set()).commands).toEqual([
      '-I INPUT -s 10.0.0.3/32 -j DROP',
      '-I INPUT -s 10.0.0.2/32 -j DROP',
      '-I INPUT -s 10.0.0.1/32 -j DROP',
    ]);
  });
});

/** The length of a longest increasing subsequence, by trying all. */
function longestByTrying(values: readonly number[]): number {
  let longest = 0;
  for (let choice = 0; choice < 2 ** values.length; choice++) {
    const chosen = values.filter((_, index) => (choice >> index) & 1);
    const increases = chosen.every((value, index) => index === 0 || value > (chosen[index - 1] ?? value));
    if (increases) longest = Math.max(longest, chosen.length);
  }
  return longest;
}

describe('longestIncreasing', () => {
  it('finds an increasing subsequence as long as any', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -5, max: 9 }), { maxLength: 9 }), (values) => {
        const indexes = longestIncreasing(values);
        const sequence = indexes.map((index) => values[index] ?? Number.NaN);
        expect(indexes).toEqual([...new Set(indexes)].sort((a, b) => a - b));
        expect(sequence).toEqual([...new Set(sequence)].sort((a, b) => a - b));
        expect(sequence).toHaveLength(longestByTrying(values));
      }),
      { numRuns: 1000 },
    );
  });

  it('takes 200,000 values in its stride', () => {
    const descending = Array.from({ length: 200_000 }, (_, index) => -index);
    expect(longestIncreasing(descending)).toHaveLength(1);
    expect(longestIncreasing(descending.toReversed())).toHaveLength(200_000);
  });
});
