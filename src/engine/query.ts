import type { Rule } from '../domain/rule.ts';
import { nextTurn } from '../domain/turn.ts';
import { formatCursor, parseCursor } from './cursor.ts';
import { countByShape, meansNothing, type RowTest, type RuleFilter, rowsHolding, rowTest } from './rule-filter.ts';
import type { RuleSort } from './rule-order.ts';
import type { RuleColumns, RuleSet } from './ruleset.ts';
import { Selection } from './selection.ts';

/** A page of rules that is asked for. */
export interface RuleQuery {
  readonly filter: RuleFilter;
  /** Newest first where it isn't given. */
  readonly sort?: RuleSort;
  /** The most rules of a page. */
  readonly limit: number;
  /** Where the page before has ended. */
  readonly cursor?: string;
}

/** A page of rules. */
export interface RulePage {
  readonly rules: readonly Rule[];
  /** The cursor of the next page; undefined when this is the last one. */
  readonly next: string | undefined;
  /** How many rules the filter means in all; undefined where that would take a look at each. */
  readonly count: number | undefined;
}

/** Rows that are looked at before others have their turn: a few milliseconds, also where texts are searched. */
const rowsInOneTurn = { numbers: 50_000, texts: 10_000 };

/**
 * Finds a page of rules. What stands throughout, unchanged, is on just one of the pages, whatever comes and goes meanwhile.
 * (When the wall clock is set, expiries change.)
 * @param rules the rules that stand at the time of the call; it is called anew after each turn of the event loop
 * @throws RfwError `cursor-invalid`
 */
export async function findRules(
  rules: () => RuleSet,
  { filter, sort = 'newest', limit, cursor }: RuleQuery,
  turn: number = filter.q === undefined ? rowsInOneTurn.numbers : rowsInOneTurn.texts,
): Promise<RulePage> {
  const after = cursor === undefined ? undefined : parseCursor(cursor, sort);
  // One more, which tells whether there is another page.
  const selection = new Selection(sort, limit + 1, after);
  const isByPlace = sort === 'newest' || sort === 'oldest';
  const { columns } = rules();
  const holding = filter.contains && rowsHolding(columns, filter.contains);
  if (holding !== undefined) {
    const test = rowTest(columns, filter);
    for (const row of holding) if (test(row)) selection.offer(columns, row);
  } else {
    const scan = { isBackwards: sort === 'newest', from: isByPlace ? Math.abs(after?.[0] ?? 0) : 0, turn };
    await eachMatch(rules, filter, scan, (now, row) => {
      selection.offer(now, row);
      return !(isByPlace && selection.isFull);
    });
  }
  const keys = selection.keys();
  const shown = keys.slice(0, limit);
  const last = shown.at(-1);
  const hasNext = last !== undefined && keys.length > limit;
  const sawAll = holding !== undefined || !isByPlace || (after === undefined && !hasNext);
  return {
    rules: shown.flatMap((key) => rules().at(Math.abs(key.at(-1) ?? 0)) ?? []),
    next: hasNext ? formatCursor(sort, last) : undefined,
    count: sawAll ? selection.offered : countByShape(rules().columns, filter),
  };
}

interface Scan {
  readonly isBackwards: boolean;
  /** The place in the order behind which it begins, seen in its direction; 0 is the beginning. */
  readonly from: number;
  /** Rows that are looked at before others have their turn. */
  readonly turn: number;
}

/** Visits the rows that are meant, with the columns of that moment, until `visit` says that it is enough. */
async function eachMatch(
  rules: () => RuleSet,
  filter: RuleFilter,
  { isBackwards, from, turn }: Scan,
  visit: (columns: RuleColumns, row: number) => boolean,
): Promise<void> {
  const step = isBackwards ? -1 : 1;
  let place = isBackwards && from === 0 ? Number.POSITIVE_INFINITY : from;
  for (;;) {
    // Made anew each time: rows, and the numbers of shapes and texts, may be others by now.
    const standing = rules();
    const { columns } = standing;
    const { specs, seqs } = columns;
    if (meansNothing(columns, filter)) return;
    const test = rowTest(columns, filter);
    const row = isBackwards ? standing.rowFrom(place) - 1 : standing.rowFrom(place + 1);
    const end = isBackwards ? Math.max(-1, row - turn) : Math.min(specs.rows, row + turn);
    if (!visitRows(columns, { row, end, step }, test, visit)) return;
    if (end === -1 || end === specs.rows) return;
    place = seqs[end - step] ?? 0;
    await nextTurn();
  }
}

/** A loop of its own, since the engine of Node makes those fast that have no await around them. @returns false when it is enough */
function visitRows(
  columns: RuleColumns,
  { row: from, end, step }: { readonly row: number; readonly end: number; readonly step: number },
  test: RowTest,
  visit: (columns: RuleColumns, row: number) => boolean,
): boolean {
  const { specs } = columns;
  for (let row = from; row !== end; row += step) {
    if (specs.has(row) && test(row) && !visit(columns, row)) return false;
  }
  return true;
}
