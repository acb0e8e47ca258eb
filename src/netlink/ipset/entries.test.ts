import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EncodeError } from '../errors.ts';
import { viewOf } from '../wire.ts';
import { Writer } from '../writer.ts';
import { addEntries } from './commands.ts';
import { type AddressLength, EntryList } from './entries.ts';
import { type EntryAttributes, manyEntries } from './objects.ts';

interface Spec {
  readonly address: bigint;
  readonly length: number;
  readonly timeout: number | undefined;
}

function written(write: (into: Writer) => void): Uint8Array {
  const into = new Writer();
  write(into);
  return into.written.slice();
}

/** What the table codec is given for what the list was given. */
function tableValue(addressLength: AddressLength, { address, length, timeout }: Spec, index: number): EntryAttributes {
  const bytes = Uint8Array.from(Buffer.from(address.toString(16).padStart(2 * addressLength, '0'), 'hex'));
  return {
    address: addressLength === 4 ? { ipv4: bytes } : { ipv6: bytes },
    length: length === 8 * addressLength ? undefined : length,
    timeout,
    line: index + 1,
  };
}

describe.each<AddressLength>([4, 16])('addresses of %d bytes', (addressLength) => {
  const width = 8 * addressLength;
  const specs = fc.record({
    address: fc.bigInt(0n, (1n << BigInt(width)) - 1n),
    length: fc.oneof(fc.integer({ min: 1, max: width }), fc.constant(width)),
    timeout: fc.option(fc.nat(2_147_483), { nil: undefined }),
  });

  it('are the bytes that the table gives', () => {
    fc.assert(
      fc.property(fc.array(specs, { minLength: 1, maxLength: 50 }), (of) => {
        const list = new EntryList(addressLength);
        for (const { address, length, timeout } of of) {
          list.add(addressLength === 4 ? Number(address) : address, length, timeout);
        }
        expect(list.length).toBe(of.length);
        const entries = of.map((spec, index) => tableValue(addressLength, spec, index));
        const byTable = written((into) => manyEntries.write(into, { protocol: 6, name: 's', line: 1, entries }));
        expect(written((into) => addEntries('s', list).body.write(into))).toEqual(byTable);
      }),
    );
  });

  it('fill a message, and say when the next would not fit', () => {
    const list = new EntryList(addressLength);
    while (!list.full) list.add(list.length, width - 1, 7);
    expect(list.length).toBeGreaterThan(600);
    expect(() => list.add(1, 8)).toThrow(EncodeError);
    const { entries } = manyEntries.read(viewOf(written((into) => addEntries('s', list).body.write(into))));
    expect(entries?.map(({ line }) => line)).toEqual(Array.from({ length: list.length }, (_, index) => index + 1));
    list.clear();
    expect(list.content).toHaveLength(0);
    list.add(7, width);
    expect(list.length).toBe(1);
  });

  it.each([
    ['-1', -1, width],
    ['one past the last address', 1n << BigInt(width), width],
    ['a fraction', 1.5, width],
    ['no network of length 0', 0, 0],
    ['a length past the address', 0, width + 1],
    ['a fraction of a length', 0, 7.5],
  ])('takes no numbers out of range: %s', (_, address, length) => {
    const list = new EntryList(addressLength);
    expect(() => list.add(address, length)).toThrow(RangeError);
    expect(() => list.add(1, 8, -1)).toThrow(EncodeError);
    expect(() => list.add(1, 8, 1.5)).toThrow(EncodeError);
    expect(list.length).toBe(0);
  });
});
