import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Codec, ValueOf } from './codec.ts';
import { be16, be32, be32Signed, be64, byte, bytes, cstring, host32 } from './codec.ts';
import { DecodeError, EncodeError } from './errors.ts';
import { attributes, choice, list, viewOf } from './wire.ts';
import { hostIsLittleEndian, Writer } from './writer.ts';

const inner = attributes({ small: [1, byte], blob: [2, bytes] });
const kind = choice({ name: 1, data: 2 }, { inner, empty: attributes({}) });
const outer = attributes({
  name: [1, cstring],
  port: [2, be16],
  count: [3, be32],
  priority: [4, be32Signed],
  handle: [5, be64],
  native: [6, host32],
  inner: [7, inner],
  items: [9, list(inner)],
  kinds: [10, list(kind)],
});

function encode<C extends Codec<unknown>>(codec: C, value: ValueOf<C>): Uint8Array {
  const into = new Writer(8); // Small, so that every test has it grow.
  codec.write(into, value);
  return into.written.slice();
}

const decode = <C extends Codec<unknown>>(codec: C, from: Uint8Array): ValueOf<C> =>
  codec.read(viewOf(from)) as ValueOf<C>;
const hex = (from: Uint8Array): string => Buffer.from(from).toString('hex');
const unhex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');
const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined });

const blob = fc.uint8Array({ maxLength: 40 });
const anyInner = fc.record({ small: fc.nat(255), blob }, { requiredKeys: [] });
const anyOuter = fc.record(
  {
    name: fc.string({ unit: 'binary', maxLength: 30 }).filter((text) => !text.includes('\0')),
    port: fc.nat(0xffff),
    count: fc.nat(0xffff_ffff),
    priority: fc.integer(),
    handle: fc.bigInt(0n, 2n ** 64n - 1n),
    native: fc.nat(0xffff_ffff),
    inner: anyInner,
    items: fc.array(anyInner, { maxLength: 5 }),
    kinds: fc.array(
      fc.oneof(
        anyInner.map((data) => ({ name: 'inner' as const, data })),
        fc.constant({ name: 'empty' as const, data: {} }),
        fc.record({ name: fc.constant('?' as const), kind: fc.constantFrom('xt', 'toString', '?'), data: blob }),
      ),
      { maxLength: 5 },
    ),
  },
  { requiredKeys: [] },
);

describe.runIf(hostIsLittleEndian)('bytes', () => {
  it.each([
    ['be32 is big endian in a header of host order', attributes({ a: [3, be32] }), { a: 1 }, '08000300 00000001'],
    ['host32 is of the host', attributes({ a: [3, host32] }), { a: 1 }, '08000300 01000000'],
    ['be64', attributes({ a: [4, be64] }), { a: 60_000n }, '0c000400 00000000 0000ea60'],
    ['a negative number', attributes({ a: [2, be32Signed] }), { a: -10 }, '08000200 fffffff6'],
    ['the length is without the padding', attributes({ a: [1, cstring] }), { a: 't' }, '06000100 74000000'],
    ['nesting sets a flag', attributes({ a: [1, inner] }), { a: { small: 5 } }, '0c000180 05000100 05000000'],
    ['an empty table', attributes({ a: [1, inner] }), { a: {} }, '04000180'],
    ['what is undefined is absent', attributes({ a: [1, be32] }), { a: undefined }, ''],
    [
      'rows give the order',
      attributes({ b: [2, byte], a: [1, byte] }),
      { a: 1, b: 2 },
      '05000200 02000000 05000100 01000000',
    ],
  ])('%s', (_, codec: Codec<unknown>, value, expected) => {
    expect(hex(encode(codec, value))).toBe(expected.replaceAll(' ', ''));
    expect(encode(codec, decode(codec, unhex(expected)))).toEqual(Uint8Array.from(unhex(expected)));
  });
});

describe('values', () => {
  it('come back from the wire as they went', () => {
    fc.assert(
      fc.property(anyOuter, (value) => {
        expect(decode(outer, encode(outer, value))).toEqual(value);
      }),
    );
  });

  it('keep no reference to the bytes they were read from', () => {
    const from = encode(inner, { blob: Uint8Array.of(1, 2, 3) });
    const value = decode(inner, from);
    from.fill(9);
    expect(value.blob).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('skip the attributes that the table does not know', () => {
    const newer = attributes({ ...inner.rows, news: [3, cstring], more: [400, inner] });
    expect(decode(inner, encode(newer, { small: 7, news: 'x', more: { small: 1 } }))).toEqual({ small: 7 });
  });

  it('end a string at its first NUL, or where the attribute ends', () => {
    expect(decode(cstring, unhex('6100 62'))).toBe('a');
    expect(decode(cstring, unhex('6162'))).toBe('ab');
  });
});

describe('a table', () => {
  it('has every id once', () => {
    expect(() => attributes({ a: [1, be32], b: [1, be32] })).toThrow('attribute b: 1 is already a');
  });

  it.each([0, -1, 1.5, 0x4000])('has no id %d', (id) => {
    expect(() => attributes({ a: [id, be32] })).toThrow('no attribute id');
  });
});

describe('what does not fit', () => {
  it.each([
    ['count: -1 is no integer from 0 to 4294967295', { count: -1 }],
    ['count: 4294967296 is no integer', { count: 2 ** 32 }],
    ['count: 0.5 is no integer', { count: 0.5 }],
    ['port: 65536 is no integer', { port: 65_536 }],
    ['handle: 18446744073709551616 is outside 64 bits', { handle: 2n ** 64n }],
    ['name: a name can not hold the NUL character', { name: 'a\0b' }],
    ['items[1].small: 256 is no integer', { items: [{}, { small: 256 }] }],
    ['kinds[0].inner.small: -1 is no integer', { kinds: [{ name: 'inner', data: { small: -1 } }] }],
  ] satisfies [string, ValueOf<typeof outer>][])('%s', (message, value) => {
    expect(() => encode(outer, value)).toThrow(EncodeError);
    expect(() => encode(outer, value)).toThrow(message);
  });

  it('is an attribute over 65,535 bytes, whose length never wraps', () => {
    const most = new Uint8Array(0xffff - 4);
    expect(decode(inner, encode(inner, { blob: most })).blob).toHaveLength(most.length);
    expect(() => encode(inner, { blob: new Uint8Array(0xffff - 3) })).toThrow('blob: an attribute of 65536 bytes');
    const many = Array.from({ length: 10_000 }, () => ({ small: 1 }));
    expect(() => encode(outer, { items: many })).toThrow('items: an attribute of 120004 bytes');
  });
});

describe('what makes no sense', () => {
  it.each([
    ['1 bytes are left over', '00'],
    ['an attribute of 3 bytes', '03000100'],
    ['an attribute of 12 bytes where 8 are left', '0c000300 00000001'],
    ['count: expected 4 bytes, found 3', '07000300 000000 00'],
    ['inner.small: expected 1 bytes, found 0', '08000780 04000100'],
    ['kinds[0]: no name', '08000a80 04000180'],
  ])('%s', (message, text) => {
    expect(() => decode(outer, unhex(text))).toThrow(DecodeError);
    expect(() => decode(outer, unhex(text))).toThrow(message);
  });

  it('is a DecodeError and nothing else, whatever the bytes', () => {
    const bytesOf = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(anyOuter, fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 4 })).map(([value, changes]) => {
        const from = encode(outer, value);
        for (const [at, value] of changes) if (at < from.length) from[at] = value;
        return from;
      }),
    );
    fc.assert(
      fc.property(bytesOf, optional(fc.nat(300)), (from, offset) => {
        try {
          decode(outer, from);
          outer.locate?.(viewOf(from), offset ?? 0);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
      { numRuns: 5000 },
    );
  });
});

it('finds the attribute at an offset, at any depth', () => {
  const value = {
    name: 'abc',
    inner: { small: 1, blob: Uint8Array.of(1, 2) },
    items: [{}, { small: 2, blob: Uint8Array.of() }],
    kinds: [{ name: 'inner', data: { small: 3 } }],
  } as const;
  const from = viewOf(encode(outer, value));
  const found = Array.from({ length: from.byteLength / 4 }, (_, word) => outer.locate?.(from, 4 * word));
  expect([...new Set(found)]).toEqual([
    'name',
    'inner',
    'inner.small',
    'inner.blob',
    'items',
    'items[0]',
    'items[1]',
    'items[1].small',
    'items[1].blob',
    'kinds',
    'kinds[0]',
    'kinds[0].name',
    'kinds[0].data',
    'kinds[0].data.small',
  ]);
  expect(outer.locate?.(from, from.byteLength)).toBeUndefined();
});
