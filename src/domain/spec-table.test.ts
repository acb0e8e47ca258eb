import { deserialize, serialize } from 'node:v8';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePrefix, prefixOf } from './address.ts';
import { anyInterface, parseInterface } from './interface.ts';
import { actions, type RuleSpec, ruleKey } from './rule.ts';
import { SpecTable } from './spec-table.ts';

const sources = ['10.0.0.1', '10.0.0.2', '10.0.0.0/8', '10.0.0.0/9', '0.0.0.0/0', '255.255.255.255'];
const ipv6Sources = [
  '::',
  '::/0',
  '2001:db8::1',
  '2001:db8::/32',
  'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  '::a00:1',
];

function sidesOf(chain: RuleSpec['chain']): fc.Arbitrary<Pick<RuleSpec, 'source' | 'destination'>> {
  const prefix = fc.constantFrom(sources, ipv6Sources).chain((texts) => {
    const one = fc.constantFrom(...texts).map(parsePrefix);
    return fc.tuple(one, one);
  });
  const shown =
    chain === 'input' ? ['source'] : chain === 'output' ? ['destination'] : ['source', 'destination', 'both'];
  return fc.tuple(prefix, fc.constantFrom(...shown)).map(([[one, other], show]) => ({
    source: show === 'destination' ? 'any' : one,
    destination: show === 'source' ? 'any' : other,
  }));
}

/** Rules of every form, few enough that the same ones come again. */
const anySpec: fc.Arbitrary<RuleSpec> = fc.constantFrom('input', 'output', 'forward').chain((chain) =>
  fc
    .tuple(fc.constantFrom(...actions), fc.constantFrom('any', 'eth0', 'eth+').map(parseInterface), sidesOf(chain))
    .map(([action, iface, sides]) => ({
      action,
      chain,
      in: chain === 'output' ? anyInterface : iface,
      out: chain === 'output' ? iface : anyInterface,
      ...sides,
    })),
);

function host(value: number, action: RuleSpec['action'] = 'drop'): RuleSpec {
  return {
    action,
    chain: 'input',
    in: anyInterface,
    out: anyInterface,
    source: prefixOf({ family: 4, value: BigInt(value) }, 32),
    destination: 'any',
  };
}

function liveRows(table: SpecTable): number[] {
  const rows: number[] = [];
  for (let row = table.next(0); row >= 0; row = table.next(row + 1)) rows.push(row);
  return rows;
}

/** The rules of a table, in its order. */
function dump(table: SpecTable): string[] {
  return liveRows(table).map((row) => ruleKey(table.spec(row)));
}

/** What the table must agree with: every rule by its text, with its row. */
type Model = Map<string, { row: number; spec: RuleSpec }>;

function expectAgreement(table: SpecTable, model: Model): void {
  expect(table.size).toBe(model.size);
  expect(dump(table)).toEqual([...model.keys()]);
  for (const { row, spec } of model.values()) {
    expect(table.find(spec)).toBe(row);
    expect(table.has(row)).toBe(true);
    expect(table.spec(row)).toEqual(spec);
  }
}

describe('SpecTable', () => {
  it('agrees with a map of texts, whatever is added, removed, compacted and restored', () => {
    const step = fc.record({
      spec: anySpec,
      kind: fc.constantFrom('toggle', 'toggle', 'toggle', 'toggle', 'toggle', 'toggle', 'compact', 'restore'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        let table = new SpecTable();
        const model: Model = new Map();
        for (const { spec, kind } of steps) {
          if (kind === 'restore') {
            table = SpecTable.from(deserialize(serialize(table.state())));
          } else if (kind === 'compact') {
            const before = liveRows(table);
            expect([...table.compact()]).toEqual(before);
            for (const [row, one] of [...model.values()].entries()) one.row = row;
          } else {
            const key = ruleKey(spec);
            const standing = model.get(key);
            expect(table.find(spec)).toBe(standing?.row ?? -1);
            if (standing) {
              table.remove(standing.row);
              model.delete(key);
            } else {
              const { rows } = table;
              expect(table.add(spec)).toBe(rows);
              model.set(key, { row: rows, spec });
            }
          }
        }
        expectAgreement(table, model);
      }),
      { numRuns: 300 },
    );
  });

  it.each<[string, (index: number) => number]>([
    ['in sequence', (index) => 0x0a00_0000 + index],
    ['one in each /16', (index) => (index * 0x1_0000) % 2 ** 32],
    ['scattered', (index) => Math.imul(index, 0x9e37_79b1) >>> 0],
  ])('finds all of many hosts %s, and none of those that were removed', (_, address) => {
    const table = new SpecTable();
    const hosts = Array.from({ length: 50_000 }, (_, index) => host(address(index), actions[index >>> 16] ?? 'drop'));
    for (const spec of hosts) table.add(spec);
    for (let row = 0; row < table.rows; row += 2) table.remove(row);
    expect(table.size).toBe(25_000);
    let wrong = 0;
    for (const [row, spec] of hosts.entries()) if (table.find(spec) !== (row % 2 === 0 ? -1 : row)) wrong++;
    expect(wrong).toBe(0);
  });

  it('gives no row twice until it is compacted', () => {
    const table = new SpecTable();
    expect([table.add(host(1)), table.add(host(2)), table.add(host(3))]).toEqual([0, 1, 2]);
    table.remove(1);
    table.remove(2);
    expect(table.add(host(2))).toBe(3);
    expect([table.size, table.rows]).toEqual([2, 4]);
    expect([...table.compact()]).toEqual([0, 3]);
    expect([table.size, table.rows]).toEqual([2, 2]);
    expect(dump(table)).toEqual(['drop input any any 0.0.0.1/32 any', 'drop input any any 0.0.0.2/32 any']);
    expect(table.add(host(3))).toBe(2);
  });

  it('refuses a rule that is there, and goes on as if nothing had been', () => {
    const table = new SpecTable();
    table.add(host(1));
    expect(() => table.add(host(1))).toThrow('The rule is there already: drop input any any 0.0.0.1/32 any');
    expect([table.size, table.rows]).toEqual([1, 1]);
    table.remove(0);
    expect(() => table.shape(0)).toThrow('No shape has the number 0');
  });

  it('refuses to give more rows than it can number', () => {
    const table = SpecTable.from({ ...new SpecTable().state(), rows: 2 ** 27 - 1 });
    expect(() => table.add(host(1))).toThrow('No row is left: compact the table');
  });

  it('has nothing to remove in a row that was removed or never given', () => {
    const table = new SpecTable();
    table.remove(table.add(host(1)));
    expect(() => table.remove(0)).toThrow('No rule is in row 0');
    expect(() => table.remove(1)).toThrow('No rule is in row 1');
    expect([table.has(0), table.has(1)]).toEqual([false, false]);
  });

  it('keeps what many rules share once, as long as one of them has it', () => {
    const table = new SpecTable();
    const first = table.add(host(1));
    const second = table.add(host(2));
    const other = table.add(host(2, 'accept'));
    expect(table.shapeOf(second)).toBe(table.shapeOf(first));
    expect(table.shapeOf(other)).not.toBe(table.shapeOf(first));
    expect(table.shape(table.shapeOf(first))).toEqual({
      action: 'drop',
      chain: 'input',
      in: 'any',
      out: 'any',
      side: 'source',
      family: 4,
      length: 32,
      other: undefined,
    });
    const gone = table.shapeOf(first);
    table.remove(first);
    table.remove(second);
    expect(table.shapeOf(table.add(host(1, 'reject')))).toBe(gone);
    expect(table.shape(gone).action).toBe('reject');
  });

  it('keeps the second of two addresses in the shape', () => {
    const table = new SpecTable();
    const row = table.add({
      ...host(1),
      chain: 'forward',
      destination: parsePrefix('10.0.0.0/8'),
    });
    const shape = table.shape(table.shapeOf(row));
    expect([shape.side, shape.length, shape.other]).toEqual(['source', 32, parsePrefix('10.0.0.0/8')]);
  });

  it('stays as small as its rules when they come and go', () => {
    const table = new SpecTable();
    for (let round = 0; round < 20; round++) {
      for (let value = 0; value < 1000; value++) table.add(host(round * 1000 + value));
      for (let row = 0; row < 1000; row++) table.remove(row);
      table.compact();
    }
    table.add(host(1));
    table.compact();
    const { cells, slots, rows } = table.state();
    expect([cells.length, slots.length, rows]).toEqual([2, 64, 1]);
  });

  it('gives a copy of its state that later changes leave alone', () => {
    const table = new SpecTable();
    table.add(host(1));
    const state = table.state();
    table.remove(0);
    table.add(host(2));
    expect(dump(SpecTable.from(state))).toEqual(['drop input any any 0.0.0.1/32 any']);
  });
});
