import { createHash } from 'node:crypto';

/** Milliseconds between two readings. With what a reading and a look take, a change is noticed within a second. */
const interval = 750;

/**
 * The interval is at least so many times what a reading took, so that a poll stays cheap however many rules there are. Of
 * 10,000 that is 10 ms, and 40 on a busy machine; with 100,000 it is 235, and noticing a change takes longer than a second.
 */
const leisure = 10;

export interface RulesPollOptions {
  /** Reads what iptables-save prints. It may reject: then somebody has to look. */
  readonly read: () => Promise<string>;
  /** A number that grows whenever a change of rfw's own begins or ends. */
  readonly changes: () => number;
  /**
   * Somebody else may have changed the rules. Also called when a change of rfw's own came in between, because nobody can
   * tell the two apart by the text; and after the first reading, when there is nothing to compare with.
   */
  readonly disturbed: () => void;
}

/** Tells when others change rules that nobody notifies of, those of iptables-legacy, until closed: it reads and compares. */
export class RulesPoll {
  readonly #options: RulesPollOptions;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #digest: string | undefined;
  /** What `changes` was before the last reading. */
  #changes: number | undefined;

  constructor(options: RulesPollOptions) {
    this.#options = options;
    this.#wait(0);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #wait(milliseconds: number): void {
    if (!this.#closed) this.#timer = setTimeout(() => void this.#poll(), milliseconds).unref();
  }

  /**
   * Whoever looks when told so looks at a later state than the one that was read: what others change after the reading
   * shows at the next one, what they changed before it shows to them.
   */
  async #poll(): Promise<void> {
    const { read, changes, disturbed } = this.#options;
    const began = performance.now();
    const before = changes();
    const digest = await read().then(digestOf, () => undefined);
    if (this.#closed) return;
    const own = before !== this.#changes || before !== changes();
    const same = digest !== undefined && digest === this.#digest;
    this.#digest = digest;
    this.#changes = before;
    this.#wait(Math.max(interval, leisure * (performance.now() - began)));
    if (own || !same) disturbed();
  }
}

/** Of the rules alone: the comments have the time, and the policies of chains have counters. */
function digestOf(text: string): string {
  const rules = text.split('\n').filter((line) => line.startsWith('-A '));
  return createHash('sha256').update(rules.join('\n')).digest('base64');
}
