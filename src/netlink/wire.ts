import type { Codec, ValueOf } from './codec.ts';
import { bytes, cstring } from './codec.ts';
import { DecodeError, EncodeError, within } from './errors.ts';
import type { Writer } from './writer.ts';
import { aligned, hostIsLittleEndian } from './writer.ts';

/** struct nlattr, linux/netlink.h: u16 length with the header but without the padding, u16 type. */
export const attributeHeaderLength = 4;

/** The longest that an attribute can be, with its header: the length is a u16, and the kernel never checks that it wrapped. */
export const attributeMaxLength = 0xffff;

/** NLA_F_NESTED, linux/netlink.h */
export const nestedFlag = 0x8000;

/** NLA_F_NET_BYTEORDER, linux/netlink.h */
export const networkOrderFlag = 0x4000;

/** Clears NLA_F_NESTED and NLA_F_NET_BYTEORDER. NLA_TYPE_MASK, linux/netlink.h */
const typeMask = 0x3fff;

/** One attribute: the id that the uapi header gives it, and how its value stands on the wire. */
export type Row = readonly [id: number, codec: Codec<unknown>];
export type Rows = Readonly<Record<string, Row>>;

/** The values of a table. Any attribute may be absent, in a request as in a reply. */
export type AttributesOf<R extends Rows> = { readonly [K in keyof R]?: ValueOf<R[K][1]> | undefined };

/** The attributes of one kind of object, a codec itself: tables nest by standing in the rows of others. */
export interface AttributeTable<R extends Rows> extends Codec<AttributesOf<R>> {
  readonly rows: R;
}

/** Writes one attribute: header, payload, padding. Throws EncodeError when it is longer than its length field can say. */
function writeAttribute<T>(into: Writer, id: number, codec: Codec<T>, value: T): void {
  const start = into.length;
  into.host16(0);
  into.host16(id | (codec.nested ? nestedFlag : 0) | (codec.networkOrder ? networkOrderFlag : 0));
  codec.write(into, value);
  const length = into.length - start;
  if (length > attributeMaxLength) {
    throw new EncodeError(`an attribute of ${length} bytes; ${attributeMaxLength} is the most that one can have`);
  }
  into.patchHost16(start, length);
  into.align();
}

/** An attribute as it stands in its parent. */
interface Attribute {
  readonly id: number;
  /** Of the header, from the start of the parent's payload. */
  readonly start: number;
  readonly payload: DataView;
}

/** The attributes of a payload, one after another. Throws DecodeError where a length makes no sense. */
function* walk(from: DataView): Generator<Attribute> {
  let start = 0;
  while (start < from.byteLength) {
    const rest = from.byteLength - start;
    if (rest < attributeHeaderLength) throw new DecodeError(`${rest} bytes are left over after the last attribute`);
    const length = from.getUint16(start, hostIsLittleEndian);
    if (length < attributeHeaderLength || length > rest) {
      throw new DecodeError(`an attribute of ${length} bytes where ${rest} are left`);
    }
    const offset = from.byteOffset + start + attributeHeaderLength;
    yield {
      id: from.getUint16(start + 2, hostIsLittleEndian) & typeMask,
      start,
      payload: new DataView(from.buffer, offset, length - attributeHeaderLength),
    };
    start += aligned(length);
  }
}

/** Finds the attribute whose header starts at the offset; `nameOf` says what each is called and how to look inside. */
function locateIn(
  from: DataView,
  offset: number,
  nameOf: (attribute: Attribute, index: number) => readonly [name: string, codec: Codec<unknown>] | undefined,
): string | undefined {
  let index = 0;
  for (const attribute of walk(from)) {
    const found = nameOf(attribute, index++);
    const inside = offset - attribute.start - attributeHeaderLength;
    if (found === undefined || inside >= attribute.payload.byteLength) continue;
    const [name, codec] = found;
    if (inside < 0) return name;
    const deeper = codec.locate?.(attribute.payload, inside);
    return deeper === undefined ? name : `${name}${deeper.startsWith('[') ? '' : '.'}${deeper}`;
  }
  return undefined;
}

/**
 * Builds the codec of a table. Rows are written in the order in which they stand here; ids that the table doesn't know
 * are skipped when reading, because newer kernels send more. Throws for an id that is out of range or stands twice.
 */
export function attributes<const R extends Rows>(rows: R): AttributeTable<R> {
  const columns = Object.entries<Row>(rows);
  const byId = new Map<number, readonly [name: string, codec: Codec<unknown>]>();
  for (const [name, [id, codec]] of columns) {
    if (!Number.isInteger(id) || id < 1 || id > typeMask)
      throw new Error(`attribute ${name}: ${id} is no attribute id`);
    const taken = byId.get(id);
    if (taken !== undefined) throw new Error(`attribute ${name}: ${id} is already ${taken[0]}`);
    byId.set(id, [name, codec]);
  }
  return {
    name: 'attributes',
    nested: true,
    rows,
    write(into, value) {
      let current = '';
      try {
        for (const [name, [id, codec]] of columns) {
          const field: unknown = value[name];
          current = name;
          if (field !== undefined) writeAttribute(into, id, codec, field);
        }
      } catch (error) {
        throw within(current, error);
      }
    },
    read(from) {
      const value: Record<string, unknown> = {};
      for (const { id, payload } of walk(from)) {
        const known = byId.get(id);
        if (known === undefined) continue;
        const [name, codec] = known;
        try {
          value[name] = codec.read(payload);
        } catch (error) {
          throw within(name, error);
        }
      }
      // Every field was read by the codec of its own row, which is what the type says.
      return value as AttributesOf<R>;
    },
    locate: (from, offset) => locateIn(from, offset, ({ id }) => byId.get(id)),
  };
}

/** NFTA_LIST_ELEM, enum nft_list_attributes, linux/netfilter/nf_tables.h */
const listItemId = 1;

/**
 * Any number of values of one kind. nf_tables ignores the ids of the items, and those of nft number some lists where we
 * don't; ipset takes one id.
 */
export function list<T>(item: Codec<T>, id = listItemId): Codec<readonly T[]> {
  return {
    name: `list of ${item.name}`,
    nested: true,
    write(into, values) {
      let index = 0;
      try {
        for (; index < values.length; index++) writeAttribute(into, id, item, values[index] as T);
      } catch (error) {
        throw within(`[${index}]`, error);
      }
    },
    read(from) {
      const values: T[] = [];
      for (const { payload } of walk(from)) {
        try {
          values.push(item.read(payload));
        } catch (error) {
          throw within(`[${values.length}]`, error);
        }
      }
      return values;
    },
    locate: (from, offset) => locateIn(from, offset, (_, index) => [`[${index}]`, item]),
  };
}

export type Variants = Readonly<Record<string, Codec<unknown>>>;

/** One of several kinds of object, told apart by name, or one that this side has no table for. */
export type ChoiceOf<V extends Variants> =
  | { [K in keyof V & string]: { readonly name: K; readonly data: ValueOf<V[K]> } }[keyof V & string]
  | { readonly name: '?'; readonly kind: string; readonly data: Uint8Array };

/** Two attributes, a name and the data that the name gives a meaning: how nf_tables writes expressions. */
export function choice<const V extends Variants>(ids: { name: number; data: number }, variants: V): Codec<ChoiceOf<V>> {
  const envelope = attributes({ name: [ids.name, cstring], data: [ids.data, bytes] });
  const codecOf = (name: string | undefined): Codec<unknown> | undefined =>
    name !== undefined && Object.hasOwn(variants, name) ? variants[name] : undefined;
  return {
    name: 'choice',
    nested: true,
    write(into, value) {
      const kind = 'kind' in value ? value.kind : value.name;
      writeAttribute(into, ids.name, cstring, kind);
      // What this side has no table for is nested attributes all the same, only unread.
      const codec: Codec<unknown> = codecOf(value.name) ?? { ...bytes, nested: true };
      try {
        writeAttribute(into, ids.data, codec, value.data);
      } catch (error) {
        throw within(kind, error);
      }
    },
    read(from) {
      const { name, data = new Uint8Array() } = envelope.read(from);
      if (name === undefined) throw new DecodeError('no name');
      const codec = codecOf(name);
      if (codec === undefined) return { name: '?', kind: name, data };
      try {
        // The codec that was found under this name is the one that the type pairs it with.
        return { name, data: codec.read(viewOf(data)) } as ChoiceOf<V>;
      } catch (error) {
        throw within(name, error);
      }
    },
    locate(from, offset) {
      const codec = codecOf(envelope.read(from).name);
      return locateIn(from, offset, ({ id }) => (id === ids.data && codec ? ['data', codec] : ['name', cstring]));
    },
  };
}

/** The bytes as a view: what codecs read from. */
export function viewOf(from: Uint8Array): DataView {
  return new DataView(from.buffer, from.byteOffset, from.byteLength);
}
