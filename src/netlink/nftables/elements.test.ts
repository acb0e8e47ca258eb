import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EncodeError } from '../errors.ts';
import { attributeMaxLength, viewOf } from '../wire.ts';
import { Writer } from '../writer.ts';
import { addElements } from './commands.ts';
import { ElementFlag } from './constants.ts';
import type { KeyLength } from './elements.ts';
import { ElementList } from './elements.ts';
import type { ElementAttributes } from './objects.ts';
import { elementList } from './objects.ts';

const t = { family: 'inet', name: 't' } as const;

/** The address in network byte order. */
function keyOf(keyLength: KeyLength, address: bigint): Uint8Array {
  return Uint8Array.from(Buffer.from(address.toString(16).padStart(2 * keyLength, '0'), 'hex'));
}

function written(write: (into: Writer) => void): Uint8Array {
  const into = new Writer();
  write(into);
  return into.written.slice();
}

interface Spec {
  readonly first: bigint;
  readonly last: bigint | undefined;
  readonly timeout: number | undefined;
  readonly counts: boolean;
}

/** What the table codec is given for what the list was given. */
function tableValues(keyLength: KeyLength, { first, last, timeout, counts }: Spec): ElementAttributes[] {
  const key = (address: bigint) => ({ value: keyOf(keyLength, address) });
  const expression = counts ? ({ name: 'counter', data: {} } as const) : undefined;
  const start = { key: key(first), timeout: timeout === undefined ? undefined : BigInt(timeout), expression };
  if (last === undefined || last + 1n === 1n << BigInt(8 * keyLength)) return [start];
  return [start, { flags: ElementFlag.intervalEnd, key: key(last + 1n) }];
}

const specOf = (keyLength: KeyLength): fc.Arbitrary<Spec> => {
  const highest = (1n << BigInt(8 * keyLength)) - 1n;
  const address = fc.oneof(fc.bigInt(0n, highest), fc.constantFrom(0n, highest));
  const timeout = fc.option(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { nil: undefined });
  const other = fc.option(address, { nil: undefined });
  return fc.tuple(address, other, timeout, fc.boolean()).map(([one, other, timeout, counts]) => {
    if (other === undefined) return { first: one, last: undefined, timeout, counts };
    const [first, last] = one < other ? [one, other] : [other, one];
    return { first, last, timeout, counts };
  });
};

describe.each<KeyLength>([4, 16])('keys of %d bytes', (keyLength) => {
  it('are the bytes that the table gives', () => {
    fc.assert(
      fc.property(fc.array(specOf(keyLength), { minLength: 1, maxLength: 50 }), (specs) => {
        const list = new ElementList(keyLength, 1);
        for (const { first, last, timeout, counts } of specs) {
          if (last === undefined) list.add(keyLength === 4 ? Number(first) : first, timeout, counts);
          else list.addRange(first, last, timeout, counts);
        }
        const elements = specs.flatMap((spec) => tableValues(keyLength, spec));
        expect(list.length).toBe(elements.length);
        const [message] = addElements(t, 's', list);
        const byTable = written((into) => elementList.write(into, { table: 't', set: 's', elements }));
        expect(message && written((into) => message.body.write(into))).toEqual(byTable);
      }),
    );
  });

  it('fill as many attributes as it takes, none over its limit, and lose nothing', () => {
    const list = new ElementList(keyLength);
    const count = 10_000;
    for (let address = 0; address < count; address++) list.add(address, address % 3 === 0 ? undefined : 1000 + address);
    const messages = addElements(t, 's', list);
    const values = messages.map((message) => elementList.read(viewOf(written((into) => message.body.write(into)))));
    expect(Math.max(...Array.from(list.attributes(), ({ length }) => length + 4))).toBeLessThanOrEqual(
      attributeMaxLength,
    );
    // Full but for less than one element more.
    expect(messages).toHaveLength(Math.ceil((count * (16 + 8 + keyLength - 4)) / 65_500));
    const elements = values.flatMap((value) => value.elements ?? []);
    expect(elements).toHaveLength(count);
    for (const [index, { key, timeout }] of elements.entries()) {
      expect(key?.value).toEqual(keyOf(keyLength, BigInt(index)));
      expect(timeout).toBe(index % 3 === 0 ? undefined : BigInt(1000 + index));
    }
  });

  it('keep both ends of a range in one attribute', () => {
    const list = new ElementList(keyLength);
    for (let address = 0; address < 30_000; address += 10) list.addRange(address, address + 5, 1000);
    for (const message of addElements(t, 's', list)) {
      const { elements = [] } = elementList.read(viewOf(written((into) => message.body.write(into))));
      expect(elements.length % 2).toBe(0);
      expect(elements.at(-1)?.flags).toBe(ElementFlag.intervalEnd);
    }
  });
});

it('names the element that an offset is in', () => {
  const list = new ElementList(4);
  for (let address = 0; address < 3; address++) list.add(address);
  const [message] = addElements(t, 's', list);
  if (message === undefined) throw new Error('no message');
  const view = viewOf(written((into) => message.body.write(into)));
  // Table and set are 8 bytes each, the header of the list 4, each element 16.
  expect([16, 20, 36, 52, 56].map((offset) => message.body.locate(view, offset))).toEqual([
    'elements',
    'elements[0]',
    'elements[1]',
    'elements[2]',
    'elements[2].key',
  ]);
});

describe('numbers out of range', () => {
  it.each([
    ['-1', (list: ElementList) => list.add(-1)],
    ['2^32', (list: ElementList) => list.add(2 ** 32)],
    ['a fraction', (list: ElementList) => list.add(1.5)],
    ['no timeout of 0', (list: ElementList) => list.add(1, 0)],
    ['no fraction of a millisecond', (list: ElementList) => list.add(1, 0.5)],
    ['a range that runs down', (list: ElementList) => list.addRange(2, 1)],
    ['a range that leaves the family', (list: ElementList) => list.addRange(2, 2n ** 32n)],
  ])('%s', (_, add) => {
    const list = new ElementList(4);
    list.add(7);
    expect(() => add(list)).toThrow(EncodeError);
    expect(list.length).toBe(1);
  });

  it('2^128', () => {
    expect(() => new ElementList(16).add(2n ** 128n)).toThrow(EncodeError);
    expect(() => new ElementList(16).add(-1n)).toThrow(EncodeError);
  });
});

it('is empty after clear, and writes the same again', () => {
  const list = new ElementList(4);
  const fill = () => {
    for (let address = 0; address < 9000; address++) list.add(address, 5000);
    return Array.from(list.attributes(), (attribute) => attribute.slice());
  };
  const first = fill();
  list.clear();
  expect([...list.attributes()]).toEqual([]);
  expect(fill()).toEqual(first);
});
