import { EncodeError } from '../errors.ts';
import { attributeHeaderLength, nestedFlag, networkOrderFlag } from '../wire.ts';
import { hostIsLittleEndian } from '../writer.ts';
import { entry } from './objects.ts';

/** nlattr headers as one 32-bit word: the length and the type of an attribute whose size is known beforehand. */
function header(length: number, id: number, flags = 0): number {
  return (hostIsLittleEndian ? ((id | flags) << 16) | length : (length << 16) | (id | flags)) >>> 0;
}

const entryId = 7; // IPSET_ATTR_DATA
const addressIds = { 4: 1, 16: 2 } as const; // IPSET_ATTR_IPADDR_IPV4 and _IPV6
const [networkId] = entry.rows.address;
const [lengthId] = entry.rows.length;
const [timeoutId] = entry.rows.timeout;
const [lineId] = entry.rows.line;

/** An attribute of one number, padded. */
const numberLength = attributeHeaderLength + 4;
const lengthHeader = header(attributeHeaderLength + 1, lengthId);
const timeoutHeader = header(numberLength, timeoutId, networkOrderFlag);
const lineHeader = header(numberLength, lineId, networkOrderFlag);

/**
 * Bytes of entries in one message. A refusal sends all of it back, and has to fit in a receive buffer of 64 KiB; and the
 * kernel lets nothing else happen with its sets meanwhile, about 1 ms for this.
 */
const contentMaxLength = 32_000;

/** Bytes of an address. */
export type AddressLength = 4 | 16;

/**
 * Entries of a hash:net, written straight into the bytes of their message: the path for a million of them. The same bytes
 * as the table in objects.ts gives, which a test proves.
 */
export class EntryList {
  readonly addressLength: AddressLength;
  readonly #bytes = new Uint8Array(contentMaxLength);
  readonly #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #count = 0;

  constructor(addressLength: AddressLength) {
    this.addressLength = addressLength;
  }

  /** How many entries there are. */
  get length(): number {
    return this.#count;
  }

  /** Whether the next entry needs another message. */
  get full(): boolean {
    return this.#length + this.#size(true, true) > contentMaxLength;
  }

  /** The entries, as a view that is good until the list changes. */
  get content(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
    this.#count = 0;
  }

  /**
   * Adds a network by its first address, as an unsigned number. The kernel takes no network of length 0.
   * @param timeout seconds; without one the entry has that of the set
   * @throws EncodeError for numbers out of range and for a list that is full, and leaves it as it was
   */
  add(address: number | bigint, length: number, timeout?: number): void {
    const width = 8 * this.addressLength;
    const fits =
      width === 32
        ? Number(address) === Number(address) >>> 0
        : BigInt(address) >= 0n && BigInt(address) >> BigInt(width) === 0n;
    if (!fits) throw new EncodeError(`${address} is no address of ${this.addressLength} bytes`);
    if (!Number.isInteger(length) || length < 1 || length > width)
      throw new EncodeError(`a network of length ${length}`);
    if (timeout !== undefined && timeout !== timeout >>> 0) throw new EncodeError(`a timeout of ${timeout} s`);
    if (this.full) throw new EncodeError('the message is full');
    this.#write(address, length, timeout);
  }

  #size(network: boolean, timeout: boolean): number {
    const fixed = 3 * attributeHeaderLength + this.addressLength + numberLength;
    return fixed + (network ? numberLength : 0) + (timeout ? numberLength : 0);
  }

  #write(address: number | bigint, length: number, timeout: number | undefined): void {
    const view = this.#view;
    const isNetwork = length !== 8 * this.addressLength;
    const addressLength = attributeHeaderLength + this.addressLength;
    let at = this.#length;
    const word = (value: number): void => {
      view.setUint32(at, value, hostIsLittleEndian);
      at += 4;
    };
    word(header(this.#size(isNetwork, timeout !== undefined), entryId, nestedFlag));
    word(header(attributeHeaderLength + addressLength, networkId, nestedFlag));
    word(header(addressLength, addressIds[this.addressLength], networkOrderFlag));
    if (this.addressLength === 4) {
      view.setUint32(at, Number(address));
    } else {
      const wide = BigInt(address);
      view.setBigUint64(at, wide >> 64n);
      view.setBigUint64(at + 8, BigInt.asUintN(64, wide));
    }
    at += this.addressLength;
    if (isNetwork) {
      word(lengthHeader);
      view.setUint32(at, length << 24); // One byte and its padding.
      at += 4;
    }
    if (timeout !== undefined) {
      word(timeoutHeader);
      view.setUint32(at, timeout);
      at += 4;
    }
    word(lineHeader);
    view.setUint32(at, this.#count + 1);
    this.#length = at + 4;
    this.#count++;
  }
}
