import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { exitCodes, Failure, usageFailure } from './failure.ts';
import { type Credentials, formatEndpoint, type Target } from './target/endpoint.ts';

/** One question to a daemon. */
export interface Question {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | Readable;
  /** Takes no connection that stands already, as a confirmation must. */
  readonly fresh?: boolean;
  /** Ends it. */
  readonly signal?: AbortSignal;
}

/** Speaks HTTP with one daemon, over connections that are kept. */
export class Connection {
  readonly #target: Target;
  readonly #agent: HttpAgent;
  readonly #options: RequestOptions;
  /** Milliseconds without a byte after which a daemon counts as gone. */
  readonly #patience: number;

  /** @throws Failure `usage` when a file of the credentials can't be read */
  constructor(target: Target, patience: number) {
    this.#target = target;
    this.#patience = patience;
    const { endpoint, credentials } = target;
    const secure = endpoint.kind === 'https';
    const tls = secure ? tlsOf(credentials) : {};
    this.#agent = secure ? new HttpsAgent({ keepAlive: true, ...tls }) : new HttpAgent({ keepAlive: true });
    const where =
      endpoint.kind === 'socket'
        ? { socketPath: endpoint.path, host: 'rfw' }
        : { host: endpoint.hostname, port: endpoint.port };
    this.#options = { ...where, ...tls };
  }

  /**
   * Asks, and gives the answer as soon as its head is there, whatever its status.
   * @throws Failure `unreachable` when nobody answers
   */
  ask({ method, path, headers = {}, body, fresh = false, signal }: Question): Promise<IncomingMessage> {
    const secure = this.#target.endpoint.kind === 'https';
    const options: RequestOptions = {
      ...this.#options,
      method,
      path,
      agent: fresh ? false : this.#agent,
      // Counted while it connects too, which setTimeout of the request is not.
      timeout: this.#patience,
      headers: { ...this.#authorization(), ...headers, ...lengthOf(body) },
      ...(signal && { signal }),
    };
    return new Promise((resolve, reject) => {
      const request = secure ? httpsRequest(options) : httpRequest(options);
      request.once('timeout', () => request.destroy(new Error(`no answer in ${this.#patience / 1000} s`)));
      request.once('response', resolve);
      request.once('error', (error) => reject(signal?.aborted ? signal.reason : this.#unreachable(error)));
      if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) return void request.end(body);
      body.once('error', (error) => request.destroy(error));
      body.pipe(request);
      // A daemon may answer before it has read all, when it needs no more to refuse.
      request.once('response', () => body.unpipe(request));
    });
  }

  /** Lets go of connections that are kept. */
  close(): void {
    this.#agent.destroy();
  }

  #authorization(): Readonly<Record<string, string>> {
    const { token, user, password = '' } = this.#target.credentials;
    if (token !== undefined) return { authorization: `Bearer ${token}` };
    if (user === undefined) return {};
    return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
  }

  #unreachable(error: Error & { code?: string }): Failure {
    if (error instanceof Failure) return error;
    const where = formatEndpoint(this.#target.endpoint);
    const message = `${where}: ${adviceOf(error, where)}`;
    return new Failure(exitCodes.unreachable, message, { cause: error, code: error.code ?? 'unreachable' });
  }
}

function lengthOf(body: Question['body']): Readonly<Record<string, string>> {
  if (typeof body !== 'string' && !Buffer.isBuffer(body)) return {};
  return { 'content-length': String(Buffer.byteLength(body)) };
}

function tlsOf({ cacert, cert, key }: Credentials): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  if ((cert === undefined) !== (key === undefined)) throw usageFailure('--cert and --key belong together: give both');
  return {
    ...(cacert !== undefined && { ca: fileOf('--cacert', cacert) }),
    ...(cert !== undefined && { cert: fileOf('--cert', cert) }),
    ...(key !== undefined && { key: fileOf('--key', key) }),
  };
}

function fileOf(option: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw usageFailure(`Could not read the file of ${option}: ${(error as Error).message}`, error);
  }
}

/** What an error of the network means to people. */
export function adviceOf(error: Error & { code?: string }, where: string): string {
  switch (error.code) {
    case 'ENOENT':
      return 'there is no such socket: is rfw running, and is socket.path this one?';
    case 'EACCES':
    case 'EPERM':
      return 'you may not use this socket: be root, or in the group of socket.group, or ask another door with --host';
    case 'ECONNREFUSED':
      return 'nobody listens there: is rfw running? (systemctl status rfw)';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'the connection was cut off: a firewall in between, or rfw has just stopped';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'this name is not known to DNS';
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'no way there: the guard of rfw drops who is not in its whitelist';
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return `its certificate is of an authority that is not known here: give the ca.crt that rfwgen made with --cacert`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `its certificate is for another name than ${where}: ask by a name that stands in it`;
    case 'CERT_HAS_EXPIRED':
      return 'its certificate has expired: make a new one with rfwgen';
    default:
      return error.message;
  }
}
