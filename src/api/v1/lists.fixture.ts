import type { Limits, Scope } from '../access/principal.ts';
import type { Answer, OpenServer, Question } from '../server.fixture.ts';

/** What was answered, its body read. */
export interface Told {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of an answer it says itself
  readonly body: any;
  readonly headers: Answer['headers'];
}

const typed = (type: string, body: string, headers: Record<string, string> = {}): Question => ({
  headers: { 'content-type': type, ...headers },
  body,
});
export const text = (body: string, headers?: Record<string, string>) => typed('text/plain', body, headers);
export const ndjson = (body: string) => typed('application/x-ndjson', body);
export const json = (body: unknown, headers?: Record<string, string>) =>
  typed('application/json', JSON.stringify(body), headers);

/** The list that tests are about, and how it is made. */
export const path = '/v1/lists/spam';
export const made = `${path}?action=drop&chain=input`;

/** Somebody who asks a server for lists. */
export class ListClient {
  readonly #server: OpenServer;

  constructor(server: OpenServer) {
    this.#server = server;
  }

  async ask(method: string, to: string, question: Question = {}): Promise<Told> {
    const { status, headers, text: body } = await this.#server.send(method, to, question);
    return { status, headers, body: body === '' ? undefined : JSON.parse(body) };
  }

  /** Status and code of a refusal. */
  async refusal(method: string, to: string, question?: Question): Promise<string> {
    const { status, body } = await this.ask(method, to, question);
    return `${status} ${body.code}`;
  }

  /** Makes the list. */
  make(body = '203.0.113.0/24\n2001:db8::/32\n'): Promise<Told> {
    return this.ask('PUT', made, text(body));
  }

  /** What the packet filter holds of lists. */
  enforced(): string[] {
    return this.#server.backend
      .dump()
      .split('\n')
      .filter((line) => line.startsWith('list '));
  }

  /** The header of a token. */
  async token(scopes: readonly Scope[], limits: Limits = {}, name = 'feed'): Promise<Record<string, string>> {
    const { token: secret } = await this.#server.tokens.create({ name, scopes, limits }, 'test');
    return { authorization: `Bearer ${secret}` };
  }
}
