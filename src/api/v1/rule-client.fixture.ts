import { expect } from 'vitest';
import type { Limits, Scope } from '../access/principal.ts';
import type { Answer, OpenServer } from '../server.fixture.ts';

/** An answer with its JSON body. */
interface Told {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of an answer it says itself
  readonly body: any;
  readonly headers: Answer['headers'];
}

/** Speaks JSON with a server, as a client of /v1 does. */
export class RuleClient {
  readonly #server: OpenServer;

  constructor(server: OpenServer) {
    this.#server = server;
  }

  async ask(method: string, path: string, body?: unknown, bearer?: string): Promise<Told> {
    const headers = {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
    };
    const question = { headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
    const { status, headers: given, text } = await this.#server.send(method, path, question);
    return { status, headers: given, body: text === '' ? undefined : JSON.parse(text) };
  }

  /** Status and code of a refusal. */
  async refusal(method: string, path: string, body?: unknown, bearer?: string): Promise<string> {
    const { status, body: problem } = await this.ask(method, path, body, bearer);
    expect(status).toBeGreaterThanOrEqual(400);
    return `${status} ${problem.code}`;
  }

  /** Blocks an address. */
  put(source: string, more: object = {}): Promise<Told> {
    return this.ask('POST', '/v1/rules', { action: 'drop', chain: 'input', source, ...more });
  }

  /** A token of a principal that isn't an administrator. */
  async token(name: string, scopes: readonly Scope[], limits: Limits = {}): Promise<string> {
    return (await this.#server.tokens.create({ name, scopes, limits }, 'test')).token;
  }
}

/** The id of the rule that blocks a host. */
export function blockId(host: string): string {
  return `drop~input~any~any~${host}_32~any`;
}
