import { enlarged, grownFor } from './column.ts';
import { ipv6Words } from './words.ts';

/** An AddressPool as plain values. */
export interface AddressPoolState {
  readonly words: Uint32Array;
  readonly used: number;
  readonly free: number;
}

/** IPv6 addresses by small numbers, so that a row that mostly holds an IPv4 address needs only one word. */
export class AddressPool {
  #words: Uint32Array;
  /** Numbers ever given. */
  #used: number;
  /** 1 + the number that was given back last; its first word is the same for the one before. 0 is none. */
  #free: number;

  /** @param state what `state` gave; the pool takes it over */
  constructor(state: AddressPoolState = { words: new Uint32Array(), used: 0, free: 0 }) {
    this.#words = state.words;
    this.#used = state.used;
    this.#free = state.free;
  }

  /** The words of all addresses: that of a number begins at 4 times the number. Valid until the next `add`. */
  get words(): Uint32Array {
    return this.#words;
  }

  /** Keeps the address whose words begin at `at`. @returns its number */
  add(words: Uint32Array, at: number): number {
    const index = this.#allocate();
    for (let word = 0; word < ipv6Words; word++) this.#words[ipv6Words * index + word] = words[at + word] ?? 0;
    return index;
  }

  /** Gives a number back. */
  remove(index: number): void {
    this.#words[ipv6Words * index] = this.#free;
    this.#free = index + 1;
  }

  state(): AddressPoolState {
    return { words: this.#words.slice(0, ipv6Words * this.#used), used: this.#used, free: this.#free };
  }

  #allocate(): number {
    if (this.#free !== 0) {
      const index = this.#free - 1;
      this.#free = this.#words[ipv6Words * index] ?? 0;
      return index;
    }
    const least = ipv6Words * (this.#used + 1);
    if (this.#words.length < least) this.#words = enlarged(this.#words, grownFor(least, this.#words.length));
    return this.#used++;
  }
}
