import { setTimeout as sleep } from 'node:timers/promises';
import type { Api, ApiAnswer, Asking } from './api.fixture.ts';

function among<T>(choices: readonly T[]): T {
  return choices[Math.floor(Math.random() * choices.length)] as T;
}

function below(limit: number): number {
  return Math.floor(Math.random() * limit);
}

/** Hosts and networks that overlap each other, of both families. */
function address(): string {
  const dice = Math.random();
  if (dice < 0.6) return `198.18.${below(8)}.${below(256)}`;
  if (dice < 0.7) return `198.18.${below(8)}.0/${among([24, 26, 28])}`;
  if (dice < 0.95) return `2001:db8::${below(8)}:${below(256).toString(16)}`;
  return `2001:db8::${below(8)}:0/112`;
}

function rule(): Record<string, string> {
  const chain = among(['input', 'input', 'input', 'output']);
  return {
    action: among(['drop', 'drop', 'reject', 'accept']),
    chain,
    [chain === 'input' ? 'source' : 'destination']: address(),
  };
}

function put(): Record<string, unknown> {
  return { ...rule(), ttl: among(['1s', '2s', '1h', 'permanent', 'permanent', 'permanent']) };
}

const lists = ['a', 'b', 'c'] as const;

/** Hosts and networks beside those of the rules, and some that may be whitelisted. */
function entries(most: number): string[] {
  return Array.from({ length: 1 + below(most) }, () =>
    Math.random() < 0.9 ? `10.0.${below(40)}.${below(256)}` : address(),
  );
}

type Operation = (client: SoakClient) => Promise<void>;

const operations: Readonly<Record<string, readonly [weight: number, Operation]>> = {
  put: [10, async (client) => void (await client.ask('POST', '/v1/rules', { body: put() }))],
  put2014: [10, (client) => client.compat('PUT', `?expire=${among(['0', '1', '3600'])}`)],
  delete2014: [5, (client) => client.compat('DELETE', '')],
  patch: [3, (client) => client.onSome('PATCH', { ttl: among(['1s', '2h', 'permanent']), comment: `c${below(100)}` })],
  delete: [5, (client) => client.onSome('DELETE')],
  batch: [4, (client) => client.batch(below(300))],
  filter: [1, async (client) => void (await client.ask('DELETE', `/v1/rules?within=198.18.${below(8)}.0/24`))],
  replaceList: [2, (client) => client.replaceList()],
  patchList: [1, (client) => client.patchList()],
  deleteList: [1, async (client) => void (await client.ask('DELETE', `/v1/lists/${among(lists)}`))],
  whitelist: [1, (client) => client.whitelist()],
  confirm: [2, (client) => client.confirm()],
  dryRun: [2, async (client) => void (await client.ask('POST', '/v1/rules?dryRun=true', { body: put() }))],
  list: [2, async (client) => void (await client.ask('GET', '/v1/rules?limit=200'))],
  check: [2, async (client) => void (await client.ask('GET', `/v1/check?ip=198.18.${below(8)}.${below(256)}`))],
};

const lots = Object.entries(operations).flatMap(([name, [weight]]) => Array<string>(weight).fill(name));

/** Asks a daemon for whatever comes to its mind, one thing after the other. */
export class SoakClient {
  /** Answers that a sound daemon doesn't give. */
  readonly faults: string[] = [];
  answered = 0;
  /** Milliseconds that each operation took, by its name. */
  readonly times = new Map<string, number[]>();
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const name = among(lots);
      const began = performance.now();
      try {
        await operations[name]?.[1](this);
        this.times.set(name, [...(this.times.get(name) ?? []), performance.now() - began]);
      } catch {
        // The daemon was stopped or killed meanwhile.
        await sleep(50);
      }
    }
  }

  /** Rejects when the connection breaks. */
  async ask(method: string, path: string, asking: Asking = {}): Promise<ApiAnswer> {
    const answer = await this.#api.ask(method, path, asking);
    this.answered++;
    const { status, body } = answer;
    if (status >= 500 && !(status === 503 && /stopping/.test(body)))
      this.faults.push(`${method} ${path}: ${status} ${body.slice(0, 300)}`);
    return answer;
  }

  /** The API of 2014. */
  async compat(method: string, query: string): Promise<void> {
    const { action, chain, source, destination } = rule();
    const target = String(source ?? destination).replace('/', '_');
    await this.ask(method, `/${action}/${chain}/any/${target}${query}`);
  }

  /** Does something with one of the rules that stand. */
  async onSome(method: string, body?: unknown): Promise<void> {
    const { body: page } = await this.ask('GET', `/v1/rules?limit=20&contains=198.18.${below(8)}.${below(256)}`);
    const { items = [] } = JSON.parse(page) as { items?: { id: string }[] };
    if (items.length === 0) return;
    await this.ask(method, `/v1/rules/${encodeURIComponent(among(items).id)}`, body === undefined ? {} : { body });
  }

  async batch(lines: number): Promise<void> {
    const items = Array.from({ length: 1 + lines }, () => (Math.random() < 0.7 ? put() : { op: 'delete', ...rule() }));
    const body = items.map((item) => `${JSON.stringify(item)}\n`).join('');
    await this.ask('POST', `/v1/rules/batch${among(['', '?mode=atomic'])}`, { body, type: 'application/x-ndjson' });
  }

  async whitelist(): Promise<void> {
    const entry = `198.18.${below(8)}.${below(256)}`;
    await this.ask('POST', '/v1/whitelist', { body: { entry } });
    await sleep(below(500));
    await this.ask('DELETE', `/v1/whitelist?entry=${entry}`);
  }

  async confirm(): Promise<void> {
    const { headers } = await this.ask('POST', '/v1/rules?confirm=1s', { body: put() });
    const id = headers['rfw-confirmation'];
    if (id !== undefined && Math.random() < 0.5) await this.ask('POST', `/v1/confirmations/${String(id)}`);
  }

  async replaceList(): Promise<void> {
    const query = `action=${among(['drop', 'accept'])}&chain=input&ttl=${among(['1s', '1h', 'permanent'])}`;
    const body = entries(2000).join('\n');
    await this.ask('PUT', `/v1/lists/${among(lists)}?${query}`, { body, type: 'text/plain' });
  }

  async patchList(): Promise<void> {
    await this.ask('PATCH', `/v1/lists/${among(lists)}`, { body: { add: entries(20), remove: entries(20) } });
  }
}
