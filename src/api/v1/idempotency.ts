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

/** The most answers that are kept. */
const keepAtMost = 10_000;

/**
 * The answers to requests that had an Idempotency-Key. They are stored in the transaction of the change, so that a request that
 * is sent again after a crash is either done or answered, never both.
 */
export class Answers {
  /** Oldest first. */
  readonly #kept = new Map<string, Kept>();
  readonly #underWay = new Map<string, Promise<unknown>>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Reads what earlier runs have kept. @throws RfwError `store-failed` */
  async load(store: Pick<Store, 'documents'>): Promise<void> {
    const stored = [...(await store.documents(kind))].map(
      ([id, body]) => [id, JSON.parse(String(body)) as Kept] as const,
    );
    for (const [id, kept] of stored.sort(([, a], [, b]) => a.at - b.at)) this.#kept.set(id, kept);
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
    let kept: Kept | undefined;
    let gone: readonly string[] = [];
    const answer = await make((made) => {
      kept = { fingerprint: fingerprint.text(), answer: made, at: this.#now() };
      gone = this.#outdated(id);
      return [...gone.map((old) => ({ kind, id: old, body: null })), { kind, id, body: JSON.stringify(kept) }];
    });
    // It is on disk now; what wasn't to be kept was refused, and may be tried again.
    for (const old of gone) this.#kept.delete(old);
    this.#kept.delete(id);
    if (kept !== undefined) this.#kept.set(id, kept);
    return answer;
  }

  /** Answers that are too old, or too many with one more. */
  #outdated(id: string): string[] {
    const old: string[] = [];
    let left = this.#kept.size;
    for (const [other, { at }] of this.#kept) {
      if (left < keepAtMost && at + keepFor > this.#now()) break;
      left--;
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
