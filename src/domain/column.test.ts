import { describe, expect, it } from 'vitest';
import { Column } from './column.ts';

describe('Column', () => {
  it('holds 0 until something else is set, however far away', () => {
    const column = new Column(new Float64Array());
    column.set(100_000, 1.5);
    expect([column.get(0), column.get(99_999), column.get(100_000), column.get(100_001)]).toEqual([0, 0, 1.5, 0]);
  });

  it('keeps what it holds while it grows', () => {
    const column = new Column(new Uint32Array());
    for (let row = 0; row < 10_000; row++) column.set(row, 0xffff_ffff - row);
    for (let row = 0; row < 10_000; row++) expect(column.get(row)).toBe(0xffff_ffff - row);
  });

  it('follows rows that moved', () => {
    const column = new Column(new Uint32Array());
    for (let row = 0; row < 10; row++) column.set(row, 10 * row);
    column.reorder(Uint32Array.of(1, 4, 9, 12));
    expect([0, 1, 2, 3].map((row) => column.get(row))).toEqual([10, 40, 90, 0]);
  });

  it('copies the rows asked for, also those that nobody has set', () => {
    const column = new Column(new Float64Array());
    column.set(0, 7);
    column.set(1, 8);
    const state = column.state(1);
    column.set(0, 9);
    expect(state).toEqual(Float64Array.of(7));
    expect(column.state(100)).toHaveLength(100);
  });

  it('goes on from a copy', () => {
    const column = new Column(new Uint32Array());
    column.set(0, 7);
    const again = new Column(column.state(1));
    again.set(1, 8);
    expect(again.state(2)).toEqual(Uint32Array.of(7, 8));
  });
});
