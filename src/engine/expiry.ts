import type { Rule } from '../domain/rule.ts';

/**
 * The rules that will expire, soonest first: a binary heap. A rule that was deleted or got another expiry leaves its old
 * entry behind, which the reader sorts out when its time comes; when such entries outnumber the rules, the heap
 * is built anew.
 */
export class ExpiryQueue {
  #heap: Rule[] = [];

  /** How many entries there are, the left-behind ones included. */
  get size(): number {
    return this.#heap.length;
  }

  /** Starts again from the rules that stand. */
  rebuild(rules: Iterable<Rule>): void {
    this.#heap = [...rules].filter((rule) => rule.expiresAt !== null).sort((a, b) => instant(a) - instant(b));
  }

  add(rule: Rule): void {
    if (rule.expiresAt === null) return;
    const heap = this.#heap;
    let at = heap.push(rule) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (instant(heap[parent]) <= instant(rule)) break;
      swap(heap, at, parent);
      at = parent;
    }
  }

  /** The earliest instant, in milliseconds since the epoch; undefined when nothing will expire. */
  get next(): number | undefined {
    return this.#heap[0]?.expiresAt ?? undefined;
  }

  /** Takes out every entry whose time has come. */
  takeDue(now: number): Rule[] {
    const due: Rule[] = [];
    while (this.#heap.length > 0 && instant(this.#heap[0]) <= now) due.push(this.#pop());
    return due;
  }

  #pop(): Rule {
    const heap = this.#heap;
    const top = heap[0] as Rule;
    const last = heap.pop() as Rule;
    if (heap.length === 0) return top;
    heap[0] = last;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const child = instant(heap[left + 1]) < instant(heap[left]) ? left + 1 : left;
      if (instant(heap[child]) >= instant(last)) return top;
      swap(heap, at, child);
      at = child;
    }
  }
}

function instant(rule: Rule | undefined): number {
  return rule?.expiresAt ?? Number.POSITIVE_INFINITY;
}

function swap(heap: Rule[], a: number, b: number): void {
  [heap[a], heap[b]] = [heap[b] as Rule, heap[a] as Rule];
}
