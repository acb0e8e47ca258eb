import { createHash } from 'node:crypto';

/** A body that is hashed while it is read: it tells requests apart though it is never held as a whole. */
export class BodyDigest {
  readonly #content: AsyncIterator<Buffer>;
  readonly #hash = createHash('sha256');
  #text: string | undefined;

  constructor(content: AsyncIterable<Buffer>) {
    this.#content = content[Symbol.asyncIterator]();
  }

  /** The body, from where reading it has come to. */
  async *content(): AsyncGenerator<Buffer> {
    for (let next = await this.#content.next(); !next.done; next = await this.#content.next()) {
      this.#hash.update(next.value);
      yield next.value;
    }
    this.#text = this.#hash.digest('base64url');
  }

  /** Reads what is left of the body, and lets go of it. */
  async readAll(): Promise<void> {
    if (this.#text !== undefined) return;
    for await (const _ of this.content());
  }

  /** The hash of the body, once it has been read to its end. */
  get text(): string {
    if (this.#text === undefined) throw new Error('The body has not been read yet');
    return this.#text;
  }
}
