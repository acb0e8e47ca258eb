import { compareKeys, compareRow, keyOf, type RuleSort, type SortKey } from './rule-order.ts';
import type { RuleColumns } from './ruleset.ts';

/** The first of many rows in an order, without the others being sorted. */
export class Selection {
  readonly #sort: RuleSort;
  readonly #limit: number;
  readonly #after: SortKey | undefined;
  /** A heap: none comes after its parent, which is at half its index; the first is the last in the order. */
  readonly #keys: SortKey[] = [];
  #offered = 0;

  /** @param after the key behind which those begin that are meant */
  constructor(sort: RuleSort, limit: number, after: SortKey | undefined) {
    this.#sort = sort;
    this.#limit = limit;
    this.#after = after;
  }

  /** Looks at a row, each at most once. */
  offer(columns: RuleColumns, row: number): void {
    this.#offered++;
    const last = this.isFull ? this.#keys[0] : undefined;
    // Of very many most are behind the last.
    if (last !== undefined && compareRow(this.#sort, columns, row, last) >= 0) return;
    if (this.#after !== undefined && compareRow(this.#sort, columns, row, this.#after) <= 0) return;
    if (last === undefined) this.#push(keyOf(this.#sort, columns, row));
    else this.#replaceLast(keyOf(this.#sort, columns, row));
  }

  get isFull(): boolean {
    return this.#keys.length >= this.#limit;
  }

  /** How many rows were offered. */
  get offered(): number {
    return this.#offered;
  }

  /** The keys of the first rows, in their order. */
  keys(): SortKey[] {
    return [...this.#keys].sort(compareKeys);
  }

  #push(key: SortKey): void {
    let at = this.#keys.push(key) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.#keys[parent];
      if (above === undefined || compareKeys(above, key) >= 0) return;
      this.#keys[at] = above;
      this.#keys[parent] = key;
      at = parent;
    }
  }

  #replaceLast(key: SortKey): void {
    let at = 0;
    for (;;) {
      const left = this.#keys[2 * at + 1];
      const right = this.#keys[2 * at + 2];
      const isRight = right !== undefined && left !== undefined && compareKeys(right, left) > 0;
      const greater = isRight ? right : left;
      if (greater === undefined || compareKeys(greater, key) <= 0) break;
      this.#keys[at] = greater;
      at = 2 * at + (isRight ? 2 : 1);
    }
    this.#keys[at] = key;
  }
}
