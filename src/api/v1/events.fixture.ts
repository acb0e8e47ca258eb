import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { afterEach, expect } from 'vitest';
import { hostPrefix, parseAddress } from '../../domain/address.ts';
import { ruleSpec } from '../../domain/rule.ts';
import type { AskedCommand } from '../../engine/decide.ts';
import type { Engine } from '../../engine/engine.ts';
import { type OpenServer, openServer, type Question } from '../server.fixture.ts';

/** An event of a stream, as it came. */
export interface ReceivedEvent {
  readonly id: number;
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of an event it says itself
  readonly data: any;
}

/** A client that listens to events. */
export interface Listener {
  readonly status: number;
  readonly response: IncomingMessage;
  readonly events: ReceivedEvent[];
  readonly comments: string[];
  /** How the answer ended. */
  readonly ended: Promise<'whole' | 'cut off'>;
  /** Resolves when so many events are there. */
  has(count: number): Promise<readonly ReceivedEvent[]>;
  close(): void;
}

/** Listens to `/v1/events`, over a connection of its own. @param paused whether nothing is read until the response is resumed */
export function listen(
  to: Pick<OpenServer, 'port'> & { readonly authority?: Buffer },
  query = '',
  { headers = {}, tls }: Question = {},
  paused = false,
): Promise<Listener> {
  const options = { host: '127.0.0.1', port: to.port, path: `/v1/events${query}`, agent: false as const, headers };
  return new Promise((resolve, reject) => {
    const request =
      to.authority === undefined
        ? httpRequest(options)
        : httpsRequest({ ...options, ca: to.authority, checkServerIdentity: () => undefined, ...tls });
    request.on('error', reject);
    request.on('response', (response) => resolve(listenerOf(response, paused, () => request.destroy())));
    request.end();
  });
}

function listenerOf(response: IncomingMessage, paused: boolean, close: () => void): Listener {
  const events: ReceivedEvent[] = [];
  const comments: string[] = [];
  let rest = '';
  const take = (block: string): void => {
    if (block.startsWith(':')) return void comments.push(block);
    const [, id, event, data] = /^id: (\d+)\nevent: (\S+)\ndata: (.*)$/.exec(block) ?? [];
    if (data === undefined) throw new Error(`No event: ${block}`);
    events.push({ id: Number(id), event: String(event), data: JSON.parse(data) });
  };
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    const blocks = (rest + chunk).split('\n\n');
    rest = blocks.pop() ?? '';
    blocks.forEach(take);
  });
  if (paused) response.pause();
  response.on('error', () => {});
  const ended = new Promise<'whole' | 'cut off'>((resolve) => {
    response.on('close', () => resolve(response.complete ? 'whole' : 'cut off'));
  });
  return {
    status: response.statusCode ?? 0,
    response,
    events,
    comments,
    ended,
    has: async (count) => {
      await expect.poll(() => events.length, { timeout: 10_000, interval: 5 }).toBeGreaterThanOrEqual(count);
      return events;
    },
    close,
  };
}

/** Has a change be as large as can be. */
const comment = 'x'.repeat(256);

/** A command about the rule of a number. */
export function command(kind: 'put' | 'delete', number: number): AskedCommand {
  const source = hostPrefix(parseAddress(`10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`));
  const spec = ruleSpec({ action: 'drop', chain: 'input', in: 'any', out: 'any', source, destination: 'any' } as never);
  return kind === 'put' ? { kind, spec, origin: 'test', expire: 0, comment } : { kind, spec, origin: 'test' };
}

/** Makes so many changes, by so many requests. */
export async function change(engine: Engine, count: number, from = 0): Promise<void> {
  for (let at = from; at < from + count; at += 500) {
    const commands = Array.from({ length: Math.min(500, from + count - at) }, (_, index) => command('put', at + index));
    await engine.write({ commands, atomic: false });
  }
}

/** Opens servers and listeners for the tests of a file, and closes them after each test, the last one first. */
export function eventsStage() {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const clean of cleanups.splice(0).reverse()) await clean();
  });
  return {
    cleanups,
    async open(...[more]: Parameters<typeof openServer>): Promise<OpenServer> {
      const server = await openServer(more);
      cleanups.push(() => server.close());
      return server;
    },
    async listenTo(...asked: Parameters<typeof listen>): Promise<Listener> {
      const listener = await listen(...asked);
      cleanups.push(() => listener.close());
      return listener;
    },
  };
}
