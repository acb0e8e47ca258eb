import { bytes } from '../codec.ts';
import { EncodeError } from '../errors.ts';
import { attributeHeaderLength, attributeMaxLength, nestedFlag } from '../wire.ts';
import { hostIsLittleEndian } from '../writer.ts';
import { ElementFlag } from './constants.ts';
import { element, elementList } from './objects.ts';

/** nlattr headers as one 32-bit word: the length and the type of an attribute whose size is known beforehand. */
function header(length: number, id: number, nested = 0): number {
  return (hostIsLittleEndian ? ((id | nested) << 16) | length : (length << 16) | (id | nested)) >>> 0;
}

const listItemId = 1; // NFTA_LIST_ELEM
const dataValueId = 1; // NFTA_DATA_VALUE
const [keyId] = element.rows.key;
const [flagsId] = element.rows.flags;
const [timeoutId] = element.rows.timeout;
const [expressionId] = element.rows.expression;
const expressionNameId = 1; // NFTA_EXPR_NAME
const expressionDataId = 2; // NFTA_EXPR_DATA

const flagsLength = attributeHeaderLength + 4;
const timeoutLength = attributeHeaderLength + 8;
const flagsHeader = header(flagsLength, flagsId);
const timeoutHeader = header(timeoutLength, timeoutId);

/** An expression `counter` that has counted nothing yet: its header, its name with the NUL, and no data. */
const counterName = new TextEncoder().encode('counter\0');
const counterLength = 3 * attributeHeaderLength + counterName.length;
const counterHeader = header(counterLength, expressionId, nestedFlag);
const counterNameHeader = header(attributeHeaderLength + counterName.length, expressionNameId);
const counterDataHeader = header(attributeHeaderLength, expressionDataId, nestedFlag);

/** The elements of one attribute, without its own header. */
const contentMaxLength = attributeMaxLength - attributeHeaderLength;

/** Bytes of an address, which is the key of a set. */
export type KeyLength = 4 | 16;

/**
 * Elements of a set of addresses, written straight into the bytes of their attributes: the path for a million of them.
 * The same bytes as the tables in objects.ts give, which a test proves, about ten times as fast. An attribute holds at
 * most 65,535 bytes, so the list breaks into as many as it takes.
 */
export class ElementList {
  readonly keyLength: KeyLength;
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;
  #count = 0;
  /** Where each full attribute ends; the last, which still takes elements, began at `#begin`. */
  readonly #ends: number[] = [];
  #begin = 0;

  /** `capacity` is the number of elements that fit before the buffer has to grow. */
  constructor(keyLength: KeyLength, capacity = 64) {
    this.keyLength = keyLength;
    this.#bytes = new Uint8Array(Math.max(1, capacity) * this.#size(true, false, false));
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** How many elements there are. A range counts as two, its start and its end. */
  get length(): number {
    return this.#count;
  }

  /**
   * Adds one address, as an unsigned number. `timeout` is milliseconds, a positive integer; without one the element has
   * the default of the set. With `counts` it counts the packets that match it, whatever the set says.
   * Throws EncodeError for numbers out of range, and leaves the list as it was.
   */
  add(address: number | bigint, timeout?: number, counts = false): void {
    this.#check(address, timeout);
    this.#room(this.#size(timeout !== undefined, false, counts));
    this.#write(address, timeout, false, counts);
  }

  /**
   * Adds the addresses from first to last, both inside, to an interval set: an element where the range starts, with the
   * timeout, and one after its end. A range up to the highest address has no end.
   */
  addRange(first: number | bigint, last: number | bigint, timeout?: number, counts = false): void {
    this.#check(first, timeout);
    this.#check(last, undefined);
    if (first > last) throw new EncodeError(`a range from ${first} down to ${last}`);
    const end = BigInt(last) + 1n;
    const open = end >> BigInt(8 * this.keyLength) !== 0n;
    // Both ends go into one attribute, so that a refusal of the one names an attribute that holds the other.
    this.#room(this.#size(timeout !== undefined, false, counts) + (open ? 0 : this.#size(false, true, false)));
    this.#write(first, timeout, false, counts);
    if (!open) this.#write(end, undefined, true, false);
  }

  /** The contents of the attributes, as views that are good until the list changes. */
  *attributes(): Generator<Uint8Array> {
    let start = 0;
    for (const end of this.#ends) {
      yield this.#bytes.subarray(start, end);
      start = end;
    }
    if (this.#length > start) yield this.#bytes.subarray(start, this.#length);
  }

  /** Empties the list and keeps its buffer. */
  clear(): void {
    this.#length = 0;
    this.#count = 0;
    this.#begin = 0;
    this.#ends.length = 0;
  }

  #size(timeout: boolean, end: boolean, counts: boolean): number {
    // Headers of the item, of its key, and of the value in the key.
    const fixed = 3 * attributeHeaderLength + this.keyLength;
    return fixed + (timeout ? timeoutLength : 0) + (end ? flagsLength : 0) + (counts ? counterLength : 0);
  }

  #check(address: number | bigint, timeout: number | undefined): void {
    const fits =
      this.keyLength === 4
        ? Number(address) === Number(address) >>> 0
        : BigInt(address) >= 0n && BigInt(address) >> 128n === 0n;
    if (!fits) throw new EncodeError(`${address} is no address of ${this.keyLength} bytes`);
    if (timeout !== undefined && !(Number.isSafeInteger(timeout) && timeout > 0)) {
      throw new EncodeError(`a timeout of ${timeout} ms`);
    }
  }

  /** Makes room for what is written next, in a new attribute where the last one is full. */
  #room(size: number): void {
    if (this.#length - this.#begin + size > contentMaxLength) {
      this.#ends.push(this.#length);
      this.#begin = this.#length;
    }
    if (this.#length + size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + size));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
  }

  #write(address: number | bigint, timeout: number | undefined, end: boolean, counts: boolean): void {
    const view = this.#view;
    let at = this.#length;
    const size = this.#size(timeout !== undefined, end, counts);
    view.setUint32(at, header(size, listItemId, nestedFlag), hostIsLittleEndian);
    at += 4;
    if (end) {
      view.setUint32(at, flagsHeader, hostIsLittleEndian);
      view.setUint32(at + 4, ElementFlag.intervalEnd);
      at += flagsLength;
    }
    if (timeout !== undefined) {
      view.setUint32(at, timeoutHeader, hostIsLittleEndian);
      view.setUint32(at + 4, timeout / 0x1_0000_0000);
      view.setUint32(at + 8, timeout);
      at += timeoutLength;
    }
    const valueLength = attributeHeaderLength + this.keyLength;
    view.setUint32(at, header(attributeHeaderLength + valueLength, keyId, nestedFlag), hostIsLittleEndian);
    view.setUint32(at + 4, header(valueLength, dataValueId), hostIsLittleEndian);
    at += 8;
    if (this.keyLength === 4) {
      view.setUint32(at, Number(address));
    } else {
      const wide = BigInt(address);
      view.setBigUint64(at, wide >> 64n);
      view.setBigUint64(at + 8, BigInt.asUintN(64, wide));
    }
    at += this.keyLength;
    if (counts) {
      view.setUint32(at, counterHeader, hostIsLittleEndian);
      view.setUint32(at + 4, counterNameHeader, hostIsLittleEndian);
      this.#bytes.set(counterName, at + 8);
      view.setUint32(at + 16, counterDataHeader, hostIsLittleEndian);
      at += counterLength;
    }
    this.#length = at;
    this.#count++;
  }
}

/** The table of element lists, but for elements that are written already. */
export const writtenElementList = {
  ...elementList.rows,
  elements: [elementList.rows.elements[0], { ...bytes, nested: true }],
} as const;
