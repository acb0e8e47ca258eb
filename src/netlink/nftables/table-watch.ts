import { cstring } from '../codec.ts';
import { type Reply, readFamily } from '../message.ts';
import { Subscription } from '../subscription.ts';
import { attributes } from '../wire.ts';
import type { TableName } from './commands.ts';
import { Family, notificationGroup, subsystem, Type } from './constants.ts';

/** Milliseconds before a subscription that failed is opened anew. Meanwhile that is how often somebody has to look. */
const reopening = 500;

/** Attribute 1 names the table in every notification but that of a generation: NFTA_TABLE_NAME, NFTA_RULE_TABLE and so on. */
const owningTable = attributes({ table: [1, cstring] });

/** Notifications of things that came into a table. What replaces another thing is told of as a removal too. */
const additions: ReadonlySet<number> = new Set([
  Type.newTable,
  Type.newChain,
  Type.newRule,
  Type.newSet,
  Type.newElement,
]);

export interface TableWatchOptions {
  readonly tables: readonly TableName[];
  /** Whether a transaction was one's own, by the port id of its connection: nothing is told of that one. */
  readonly isOwn: (portId: number) => boolean;
  /** Whether to tell only when something went, because what others add does no harm. */
  readonly removalsOnly: boolean;
  /**
   * Somebody else may have changed one of the tables. Also called when notifications may have been missed, so at every
   * opening, the first one included.
   */
  readonly disturbed: () => void;
}

/** Tells when others change tables, by the notifications of the kernel, until closed. */
export class TableWatch {
  readonly #options: TableWatchOptions;
  #subscription: Subscription | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TableWatchOptions) {
    this.#options = options;
    this.#open();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#subscription?.close();
  }

  /** Tells of all that happened until now before this returns. */
  readNow(): void {
    this.#subscription?.readNow();
  }

  #open(): void {
    const { disturbed } = this.#options;
    const changed = (notifications: readonly Reply[]): void => {
      if (notifications.some((one) => this.#matters(one))) disturbed();
    };
    try {
      this.#subscription = new Subscription(notificationGroup, {
        changed,
        lost: disturbed,
        failed: () => this.#reopen(),
      });
    } catch {
      this.#reopen();
    }
    disturbed();
  }

  #reopen(): void {
    this.#timer = setTimeout(() => this.#open(), reopening).unref();
  }

  #matters(notification: Reply): boolean {
    const { tables, isOwn, removalsOnly } = this.#options;
    const kind = notification.type & 0xff;
    if (notification.type >> 8 !== subsystem || kind === Type.newGeneration) return false;
    if (isOwn(notification.portId) || (removalsOnly && additions.has(kind))) return false;
    try {
      const { family, attributes } = readFamily(notification);
      const near = tables.filter((table) => Family[table.family] === family);
      return near.length > 0 && near.some(({ name }) => name === owningTable.read(attributes).table);
    } catch {
      // What can't be read may be anything.
      return true;
    }
  }
}
