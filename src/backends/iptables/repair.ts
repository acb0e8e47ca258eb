import type { RuleSpec } from '../../domain/rule.ts';
import type { Repair } from '../backend.ts';
import type { Line } from './line.ts';

/** Lines for iptables-restore, in order, and what they change. */
export interface RepairPlan {
  readonly commands: readonly string[];
  /** What was wrong with rules and guard. */
  readonly repair: Omit<Repair, 'lists'>;
  /** The sets of the lists whose lines are put in, moved or taken out. */
  readonly sets: readonly string[];
}

/**
 * Plans the fewest steps that bring one chain to the desired lines, in their order, without touching anybody else's.
 *
 * Of rfw's lines the longest subsequence that is in order stays where it is. What is missing goes right below its upper
 * neighbour, or to the head. Lines are taken out by what they say, never by number: a number could by then be somebody
 * else's line.
 * @param current the chain in the kernel, top to bottom
 * @param desired rfw's lines, top to bottom, each key once
 * @param stale keys of lines that rfw left behind; one copy of each is taken out, and all copies of the line of a list
 */
export function planRepair(
  chain: string,
  current: readonly Line[],
  desired: readonly Line[],
  stale: ReadonlySet<string>,
): RepairPlan {
  const ranks = new Map(desired.map((line, rank) => [line.key, rank]));
  const places = current.map((line, index) => ({ line, index }));
  // Any of several copies may be the one that stays: else one of somebody else's would have ours moved at every look.
  const ranked = places.filter(({ line }) => ranks.has(line.key));
  const kept = longestIncreasing(ranked.map(({ line }) => ranks.get(line.key) ?? 0)).flatMap((at) => ranked[at] ?? []);
  const placeOf = new Map(kept.map(({ line, index }) => [line.key, index]));
  const lifted = firstOfEach(places, (key) => (ranks.has(key) && !placeOf.has(key)) || stale.has(key));

  const commands = lifted.map(({ line }) => `-D ${chain} ${line.args}`);
  const liftedAt = lifted.map((place) => place.index);
  let above = 0; // lines of the chain, as it will be, from the head down to rfw's last one so far
  let inserted = 0;
  let lift = 0;
  let run: Line[] = [];
  const flush = (): void => {
    // All at one place, the lowest first: each pushes the one before it down.
    const at = above === 0 ? '' : ` ${above + 1}`;
    for (const line of run.toReversed()) commands.push(`-I ${chain}${at} ${line.args}`);
    inserted += run.length;
    above += run.length;
    run = [];
  };
  for (const line of desired) {
    const index = placeOf.get(line.key);
    if (index === undefined) {
      run.push(line);
      continue;
    }
    flush();
    while (lift < liftedAt.length && (liftedAt[lift] ?? 0) < index) lift++;
    above = index + 1 - lift + inserted;
  }
  flush();

  const lost = new Set(lifted.map((place) => place.line.key));
  const rules = (lines: readonly Line[]): RuleSpec[] => lines.flatMap((line) => line.spec ?? []);
  const guard = (lines: readonly Line[]): number => lines.filter((line) => !line.spec && !line.list).length;
  const placed = desired.filter((line) => !placeOf.has(line.key));
  const missing = rules(placed.filter((line) => !lost.has(line.key)));
  const moved = rules(placed).length - missing.length;
  return {
    commands,
    repair: {
      missing,
      moved,
      removed: rules(lifted.map((place) => place.line)).length - moved,
      guard: Math.max(guard(placed), guard(lifted.map((place) => place.line))),
      rebuilt: false,
    },
    sets: [...placed, ...lifted.map((place) => place.line)].flatMap(({ list }) => list?.set ?? []),
  };
}

/**
 * Plans how to undo a change of one chain: what it put in goes, what it took out comes back below the line that it stood
 * below. Lines of others are only looked at, to find that place.
 * @param before the chain as it was
 * @param now the chain as it is
 */
export function planUndo(
  chain: string,
  before: readonly Line[],
  now: readonly Line[],
  added: ReadonlySet<string>,
  removed: ReadonlySet<string>,
): readonly string[] {
  const former = [...new Map(before.map((line) => [line.key, line])).values()];
  const ranks = new Map(former.map((line, rank) => [line.key, rank]));
  const standing = now.filter((line) => ranks.has(line.key) && !removed.has(line.key));
  const inOrder = longestIncreasing(standing.map((line) => ranks.get(line.key) ?? 0));
  const anchors = new Set(inOrder.map((index) => standing[index]?.key));
  const wanted = former.filter((line) => removed.has(line.key) || anchors.has(line.key));
  return planRepair(chain, now, wanted, added).commands;
}

interface Place {
  readonly line: Line;
  readonly index: number;
}

/** The uppermost line of each wanted key, which is the one that a deletion by content takes. All lines of lists are rfw's. */
function firstOfEach(places: readonly Place[], wanted: (key: string) => boolean): Place[] {
  const seen = new Set<string>();
  return places.filter(({ line }) => {
    if ((seen.has(line.key) && !line.list) || !wanted(line.key)) return false;
    seen.add(line.key);
    return true;
  });
}

/** The indexes of a longest strictly increasing subsequence, by patience sorting in O(n log n). */
export function longestIncreasing(values: readonly number[]): number[] {
  const tails: number[] = [];
  const previous: number[] = [];
  for (const [index, value] of values.entries()) {
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((values[tails[middle] ?? 0] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    previous[index] = low === 0 ? -1 : (tails[low - 1] ?? -1);
    tails[low] = index;
  }
  const sequence: number[] = [];
  for (let index = tails.at(-1) ?? -1; index >= 0; index = previous[index] ?? -1) sequence.push(index);
  return sequence.reverse();
}
