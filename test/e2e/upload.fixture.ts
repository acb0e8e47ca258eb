import type { ClientRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Api, type ApiAnswer, type Asking, answerTo } from './api.fixture.ts';

/** The host of a line, of a million and more, as its rule has it. @param line from 1 */
export function hostOfLine(line: number): string {
  return `10.${(line >> 16) & 255}.${(line >> 8) & 255}.${line & 255}/32`;
}

/** Lines of NDJSON that put so many hosts. @param from the first line */
export function hostLines(count: number, from = 1): string {
  let text = '';
  for (let line = from; line < from + count; line++)
    text += `{"action":"drop","chain":"input","source":"${hostOfLine(line)}"}\n`;
  return text;
}

/** How the answer to a batch counts. */
export interface Summary {
  readonly received: number;
  readonly created: number;
  readonly exists: number;
  readonly refused: number;
}

/** Lines that are sent at once. */
const pieceLength = 1000;

/** Milliseconds between two pieces: some 20,000 lines a second, so that a test needn't look through all that a daemon can take. */
const pause = 50;

/** A batch of hosts by NDJSON, which is sent until it is cut or has ended. */
export class Upload {
  /** Settles with the answer; rejects when the connection breaks before that. */
  readonly answer: Promise<ApiAnswer>;
  /** How many lines were handed to the socket. */
  sent = 0;
  readonly #outgoing: ClientRequest;
  /** What has come of a stream of progress. */
  #heard = '';
  #over = false;

  /** @param query of the batch, as `?mode=atomic` */
  constructor(api: Api, lines: number, query = '', asking: Asking = {}) {
    const type = 'application/x-ndjson';
    this.#outgoing = api.open('POST', `/v1/rules/batch${query}`, { ...asking, type });
    this.answer = answerTo(this.#outgoing, (body) => {
      this.#heard = body;
    });
    const over = (): void => {
      this.#over = true;
    };
    this.answer.then(over, over);
    void this.#send(lines);
  }

  /** How many items the daemon has said are done. */
  get done(): number {
    return Number([...this.#heard.matchAll(/"done":(\d+)/g)].at(-1)?.[1] ?? 0);
  }

  /** Breaks the connection. */
  cut(): void {
    this.#over = true;
    this.#outgoing.destroy();
  }

  async #send(lines: number): Promise<void> {
    while (this.sent < lines && !this.#over) {
      const count = Math.min(pieceLength, lines - this.sent);
      const goesOn = this.#outgoing.write(hostLines(count, this.sent + 1));
      this.sent += count;
      if (!goesOn) await this.#drained();
      await sleep(pause);
    }
    if (!this.#over) this.#outgoing.end();
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#outgoing.off('drain', done).off('close', done);
        resolve();
      };
      this.#outgoing.on('drain', done).on('close', done);
    });
  }
}
