/**
 * Takes HTTP responses apart, one after the other, as far as rfw's need it: a head with a Content-Length, a body of so many
 * bytes of ASCII.
 */
export class ResponseReader {
  readonly #onResponse: (head: string, body: string) => void;
  #waiting = '';

  constructor(onResponse: (head: string, body: string) => void) {
    this.#onResponse = onResponse;
  }

  /** Takes what came. @throws for a response without a length */
  read(chunk: Buffer): void {
    this.#waiting += chunk.toString('latin1');
    for (;;) {
      const end = this.#waiting.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = this.#waiting.slice(0, end + 2);
      const length = /\r\ncontent-length: (\d+)\r\n/i.exec(head)?.[1];
      if (length === undefined) throw new Error(`A response without a length: ${head}`);
      const next = end + 4 + Number(length);
      if (this.#waiting.length < next) return;
      const body = this.#waiting.slice(end + 4, next);
      this.#waiting = this.#waiting.slice(next);
      this.#onResponse(head, body);
    }
  }
}
