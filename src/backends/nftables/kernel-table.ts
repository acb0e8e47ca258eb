import { readFileSync, readlinkSync } from 'node:fs';
import { RfwError } from '../../domain/errors.ts';
import { Connection } from '../../netlink/connection.ts';
import { NetlinkError } from '../../netlink/errno.ts';
import type { Message, Reply } from '../../netlink/message.ts';
import { deleteTable } from '../../netlink/nftables/commands.ts';
import { TableFlag } from '../../netlink/nftables/constants.ts';
import { TableWatch } from '../../netlink/nftables/table-watch.ts';
import { type Features, probeFeatures } from './features.ts';
import { asRfwError } from './refusal.ts';
import { rfwTable, tableMessages } from './table.ts';
import { readGeneration, readTable } from './table-state.ts';

/** How a table came into the hands of this process. */
export type Claim =
  /** There was none. */
  | 'made'
  /** An earlier process left it, or this one has it already. */
  | 'taken-over'
  /** It is there and can't be owned: it has to be deleted and made anew, in one transaction with all that it is to hold. */
  | 'to-replace';

/** What makes sure later that the table is the one that was left. */
export interface TableIdentity {
  /** This start of the machine, and the network namespace: handles and generations begin anew in another. */
  readonly place: string;
  readonly handle: bigint;
  readonly generation: number;
}

/**
 * The table in the kernel, by the one connection that may change it. Where the kernel lets a table be owned nobody else can;
 * elsewhere every change that another program makes in it is heard of.
 */
export class KernelTable {
  readonly features: Features;
  readonly #connection: Connection;
  /** For questions while the other one waits for the kernel. */
  readonly #questions: Connection;
  readonly #owns: boolean;
  #watch: TableWatch | undefined;
  #disturbed = false;
  /** How many the kernel has taken. */
  #transactions = 0;
  readonly #listeners = new Set<() => void>();

  private constructor(connection: Connection, questions: Connection, features: Features, owns: boolean) {
    this.#connection = connection;
    this.#questions = questions;
    this.features = features;
    this.#owns = owns;
  }

  /**
   * Opens the way to the kernel and finds out what it can do. Changes nothing.
   * @param without features to do without although the kernel may have them
   * @throws RfwError `kernel-unavailable`
   */
  static open(without: Partial<Record<keyof Features, true>>): KernelTable {
    let connection: Connection | undefined;
    try {
      connection = Connection.open();
      const found = probeFeatures(connection);
      const features = {
        owner: found.owner && without.owner !== true,
        destroys: found.destroys && without.destroys !== true,
        counters: found.counters && without.counters !== true,
      };
      return new KernelTable(connection, Connection.open(), features, features.owner);
    } catch (error) {
      connection?.close();
      if (!(error instanceof NetlinkError)) throw error;
      throw new RfwError('kernel-unavailable', `This kernel's nf_tables can't be used: ${error.message}`, {
        cause: error,
      });
    }
  }

  /** For single questions. */
  get questions(): Connection {
    return this.#questions;
  }

  /**
   * Makes the table where it is missing, and owns it where that is possible.
   * @param generation the ruleset that has to be in force, else nothing is done
   * @throws NetlinkError EPERM when another process owns it, ERESTART for another generation
   */
  claim(generation?: number): Claim {
    const before = readTable(this.#questions);
    try {
      this.#connection.transact(tableMessages(this.#owns), { generation });
    } catch (error) {
      const unfit = error instanceof NetlinkError && ['EOPNOTSUPP', 'EEXIST', 'EINVAL', 'EBUSY'].includes(error.code);
      if (before !== undefined && unfit) return 'to-replace';
      throw error;
    }
    this.#listen();
    return before === undefined ? 'made' : 'taken-over';
  }

  /**
   * Makes all the changes or none.
   * @param large whether the kernel is to work beside the event loop
   * @returns what the kernel made of messages that ask for an echo
   */
  async transact(messages: readonly Message[], large = false): Promise<Reply[]> {
    const echoes = large ? await this.#connection.transactAside(messages) : this.#connection.transact(messages);
    if (messages.length > 0) this.#transactions++;
    return [...echoes.values()].flat();
  }

  /** Deletes the table and makes it anew, with all that it is to hold. */
  async replaceWith(messages: readonly Message[]): Promise<void> {
    this.#hush();
    await this.#connection.transactAside([deleteTable(rfwTable), ...tableMessages(this.#owns), ...messages]);
    this.#listen();
  }

  /** Deletes the table. @returns whether there was one */
  delete(): boolean {
    if (readTable(this.#questions) === undefined) return false;
    this.#hush();
    this.#connection.transact([deleteTable(rfwTable)]);
    return true;
  }

  /** Whether nobody else can have changed the table since it was claimed. */
  isOurs(): boolean {
    const found = readTable(this.#questions);
    if (found === undefined) return false;
    return this.#owns ? found.owner === this.#connection.portId : !this.#disturbed;
  }

  /** What tells the table from others that may come in its place; undefined where others may change it. */
  identity(): TableIdentity | undefined {
    const handle = readTable(this.#questions)?.handle;
    if (!this.#owns || handle === undefined) return undefined;
    return { place: placeOfThis(), handle, generation: readGeneration(this.#questions) };
  }

  /** Whether the table is the one that was left, untouched, in a namespace in which nobody has changed anything since. */
  isStill({ place, handle, generation }: TableIdentity): boolean {
    if (place !== placeOfThis()) return false;
    const found = readTable(this.#questions);
    if (!this.#owns || found === undefined || found.handle !== handle) return false;
    // With the owner goes its flag, and what is left says that somebody owned it.
    const left = found.owner === undefined && ((found.flags ?? 0) & TableFlag.persist) !== 0;
    return left && readGeneration(this.#questions) === generation;
  }

  /** Tells of changes by others, where they are possible. @returns ends that */
  watch(disturbed: () => void): () => void {
    this.#listeners.add(disturbed);
    // What was heard before anybody listened.
    if (this.#disturbed) disturbed();
    return () => this.#listeners.delete(disturbed);
  }

  /** Runs a bulk load that is heard of by nobody: announcing every element would take the kernel longer than adding it. */
  async unheard<T>(load: () => Promise<T>): Promise<T> {
    if (this.#owns) return load();
    this.#hush();
    try {
      return await load();
    } finally {
      this.#listen();
    }
  }

  /**
   * As `unheard`, where what stands is to stay. That somebody else changed something meanwhile, in whatever table, is noticed by
   * the number of the ruleset, which each transaction raises by one.
   */
  async unheardBeside<T>(load: () => Promise<T>): Promise<T> {
    if (this.#owns) return load();
    const generation = readGeneration(this.#questions);
    // What was told before that may wait in the socket.
    this.#watch?.readNow();
    const disturbed = this.#disturbed;
    const transactions = this.#transactions;
    try {
      return await this.unheard(load);
    } finally {
      const own = this.#transactions - transactions;
      const same = readGeneration(this.#questions) === (generation + own) >>> 0;
      if (disturbed || !same) this.#tell();
    }
  }

  close(): void {
    this.#hush();
    this.#listeners.clear();
    this.#questions.close();
    this.#connection.close();
  }

  #hush(): void {
    this.#watch?.close();
    this.#watch = undefined;
  }

  #listen(): void {
    if (this.#owns) return;
    this.#watch ??= new TableWatch({
      tables: [rfwTable],
      isOwn: (portId) => portId === this.#connection.portId,
      removalsOnly: false,
      disturbed: () => this.#tell(),
    });
    // What was changed before is no news: the table is brought to its state after this.
    this.#disturbed = false;
  }

  #tell(): void {
    this.#disturbed = true;
    for (const listener of this.#listeners) listener();
  }
}

/**
 * Where the table has no owner, another program may have changed it: then it has to be repaired first.
 * @throws RfwError `kernel-refused`
 */
export function requireOurs(table: KernelTable): void {
  if (table.features.owner || table.isOurs()) return;
  throw new RfwError('kernel-refused', 'Another program has changed table inet rfw');
}

function placeOfThis(): string {
  return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/net')}`;
}

/** Has what netlink throws thrown as errors of the domain. */
export async function refusing<T>(work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asRfwError(error);
  }
}
