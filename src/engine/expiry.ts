/** What ends, and when. */
export interface Expiry {
  /** The place of the rule in the order. */
  readonly seq: number;
  /** Milliseconds since the epoch; null is never. */
  readonly expiresAt: number | null;
}

/** Where expiries come from. */
interface Expiring {
  eachExpiry(visit: (expiresAt: number, seq: number) => void): void;
}

/**
 * The rules that will expire, soonest first: a binary heap of numbers. A rule that was deleted or got another expiry leaves
 * its old entry behind, which the reader sorts out when its time comes; when such entries outnumber the rules, the heap
 * is built anew.
 */
export class ExpiryQueue {
  /** Two for each entry: the instant, and the place of the rule in the order. */
  #heap = new Float64Array(128);
  #size = 0;

  /** How many entries there are, the left-behind ones included. */
  get size(): number {
    return this.#size;
  }

  /** Starts again from the rules that stand. */
  rebuild(rules: Expiring): void {
    this.#size = 0;
    rules.eachExpiry((expiresAt, seq) => this.#append(expiresAt, seq));
    for (let at = (this.#size >>> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  add({ expiresAt, seq }: Expiry): void {
    if (expiresAt === null) return;
    this.#append(expiresAt, seq);
    this.#rise(this.#size - 1);
  }

  /** The earliest instant, in milliseconds since the epoch; undefined when nothing will expire. */
  get next(): number | undefined {
    return this.#size === 0 ? undefined : this.#heap[0];
  }

  /** Takes out entries whose time has come, at most so many, soonest first. @returns the places of the rules in the order */
  takeDue(now: number, most = Number.POSITIVE_INFINITY): number[] {
    const due: number[] = [];
    while (due.length < most && this.#size > 0 && this.#instant(0) <= now) due.push(this.#pop());
    return due;
  }

  #append(expiresAt: number, seq: number): void {
    if (2 * this.#size === this.#heap.length) {
      const larger = new Float64Array(2 * Math.ceil(1.5 * this.#size));
      larger.set(this.#heap);
      this.#heap = larger;
    }
    this.#heap[2 * this.#size] = expiresAt;
    this.#heap[2 * this.#size + 1] = seq;
    this.#size++;
  }

  #pop(): number {
    const seq = this.#heap[1] ?? 0;
    this.#size--;
    this.#heap.copyWithin(0, 2 * this.#size, 2 * this.#size + 2);
    this.#sink(0);
    return seq;
  }

  #rise(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#instant(parent) <= this.#instant(at)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #sink(from: number): void {
    let at = from;
    for (;;) {
      const left = 2 * at + 1;
      const child = this.#instant(left + 1) < this.#instant(left) ? left + 1 : left;
      if (this.#instant(child) >= this.#instant(at)) return;
      this.#swap(at, child);
      at = child;
    }
  }

  /** When the entry is due; never behind the last one. */
  #instant(at: number): number {
    return at < this.#size ? (this.#heap[2 * at] ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap;
    for (const word of [0, 1]) {
      const kept = heap[2 * a + word] ?? 0;
      heap[2 * a + word] = heap[2 * b + word] ?? 0;
      heap[2 * b + word] = kept;
    }
  }
}
