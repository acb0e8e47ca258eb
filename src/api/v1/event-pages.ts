import type { Engine } from '../../engine/engine.ts';
import { changeJson } from './change-json.ts';

/** Changes that are read at once. */
const pageLength = 500;

/** Pages that are kept: some hundred KB each. Those who follow live are at the same place, or a few pages apart. */
const keptPages = 8;

/** Some changes as server-sent events. */
interface EventPage {
  /** Empty when there is nothing after the change that was asked for. */
  readonly text: string;
  /** The number of the last change in it, or the one that was asked for. */
  readonly through: number;
  /** Of the changes that are recorded, when the page was read. */
  readonly oldest: number;
  readonly last: number;
}

/** What those who follow are sent, read and written once for all of them: fifty would have to wait for each other otherwise. */
class EventPages {
  readonly #history: Engine['history'];
  /** By the change after which they begin, the one that was read last at the end. */
  readonly #pages = new Map<number, Promise<EventPage>>();

  constructor(history: Engine['history']) {
    this.#history = history;
  }

  /** The changes after the one with this number, some of them at least. @throws RfwError `store-failed` */
  async after(number: number): Promise<EventPage> {
    const kept = this.#pages.get(number);
    if (kept !== undefined) return kept;
    const reading = this.#read(number);
    this.#pages.set(number, reading);
    const [first = number] = this.#pages.keys();
    if (this.#pages.size > keptPages) this.#pages.delete(first);
    try {
      const page = await reading;
      // There may be something the next time.
      if (page.text === '') this.#forget(number, reading);
      return page;
    } catch (error) {
      this.#forget(number, reading);
      throw error;
    }
  }

  #forget(number: number, reading: Promise<EventPage>): void {
    if (this.#pages.get(number) === reading) this.#pages.delete(number);
  }

  async #read(after: number): Promise<EventPage> {
    const { changes, oldest, last } = await this.#history.changes(after, pageLength);
    // What is missing before the first one that is left is told first.
    const text = after + 1 < oldest ? '' : changes.map(changeJson).map(eventOf).join('');
    return { text, through: text === '' ? after : (changes.at(-1)?.number ?? after), oldest, last };
  }
}

const pagesOfHistories = new WeakMap<Engine['history'], EventPages>();

/** The pages that all have in common who follow the same changes. */
export function eventPages(history: Engine['history']): EventPages {
  const known = pagesOfHistories.get(history);
  if (known !== undefined) return known;
  const pages = new EventPages(history);
  pagesOfHistories.set(history, pages);
  return pages;
}

function eventOf(change: ReturnType<typeof changeJson>): string {
  return eventText(change.number, change.kind, change);
}

/** One event (https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6). JSON has no line ends. */
export function eventText(id: number, event: string, data: unknown): string {
  return `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
