import { Agent, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface ApiAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Asking {
  /** Sent as JSON, unless it is text already. */
  readonly body?: unknown;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The connections to use; by default a new one. */
  readonly agent?: Agent;
}

/** Asks a daemon over its unix socket, which every namespace sees, or over another one that leads to one of its doors. */
export class Api {
  readonly #socketPath: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #secure: boolean;

  /** @param door what all requests say, and whether they go over TLS */
  constructor(
    socketPath: string,
    door: { readonly headers?: Readonly<Record<string, string>>; readonly secure?: boolean } = {},
  ) {
    this.#socketPath = socketPath;
    this.#headers = door.headers ?? {};
    this.#secure = door.secure ?? false;
  }

  /** Begins a request whose body is still to come. */
  open(method: string, path: string, { type, headers, agent = new Agent() }: Asking = {}): ClientRequest {
    const content = type === undefined ? {} : { 'content-type': type };
    const all = { ...this.#headers, ...content, ...headers };
    if (!this.#secure) return request({ socketPath: this.#socketPath, agent, method, path, headers: all });
    const createConnection = () =>
      connectTls({ socket: connect({ path: this.#socketPath }), rejectUnauthorized: false, servername: 'localhost' });
    return request({ createConnection, method, path, headers: all });
  }

  /** Rejects when the connection breaks before the answer is whole. */
  async ask(method: string, path: string, asking: Asking = {}): Promise<ApiAnswer> {
    const { body, type = 'application/json' } = asking;
    const outgoing = this.open(method, path, body === undefined ? asking : { ...asking, type });
    const answer = answerTo(outgoing);
    outgoing.end(body === undefined || typeof body === 'string' ? body : JSON.stringify(body));
    return answer;
  }

  /** As `ask`, for what must succeed. @returns the value of the JSON body */
  async must<T>(method: string, path: string, asking: Asking = {}): Promise<T> {
    const { status, body } = await this.ask(method, path, asking);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${body}`);
    return (body === '' ? undefined : JSON.parse(body)) as T;
  }
}

/**
 * The answer to a request, as a whole. Rejects when the connection breaks before, or nothing comes for a minute.
 * @param onText told of what has come of the body
 */
export async function answerTo(outgoing: ClientRequest, onText?: (body: string) => void): Promise<ApiAnswer> {
  outgoing.setTimeout(60_000, () => outgoing.destroy(new Error('nothing within a minute')));
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.on('error', reject);
  });
  incoming.setEncoding('utf8');
  let body = '';
  for await (const text of incoming) {
    body += text;
    onText?.(body);
  }
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, body };
}
