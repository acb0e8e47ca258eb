import type { EventEmitter } from 'node:events';
import { type Address, formatPrefix, hostPrefix, prefixOf } from '../../domain/address.ts';

/** What is done about failed logins. Milliseconds. */
export interface LoginPolicy {
  /** So many failures within `period` are too many; undefined when no number is. */
  readonly failures: number | undefined;
  readonly period: number;
  /** How long the answer to the first failure waits. Each further one waits twice as long. */
  readonly firstDelay: number;
  readonly longestDelay: number;
}

interface History {
  failures: number;
  /** When the first of them was. */
  readonly since: number;
  /** Answers that wait. */
  waiting: number;
}

/** Bounds on what strangers can make the daemon keep. */
const most = {
  /** Addresses with failures; beyond it those that failed longest ago are forgotten. */
  histories: 10_000,
  /** Answers that wait, of one address. Whoever has so many guesses under way isn't heard. */
  waitingOfOne: 4,
  /** Answers that wait, of all. Then those who have failed before aren't heard. */
  waiting: 256,
} as const;

/** The failed logins of each address: slows them down, and tells when they are too many. IPv6 counts by /64, which is one host's. */
export class Logins {
  readonly #policy: () => LoginPolicy;
  readonly #onTooMany: (client: Address) => void;
  readonly #now: () => number;
  readonly #histories = new Map<string, History>();
  readonly #waiting = new Set<() => void>();

  /**
   * @param policy asked anew each time, since a reload may change it
   * @param onTooMany is told each time that an address has failed so often
   * @param now milliseconds, monotonic
   */
  constructor(
    policy: () => LoginPolicy,
    onTooMany: (client: Address) => void,
    now: () => number = () => performance.now(),
  ) {
    this.#policy = policy;
    this.#onTooMany = onTooMany;
    this.#now = now;
  }

  /**
   * Whether the address isn't to be heard now, right or wrong: too many of its guesses are under way.
   * @returns 0 when it is heard, else the whole seconds after which it should try again
   */
  refuses(client: Address): number {
    const history = this.#current(keyOf(client));
    if (history === undefined) return 0;
    const full = history.waiting >= most.waitingOfOne || this.#waiting.size >= most.waiting;
    return full ? Math.max(1, Math.ceil(this.#delay(history) / 1000)) : 0;
  }

  /**
   * Notes a failure, and returns when it may be answered.
   * @param connection when it is closed, nobody waits for the answer any more
   */
  async failed(client: Address, connection: EventEmitter): Promise<void> {
    const history = this.#note(client);
    const delay = this.#delay(history);
    if (delay > 0) await this.#wait(history, delay, connection);
  }

  /** Notes a failure of somebody whose answer needn't wait, since it tells nothing about what was sent. */
  strayed(client: Address): void {
    this.#note(client);
  }

  /** Has all who wait answered now. */
  release(): void {
    for (const go of [...this.#waiting]) go();
  }

  #wait(history: History, delay: number, connection: EventEmitter): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        if (!this.#waiting.delete(go)) return;
        clearTimeout(timer);
        connection.off('close', go);
        history.waiting--;
        resolve();
      };
      const timer = setTimeout(go, delay);
      history.waiting++;
      this.#waiting.add(go);
      connection.once('close', go);
    });
  }

  #note(client: Address): History {
    const key = keyOf(client);
    const history = this.#current(key) ?? { failures: 0, since: this.#now(), waiting: 0 };
    history.failures++;
    this.#histories.delete(key);
    this.#histories.set(key, history);
    if (this.#histories.size > most.histories) this.#forgetEldest();
    const { failures } = this.#policy();
    if (failures !== undefined && history.failures % failures === 0) this.#onTooMany(client);
    return history;
  }

  /** What an address has done within the period; undefined when that is nothing. */
  #current(key: string): History | undefined {
    const history = this.#histories.get(key);
    if (history === undefined || history.waiting > 0) return history;
    if (this.#now() - history.since < this.#policy().period) return history;
    this.#histories.delete(key);
    return undefined;
  }

  #forgetEldest(): void {
    for (const key of this.#histories.keys()) return void this.#histories.delete(key);
  }

  #delay({ failures }: History): number {
    const { firstDelay, longestDelay } = this.#policy();
    return Math.min(firstDelay * 2 ** (failures - 1), longestDelay);
  }
}

function keyOf(client: Address): string {
  return formatPrefix(client.family === 4 ? hostPrefix(client) : prefixOf(client, 64));
}
