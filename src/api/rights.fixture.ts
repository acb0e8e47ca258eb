import { Agent as HttpAgent, request as httpRequest, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { ClientFiles } from '../certs/client.fixture.ts';
import type { Scope } from './access/principal.ts';
import type { OpenServer } from './server.fixture.ts';

/** A route of rfw, and who may use it. */
interface Right {
  /** `public` is whoever a door has let in. */
  readonly scope: Scope | 'public';
  /** The path of a request of that kind that changes nothing, or nothing for long. */
  readonly path: string;
  readonly body?: string;
  readonly type?: string;
  /** What is answered to whoever may. */
  readonly status: number;
}

const id = 'drop~input~any~any~198.51.100.1_32~any';
const [rule, item] = ['{"action":"drop","chain":"input","source":"198.51.100.2"}', '/drop/input/any/198.51.100.3'];
const dropping = 'action=drop&chain=input';
const entry = '{"entry":"203.0.113.1"}';
const token = '{"name":"another","scopes":["rules:read"]}';

function right(scope: Scope | 'public', path: string, status = 200, body?: string, type = 'application/json'): Right {
  return { scope, path, status, ...(body !== undefined && { body, type }) };
}

/**
 * Who may do what, written out by hand: a route that isn't here, or whose scope is another one than here, fails the test. The keys
 * are method and path as the routes have them.
 */
export const v1Rights: Readonly<Record<string, Right>> = {
  'GET /v1/rules': right('rules:read', '/v1/rules'),
  'POST /v1/rules': right('rules:write', '/v1/rules?dryRun=true', 201, rule),
  'POST /v1/rules/batch': right('rules:write', '/v1/rules/batch?dryRun=true', 200, rule, 'application/x-ndjson'),
  'DELETE /v1/rules': right('rules:write', '/v1/rules?all=true&dryRun=true'),
  'GET /v1/rules/{id}': right('rules:read', `/v1/rules/${id}`, 404),
  'PATCH /v1/rules/{id}': right('rules:write', `/v1/rules/${id}`, 404, '{"comment":"x"}'),
  'DELETE /v1/rules/{id}': right('rules:write', `/v1/rules/${id}`, 404),
  'GET /v1/check': right('rules:read', '/v1/check?ip=198.51.100.1'),
  'GET /v1/lists': right('lists:read', '/v1/lists'),
  'GET /v1/lists/{name}': right('lists:read', '/v1/lists/none', 404),
  'PUT /v1/lists/{name}': right(
    'lists:write',
    `/v1/lists/none?${dropping}&dryRun=true`,
    201,
    '203.0.113.1',
    'text/plain',
  ),
  'PATCH /v1/lists/{name}': right('lists:write', '/v1/lists/none', 404, '{"comment":"x"}'),
  'DELETE /v1/lists/{name}': right('lists:write', '/v1/lists/none', 404),
  'GET /v1/whitelist': right('rules:read', '/v1/whitelist'),
  'POST /v1/whitelist': right('whitelist:write', '/v1/whitelist?dryRun=true', 201, entry),
  'DELETE /v1/whitelist': right('whitelist:write', '/v1/whitelist?entry=203.0.113.1', 404),
  'GET /v1/changes': right('rules:read', '/v1/changes?since=0'),
  'GET /v1/events': right('rules:read', '/v1/events'),
  'GET /v1/snapshot': right('rules:read', '/v1/snapshot'),
  'GET /v1/confirmations': right('rules:read', '/v1/confirmations'),
  // Those of others are refused by the handler.
  'POST /v1/confirmations/{id}': right('public', '/v1/confirmations/0123456789abcdef', 404),
  'GET /v1/tokens': right('admin', '/v1/tokens'),
  'POST /v1/tokens': right('admin', '/v1/tokens?dryRun=true', 200, token),
  'DELETE /v1/tokens/{id}': right('admin', '/v1/tokens/0000000000000000', 404),
  'GET /v1/audit': right('audit:read', '/v1/audit'),
  'GET /v1/status': right('rules:read', '/v1/status'),
  'GET /v1/health/live': right('public', '/v1/health/live'),
  'GET /v1/health/ready': right('public', '/v1/health/ready'),
  'GET /metrics': right('metrics:read', '/metrics'),
  'GET /openapi.json': right('public', '/openapi.json'),
  'GET /docs': right('public', '/docs'),
};

/** The same of the routes of 2014, and of what is no route. */
export const otherRights: Readonly<Record<string, Right>> = {
  'GET /': right('public', '/'),
  'GET /list': right('rules:read', '/list'),
  'GET /list/input': right('rules:read', '/list/input'),
  'PUT /ACTION/CHAIN/INTERFACE/ADDRESS': right('rules:write', item),
  'DELETE /ACTION/CHAIN/INTERFACE/ADDRESS': right('rules:write', item),
  'GET /ACTION/CHAIN/INTERFACE/ADDRESS?modify=insert': right('rules:write', `${item}?modify=insert`),
  'GET /ACTION/CHAIN/INTERFACE/ADDRESS?modify=delete': right('rules:write', `${item}?modify=delete`),
  'GET /v1/nothing': right('public', '/v1/nothing', 404),
  'PATCH /v1/tokens': right('public', '/v1/tokens', 405),
  'GET /nothing': right('public', '/nothing', 400),
};

/** How a client of the table comes. */
export interface Visitor {
  readonly headers?: Readonly<Record<string, string>>;
  readonly tls?: ClientFiles;
}

/**
 * Asks as one client does, over connections that are kept, and gives the status of each answer; of an answer that goes on no more is
 * taken.
 */
export class Asking {
  readonly #server: OpenServer;
  readonly #authority: Buffer | undefined;
  readonly #visitor: Visitor;
  readonly #agent: HttpAgent;

  constructor(server: OpenServer, authority: Buffer | undefined, visitor: Visitor) {
    this.#server = server;
    this.#authority = authority;
    this.#visitor = visitor;
    const keep = { keepAlive: true, maxSockets: 1 };
    this.#agent = authority === undefined ? new HttpAgent(keep) : new HttpsAgent(keep);
  }

  status(method: string, { path, body, type }: Right): Promise<number> {
    const { settings, port } = this.#server;
    const typed = body === undefined ? {} : { 'content-type': String(type), 'content-length': String(body.length) };
    const options: RequestOptions = {
      ...(settings.kind === 'socket' ? { socketPath: settings.path } : { host: '127.0.0.1', port }),
      ...{ method, path, agent: this.#agent, headers: { ...typed, ...this.#visitor.headers } },
    };
    return new Promise((resolve, reject) => {
      const request =
        this.#authority === undefined
          ? httpRequest(options)
          : httpsRequest({
              ...options,
              ca: this.#authority,
              checkServerIdentity: () => undefined,
              ...this.#visitor.tls,
            });
      request.on('error', reject).on('response', (response) => {
        const status = response.statusCode ?? 0;
        response.on('error', () => {});
        if (response.headers['content-type']?.startsWith('text/event-stream')) {
          response.destroy();
          return resolve(status);
        }
        response.resume().on('end', () => resolve(status));
      });
      request.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
