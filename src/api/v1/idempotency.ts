import { createHash } from 'node:crypto';
import type { DocumentWrite, Store } from '../../engine/store/store.ts';
import { RequestError } from '../errors.ts';
import type { Answer } from './answer.ts';

/** An answer that is given again to whoever sends the same request with the same key. */
interface Kept {
  /** Of the request. */
  readonly fingerprint: string;
  readonly answer: Answer;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** How much an answer takes: the length of its text, as it is stored. */
type Sized = Kept & { readonly size: number };

/** Tells requests apart. */
export interface Fingerprint {
  /** It, once the request has been read to its end. */
  text(): string;
  /** Reads the request to its end first. */
  whole(): Promise<string>;
}

const kind = 'answer';

/** How long an answer is kept, in milliseconds: a day. */
const keepFor = 86_400_000;

/** The most answers that are kept, and the most that they take as a whole: some name a thousand rules. */
const keepAtMost = { answers: 10_000, characters: 32 * 1024 * 1024 };

/**
 * The answers to requests that had an Idempotency-Key. They are stored in the transaction of the change, so that a request that
 * is sent again after a crash is either done or answered, never both.
 */
export class Answers {
  /** Oldest first. */
  readonly #kept = new Map<string, Sized>();
  #characters = 0;
  readonly #underWay = new Map<string, Promise<unknown>>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Reads what earlier runs have kept. @throws RfwError `store-failed` */
  async load(store: Pick<Store, 'documents'>): Promise<void> {
    const stored = [...(await store.documents(kind))].map(([id, body]) => {
      const text = String(body);
      return [id, { ...(JSON.parse(text) as Kept), size: text.length }] as const;
    });
    for (const [id, kept] of stored.sort(([, a], [, b]) => a.at - b.at)) this.#set(id, kept);
  }

  /**
   * Gives the answer to a request with a key: the one that it was given before, or that of `make`, one after the other.
   * @param make makes the change; what `keep` gives is to be stored with it
   * @throws RequestError `key-reused` for another request with the same key
   */
  async once(
    id: string,
    fingerprint: Fingerprint,
    make: (keep: (answer: Answer) => DocumentWrite[]) => Promise<Answer>,
  ): Promise<Answer> {
    for (let before = this.#underWay.get(id); before !== undefined; before = this.#underWay.get(id)) {
      await before.catch(() => {});
    }
    const kept = this.#kept.get(id);
    if (kept !== undefined && kept.at + keepFor > this.#now()) return repeated(kept, await fingerprint.whole());
    const making = this.#make(id, fingerprint, make);
    this.#underWay.set(id, making);
    try {
      return await making;
    } finally {
      this.#underWay.delete(id);
    }
  }

  async #make(
    id: string,
    fingerprint: Fingerprint,
    make: (keep: (answer: Answer) => DocumentWrite[]) => Promise<Answer>,
  ): Promise<Answer> {
    let kept: Sized | undefined;
    let gone: readonly string[] = [];
    const answer = await make((made) => {
      const answered: Kept = { fingerprint: fingerprint.text(), answer: made, at: this.#now() };
      const body = JSON.stringify(answered);
      kept = { ...answered, size: body.length };
      gone = this.#outdated(id, body.length);
      return [...gone.map((old) => ({ kind, id: old, body: null })), { kind, id, body }];
    });
    // It is on disk now; what wasn't to be kept was refused, and may be tried again.
    for (const old of [...gone, id]) this.#delete(old);
    if (kept !== undefined) this.#set(id, kept);
    return answer;
  }

  #set(id: string, kept: Sized): void {
    this.#kept.set(id, kept);
    this.#characters += kept.size;
  }

  #delete(id: string): void {
    this.#characters -= this.#kept.get(id)?.size ?? 0;
    this.#kept.delete(id);
  }

  /** Answers that are too old, or too many with one more. @param more characters of that */
  #outdated(id: string, more: number): string[] {
    const old: string[] = [];
    let answers = this.#kept.size;
    let characters = this.#characters + more;
    for (const [other, { at, size }] of this.#kept) {
      const fits = answers < keepAtMost.answers && characters <= keepAtMost.characters;
      if (fits && at + keepFor > this.#now()) break;
      answers--;
      characters -= size;
      if (other !== id) old.push(other);
    }
    return old;
  }
}

function repeated({ fingerprint, answer }: Kept, asked: string): Answer {
  if (fingerprint !== asked) {
    throw new RequestError(
      'key-reused',
      'This Idempotency-Key was used for another request: take a new key for a new request, and the same only to repeat one',
    );
  }
  return { ...answer, headers: { ...answer.headers, 'idempotent-replayed': 'true' } };
}

/** Tells requests apart, by all that they ask for. */
export function fingerprintOf(...parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}
