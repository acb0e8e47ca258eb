import { nextTurn } from '../domain/turn.ts';

/** Something that waits to be worked on: an item that may share a batch, or a task that runs between two batches. */
type Entry<T> = { readonly item: T } | { readonly task: () => Promise<void> };

/**
 * Serialises work: batches of items and single tasks, in the order in which they came, one at a time. A batch is all
 * that waits, up to the next task or the limit.
 */
export class WorkQueue<T> {
  readonly #work: (batch: readonly T[]) => Promise<void>;
  readonly #limit: number;
  readonly #weigh: (item: T) => number;
  #entries: Entry<T>[] = [];
  #weight = 0;
  #draining: Promise<void> | undefined;

  /**
   * @param work must not reject: it answers for its items itself
   * @param limit how much a batch weighs at most; an item that weighs more is one by itself
   */
  constructor(work: (batch: readonly T[]) => Promise<void>, limit: number, weigh: (item: T) => number = () => 1) {
    this.#work = work;
    this.#limit = limit;
    this.#weigh = weigh;
  }

  push(item: T): void {
    this.#enqueue([{ item }]);
  }

  /** Pushes items that wait together, and so share a batch. */
  pushAll(items: readonly T[]): void {
    this.#enqueue(items.map((item) => ({ item })));
  }

  /** How many entries wait. */
  get length(): number {
    return this.#entries.length;
  }

  /** How much waits: the items by their weight, and each task as one. */
  get weight(): number {
    return this.#weight;
  }

  /** Runs a task between two batches. It must not reject. */
  run(task: () => Promise<void>): void {
    this.#enqueue([{ task }]);
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#draining;
  }

  #enqueue(entries: readonly Entry<T>[]): void {
    if (entries.length === 0) return;
    for (const entry of entries) {
      this.#entries.push(entry);
      this.#weight += this.#weightOf(entry);
    }
    this.#draining ??= this.#drain();
  }

  async #drain(): Promise<void> {
    while (this.#entries.length > 0) {
      // Of requests that have come in together each is pushed in a step of its own: they share a batch, and one commit, when
      // all of them had their turn.
      await nextTurn();
      const first = this.#entries[0];
      if (first !== undefined && 'task' in first) {
        this.#entries.shift();
        this.#weight--;
        await first.task();
      } else {
        await this.#work(this.#takeBatch());
      }
    }
    // Nothing can come in between the last look at the entries and this line, so no wake-up is lost.
    this.#draining = undefined;
  }

  #takeBatch(): T[] {
    const batch: T[] = [];
    let weight = 0;
    for (const entry of this.#entries) {
      if ('task' in entry) break;
      const more = this.#weigh(entry.item);
      if (weight + more > this.#limit && batch.length > 0) break;
      weight += more;
      batch.push(entry.item);
    }
    this.#weight -= weight;
    this.#entries.splice(0, batch.length);
    return batch;
  }

  #weightOf(entry: Entry<T>): number {
    return 'task' in entry ? 1 : this.#weigh(entry.item);
  }
}
