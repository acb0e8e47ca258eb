import type { Change, Leftovers } from '../backends/backend.ts';
import type { RuleSpec } from '../domain/rule.ts';
import type { NumberedChange, RecordedChange } from './changes.ts';
import type { ClockReading } from './clock.ts';
import type { Beside, DocumentWrite, Mutation, Store } from './store/store.ts';

/** What is recorded beside mutations; the changes get their numbers here. */
export interface Entry extends Omit<Beside, 'changes'> {
  readonly changes?: readonly RecordedChange[];
}

/** That the wall clock was set. */
interface OwedMove {
  readonly step: number;
  readonly reading: ClockReading;
  /** What has an expiry beside the rules. */
  readonly documents: readonly DocumentWrite[];
}

/** What goes before and after a change of the kernel: the note of what is intended, and the durable record of what was done. */
export class Journal {
  readonly #store: Store;
  /** Deletions of rules and lists whose time is up, which the disk hasn't taken yet. */
  #owed: readonly Mutation[] = [];
  #owedChanges: readonly RecordedChange[] = [];
  #owedDocuments: readonly DocumentWrite[] = [];
  #lastChange = 0;
  readonly #now: () => number;
  readonly #recorded: () => void;

  /** By how much the wall clock was set, where the disk hasn't taken that yet. Milliseconds. */
  #owedMove: OwedMove | undefined;

  /**
   * @param now milliseconds since the epoch
   * @param recorded called whenever changes are on disk
   */
  constructor(store: Store, now: () => number, recorded: () => void) {
    this.#store = store;
    this.#now = now;
    this.#recorded = recorded;
  }

  /** Goes on counting from the last change that is on disk. */
  continueFrom(lastChange: number): void {
    this.#lastChange = lastChange;
  }

  /** The number of the last change that is on disk. */
  get lastChange(): number {
    return this.#lastChange;
  }

  /** Whether the disk hasn't taken all yet. */
  get owes(): boolean {
    return this.#owed.length + this.#owedChanges.length > 0 || this.#owedMove !== undefined;
  }

  /** Notes a change before it is made, beside what may be left in the kernel from earlier ones. @throws RfwError `store-failed` */
  async intend({ add, remove }: Pick<Change, 'add' | 'remove'>, { rules, guards }: Leftovers): Promise<void> {
    await this.#store.intend({ rules: [...rules, ...add], guards, removed: remove });
  }

  /**
   * Notes that rules are about to be taken out, and that nothing is about to be put in. A disk that takes no note keeps no
   * rule in the kernel for that: the next start will only wonder where it is.
   */
  async release(removed: readonly RuleSpec[], leftovers: Leftovers): Promise<void> {
    try {
      await this.intend({ add: [], remove: removed }, leftovers);
    } catch {
      // The next note takes the place of this one.
    }
  }

  /** Records what was done, and whatever is owed. @throws RfwError `store-failed`; nothing of it is recorded then */
  async append(mutations: readonly Mutation[], entry: Entry = {}): Promise<void> {
    await this.#payMove();
    const changes = this.#numbered([...this.#owedChanges, ...(entry.changes ?? [])]);
    const owed = this.#owed.length === 0 ? mutations : [...this.#owed, ...mutations];
    await this.#store.append(owed, { ...entry, changes, documents: this.#withOwed(entry) });
    this.#paid(changes);
  }

  /** Records that there is no rule and no guard any more, and what is given beside. @throws RfwError `store-failed` */
  async clear(entry: Entry): Promise<void> {
    const changes = this.#numbered([...this.#owedChanges, ...(entry.changes ?? [])]);
    await this.#store.clear({ ...entry, changes, documents: this.#withOwed(entry) });
    // What had an expiry is gone, and must not be written again.
    if (this.#owedMove !== undefined) this.#owedMove = { ...this.#owedMove, documents: [] };
    this.#paid(changes);
  }

  #withOwed({ documents = [] }: Entry): readonly DocumentWrite[] {
    return this.#owedDocuments.length === 0 ? documents : [...this.#owedDocuments, ...documents];
  }

  #numbered(changes: readonly RecordedChange[]): NumberedChange[] {
    const at = this.#now();
    return changes.map((change, index) => ({ number: this.#lastChange + 1 + index, at, change }));
  }

  #paid(changes: readonly NumberedChange[]): void {
    this.#owed = [];
    this.#owedChanges = [];
    this.#owedDocuments = [];
    this.#lastChange += changes.length;
    if (changes.length > 0) this.#recorded();
  }

  /**
   * Puts off the record of rules and lists that have expired. They are on disk with the instants at which they end, so a restart
   * honours those even if the record never comes.
   */
  owe(
    mutations: readonly Mutation[],
    changes: readonly RecordedChange[],
    documents: readonly DocumentWrite[] = [],
  ): void {
    this.#owedDocuments = [...this.#owedDocuments, ...documents];
    this.#owed = [...this.#owed, ...mutations];
    this.#owedChanges = [...this.#owedChanges, ...changes];
  }

  /**
   * Records that the wall clock was set. What the disk doesn't take is owed: until it is recorded nothing else is, so that the
   * instants on disk and the reading beside them belong together.
   * @param documents what has an expiry beside the rules
   */
  async moveExpiries(step: number, reading: ClockReading, documents: readonly DocumentWrite[]): Promise<void> {
    this.#owedMove = { step: step + (this.#owedMove?.step ?? 0), reading, documents };
    try {
      await this.#payMove();
    } catch (error) {
      // Without a step there is no reading on disk yet that the next start could go by.
      if (step === 0) throw error;
    }
  }

  async #payMove(): Promise<void> {
    if (this.#owedMove === undefined) return;
    const { step, reading, documents } = this.#owedMove;
    await this.#store.moveExpiries(step, reading, documents);
    this.#owedMove = undefined;
  }

  /** Records what is owed. @throws RfwError `store-failed` */
  async settle(): Promise<void> {
    if (this.owes) await this.append([]);
  }
}
