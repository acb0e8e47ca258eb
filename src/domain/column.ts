/** What a column can hold: instants and sequence numbers pass 32 bits, the numbers of texts don't. */
type Numbers = Float64Array | Uint32Array;

/**
 * One number for each row of a table, in a typed array that grows: a million rows are no objects. Rows that nobody has set
 * hold 0.
 */
export class Column<T extends Numbers> {
  #values: T;

  /** @param values what the rows hold at first; the column takes the array over. What `state` gave makes the same column again. */
  constructor(values: T) {
    this.#values = values;
  }

  get(row: number): number {
    return this.#values[row] ?? 0;
  }

  /** What the rows hold, and some behind them, until one is set. */
  get values(): T {
    return this.#values;
  }

  set(row: number, value: number): void {
    if (row >= this.#values.length) this.#values = enlarged(this.#values, grownFor(row + 1, this.#values.length));
    this.#values[row] = value;
  }

  /** Follows a table whose rows moved. @param oldRows for each new row the old one, as `SpecTable.compact` returns it */
  reorder(oldRows: Uint32Array): void {
    const values = emptyLike(this.#values, oldRows.length);
    for (let row = 0; row < oldRows.length; row++) values[row] = this.#values[oldRows[row] ?? 0] ?? 0;
    this.#values = values;
  }

  /** A copy of what the first rows hold, and nothing behind them. */
  state(rows: number): T {
    return enlarged(this.#values.subarray(0, rows) as T, rows);
  }
}

/**
 * How many items an array gets that has to hold `least`: half as many again as before, since a large array that doubled
 * would stand half empty.
 */
export function grownFor(least: number, before: number): number {
  return Math.max(least, before + (before >>> 1) + 8);
}

/** The same numbers at the beginning of a longer array. */
export function enlarged<T extends Numbers | Int16Array>(values: T, length: number): T {
  const larger = emptyLike(values, length);
  larger.set(values);
  return larger;
}

function emptyLike<T extends Numbers | Int16Array>(values: T, length: number): T {
  return new (values.constructor as new (length: number) => T)(length);
}
