import type { ClientRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from './api.fixture.ts';

/** What of a change matters here. */
interface Followed {
  readonly number: number;
  readonly kind: string;
  readonly rule?: { readonly [part: string]: string | null };
}

/** Follows the changes of a daemon by its events, over restarts, and makes of them what must stand. */
export class Follower {
  /** When each rule ends, in milliseconds since the epoch, or null, by what it says. */
  readonly rules = new Map<string, number | null>();
  /** What should not have been. */
  readonly faults: string[] = [];
  /** The number of the last change. */
  last = 0;
  #stopped = false;
  #request: ClientRequest | undefined;
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
    void this.#run();
  }

  stop(): void {
    this.#stopped = true;
    this.#request?.destroy();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#follow();
      } catch {
        // The daemon has ended: there will be another.
      }
      await sleep(50);
    }
  }

  async #follow(): Promise<void> {
    this.#request = this.#api.open('GET', '/v1/events', { headers: { 'last-event-id': String(this.last) } });
    const request = this.#request;
    const incoming = await new Promise<AsyncIterable<string>>((resolve, reject) => {
      request.once('response', (response) => resolve(response.setEncoding('utf8')));
      request.on('error', reject);
      request.end();
    });
    let text = '';
    for await (const piece of incoming) {
      text += piece;
      const events = text.split('\n\n');
      text = events.pop() ?? '';
      for (const event of events) this.#take(event);
    }
  }

  #take(event: string): void {
    const data = /^data: (.*)$/m.exec(event)?.[1];
    if (data === undefined) return;
    const change = JSON.parse(data) as Followed;
    if (change.number !== this.last + 1) this.faults.push(`after change ${this.last} came ${event.slice(0, 100)}`);
    this.last = change.number;
    const { kind, rule } = change;
    if (rule === undefined) return;
    const { action, chain, source, destination, expiresAt } = rule;
    const key = `${action} ${chain} ${rule['in']} ${rule['out']} ${source} ${destination}`;
    if (kind !== 'rule-created' && kind !== 'rule-updated') this.rules.delete(key);
    else this.rules.set(key, typeof expiresAt === 'string' ? Date.parse(expiresAt) : null);
  }
}
