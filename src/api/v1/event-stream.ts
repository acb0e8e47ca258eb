import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { Engine } from '../../engine/engine.ts';
import { eventPages, eventText } from './event-pages.ts';

/** What a stream of changes needs. */
export interface EventStreamOptions {
  readonly engine: Pick<Engine, 'history' | 'lastChange' | 'recorded'>;
  /** The change after which it begins. */
  readonly after: number;
  /** Ends the stream. */
  readonly end: AbortSignal;
  /** Whether whoever listens still may. */
  readonly stillMay: () => boolean;
  /** Of the client: cut off when it doesn't take the end of the stream. */
  readonly socket: Pick<Socket, 'destroy'>;
  /** Told when it is over, whoever ended it. */
  readonly ended: () => void;
  readonly times?: EventTimes;
}

/** Milliseconds. */
interface EventTimes {
  /** Of silence, before a comment tells the client, and all between, that the stream still stands. */
  readonly heartbeat: number;
  /** Between two looks at whether whoever listens still may. */
  readonly look: number;
  /** That a client has for what is left when the stream ends. */
  readonly farewell: number;
}

const usualTimes: EventTimes = { heartbeat: 15_000, look: 1000, farewell: 1000 };

/** The changes since a number as server-sent events, for as long as somebody listens. Nothing is read that nobody takes. */
export class EventStream extends Readable {
  readonly #options: EventStreamOptions;
  readonly #times: EventTimes;
  #after: number;
  #begun = false;
  #spokeAt = 0;
  #deafen = (): void => {};
  #wake = (): void => {};

  constructor(options: EventStreamOptions) {
    super();
    this.#options = options;
    this.#times = options.times ?? usualTimes;
    this.#after = options.after;
  }

  override _read(): void {
    this.#next().then(
      (text) => {
        this.#spokeAt = performance.now();
        if (!this.destroyed) this.push(text);
      },
      (error) => this.destroy(error),
    );
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#deafen();
    this.#wake();
    this.#options.ended();
    done(error);
  }

  /** @returns null at the end */
  async #next(): Promise<string | null> {
    if (!this.#begun) return this.#begin();
    const { engine, end, stillMay } = this.#options;
    while (!this.destroyed && !end.aborted && stillMay()) {
      if (engine.lastChange <= this.#after) {
        if (performance.now() - this.#spokeAt >= this.#times.heartbeat) return ': still here\n\n';
        await this.#news();
        continue;
      }
      const { text, through, oldest, last } = await eventPages(engine.history).after(this.#after);
      if (this.#after + 1 < oldest && text === '') {
        this.#after = oldest - 1;
        return eventText(this.#after, 'reset', { oldest, last, snapshot: '/v1/snapshot' });
      }
      this.#after = through;
      if (text !== '') return text;
    }
    return null;
  }

  /** @returns what has a client know at once that it is connected */
  #begin(): string {
    const { engine, end, socket } = this.#options;
    const onEnd = (): void => {
      this.#wake();
      setTimeout(() => socket.destroy(), this.#times.farewell).unref();
    };
    const unlisten = engine.recorded.listen(() => this.#wake());
    end.addEventListener('abort', onEnd, { once: true });
    this.#deafen = () => {
      unlisten();
      end.removeEventListener('abort', onEnd);
    };
    this.#begun = true;
    return ': rfw\n\n';
  }

  /** Waits until there may be something to do. */
  #news(): Promise<void> {
    if (this.#options.engine.lastChange > this.#after || this.#options.end.aborted || this.destroyed)
      return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(this.#times.look, this.#times.heartbeat));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
