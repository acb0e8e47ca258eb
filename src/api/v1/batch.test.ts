import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuditRecord } from '../../engine/audit.ts';
import { type Answer, type OpenServer, openServer } from '../server.fixture.ts';
import type { BatchSummary } from './batch-schemas.ts';

let server: OpenServer;
beforeEach(async () => {
  server = await openServer();
});
afterEach(() => server.close());

const path = '/v1/rules/batch';
const ndjson = { 'content-type': 'application/x-ndjson' };

/** A rule to put, or to delete, as a line. */
const item = (source: string, more: object = {}): string =>
  JSON.stringify({ action: 'drop', chain: 'input', source, ...more });
const hosts = (count: number, more?: object): string[] =>
  Array.from({ length: count }, (_, index) => item(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, more));

const lines = (body: readonly string[], query = '', headers: Record<string, string> = {}): Promise<Answer> =>
  server.send('POST', `${path}${query}`, { headers: { ...ndjson, ...headers }, body: body.join('\n') });
const json = (body: unknown, query = '', headers: Record<string, string> = {}): Promise<Answer> =>
  server.send('POST', `${path}${query}`, {
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

function summaryOf({ status, text }: Answer): BatchSummary {
  expect([status, text.slice(0, 200)]).toEqual([200, text.slice(0, 200)]);
  return JSON.parse(text) as BatchSummary;
}

/** `3 created, 1 refused`: what isn't 0. */
function counts({ errors: _, refusals: __, ...numbers }: BatchSummary): string {
  return Object.entries(numbers)
    .flatMap(([name, count]) => (count === 0 ? [] : [`${count} ${name}`]))
    .join(', ');
}

const audited = async (): Promise<AuditRecord[]> => [...(await server.engine.history.audit({ limit: 100 }))].reverse();

/** Waits until something holds. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('a batch of lines', () => {
  it('puts and deletes, in order, and says what became of each kind', async () => {
    await lines([item('10.0.0.1'), item('10.0.0.2', { ttl: '1h' })]);
    const body = [
      item('10.0.0.1'),
      item('10.0.0.2', { ttl: '2h' }),
      item('10.0.0.3'),
      item('10.0.0.3', { op: 'delete' }),
      item('10.0.0.9', { op: 'delete' }),
    ];
    const answer = await lines(body);
    expect(counts(summaryOf(answer))).toBe('5 received, 1 created, 1 updated, 1 exists, 1 deleted, 1 absent');
    expect(server.engine.size).toBe(2);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  });

  it('does what can be done, and says which lines could not and why', async () => {
    const body = [item('10.0.0.1'), item('127.0.0.1'), '', '{', item('10.0.0.2'), item('10.0.0.3/99')];
    const { errors, refusals, ...summary } = summaryOf(await lines(body));
    expect(counts({ errors, refusals, ...summary })).toBe('5 received, 2 created, 3 refused');
    expect(refusals).toEqual({ 'whitelist-conflict': 1, 'json-malformed': 1, 'mask-invalid': 1 });
    expect(errors.map(({ line, code }) => `${line} ${code}`)).toEqual([
      '2 whitelist-conflict',
      '4 json-malformed',
      '6 mask-invalid',
    ]);
  });

  it('names a thousand errors and counts all', async () => {
    const summary = summaryOf(await lines(Array(1500).fill(item('127.0.0.1'))));
    expect([summary.refused, summary.errors.length, summary.errors.at(-1)?.line]).toEqual([1500, 1000, 1000]);
  });

  it('takes 100,000 of them, some thousand at a time, and others have their turn', async () => {
    const batch = lines(hosts(100_000, { ttl: '1d', comment: 'a feed' }));
    await until(() => server.engine.size > 0);
    const single = await server.send('PUT', '/drop/input/any/198.51.100.1');
    const then = server.engine.size;
    expect([single.status, then < 100_000, then % 1000]).toEqual([200, true, 1]);
    expect(counts(summaryOf(await batch))).toBe('100000 received, 100000 created');
    expect(server.engine.size).toBe(100_001);
    const entries = (await audited()).filter(({ operation }) => operation === 'rules.batch');
    expect(entries[0]?.target).toBe('lines 1 to 4000');
    expect(entries.at(-1)?.target).toMatch(/ to 100000$/);
    // Beside others they are fewer at a time.
    expect(entries.length).toBeGreaterThan(25);
    expect(entries[0]).toMatchObject({ principal: 'local', door: 'local', after: { created: 4000 }, result: 'done' });
  });

  it('may be empty', async () => {
    expect(counts(summaryOf(await lines(['', ''])))).toBe('');
  });
});

describe('an atomic batch', () => {
  it('does all', async () => {
    const body = [item('10.0.0.1'), item('10.0.0.1', { op: 'delete' }), item('10.0.0.2')];
    expect(counts(summaryOf(await lines(body, '?mode=atomic')))).toBe('3 received, 2 created, 1 deleted');
    expect(server.engine.size).toBe(1);
  });

  it.each([
    ['the whitelist refuses a line', item('127.0.0.1'), 'whitelist-conflict'],
    ['a line is wrong', '{', 'json-malformed'],
    ['an address is none', item('10.0.0.256'), 'address-invalid'],
  ])('does nothing when %s', async (_name, line, code) => {
    const answer = await lines([...hosts(5000), line, item('10.200.0.1')], '?mode=atomic');
    const problem = JSON.parse(answer.text);
    expect([answer.status, problem.code, problem.errors.length]).toEqual([409, 'batch-refused', 1]);
    expect(problem.errors[0]).toMatchObject({ line: 5001, code });
    expect(problem.detail).toMatch(/^Nothing was done, because 1 of \d+ items were refused/);
    expect([server.engine.size, server.engine.lastChange]).toEqual([0, 0]);
    expect((await audited()).map(({ operation }) => operation)).toEqual(['rules.batch']);
  });

  it('is limited', async () => {
    const answer = await lines(Array(100_001).fill(item('10.0.0.1')), '?mode=atomic');
    expect([answer.status, JSON.parse(answer.text).code, server.engine.size]).toEqual([413, 'body-too-large', 0]);
  });
});

describe('a batch of JSON', () => {
  const items = [item('10.0.0.1'), item('127.0.0.1'), item('10.0.0.1', { op: 'delete' })].map((text) =>
    JSON.parse(text),
  );

  it('says by pointers which items were refused', async () => {
    const summary = summaryOf(await json({ items }));
    expect(counts(summary)).toBe('3 received, 1 created, 1 deleted, 1 refused');
    expect(summary.errors).toMatchObject([{ pointer: '/items/1', code: 'whitelist-conflict' }]);
  });

  it('may be atomic by body or query, but not say two things', async () => {
    for (const answer of [await json({ mode: 'atomic', items }), await json({ items }, '?mode=atomic')]) {
      const { code, errors } = JSON.parse(answer.text);
      expect([answer.status, code, errors[0].pointer]).toEqual([409, 'batch-refused', '/items/1']);
    }
    const both = await json({ mode: 'atomic', items }, '?mode=best-effort');
    expect([both.status, JSON.parse(both.text).code]).toEqual([400, 'request-invalid']);
    expect(server.engine.size).toBe(0);
  });

  it('is refused as a whole when it has no such form', async () => {
    const wrong = [{ items: [] }, { items: [{ ...items[0], tll: 1 }] }, { items: Array(10_001).fill(items[0]) }, []];
    for (const body of wrong) expect((await json(body)).status).toBe(400);
    expect((await server.send('POST', path, { headers: { 'content-type': 'text/csv' }, body: 'x' })).status).toBe(415);
    expect((await server.send('GET', path)).status).toBe(405);
  });
});

describe('who asks', () => {
  it('may do no more than with single rules, each item for itself', async () => {
    const scopes = ['rules:write'] as const;
    const limits = { longestTtl: 3600, actions: ['drop'] } as const;
    const { token } = await server.tokens.create({ name: 'feed', scopes, limits }, 'local');
    const headers = { authorization: `Bearer ${token}` };
    await server.send('PUT', '/drop/input/any/10.0.0.9');
    const body = [
      item('10.0.0.1', { ttl: 60 }),
      item('10.0.0.2', { ttl: '2h' }),
      item('10.0.0.3'),
      item('10.0.0.9', { op: 'delete' }),
      item('10.0.0.4', { ttl: 60, action: 'accept' }),
    ];
    const { refusals, created } = summaryOf(await lines(body, '', headers));
    expect([created, refusals]).toEqual([2, { 'beyond-limits': 2, 'not-owner': 1 }]);
    const reader = await server.tokens.create({ name: 'reader', scopes: ['rules:read'] }, 'local');
    expect((await lines(body, '', { authorization: `Bearer ${reader.token}` })).status).toBe(403);
  });
});

describe('dryRun', () => {
  it.each(['', '&mode=atomic'])('says what would become of it, and changes nothing %s', async (mode) => {
    const answer = await lines(hosts(5000), `?dryRun=true${mode}`);
    expect(counts(summaryOf(answer))).toBe('5000 received, 5000 created');
    expect(answer.headers['rfw-dry-run']).toBe('true');
    expect([server.engine.size, (await audited()).length]).toEqual([0, 0]);
    expect((await lines([item('127.0.0.1')], '?dryRun=true&mode=atomic')).status).toBe(409);
  });
});

describe('confirm', () => {
  it('has all of it undone, unless it is confirmed', async () => {
    await lines([item('10.0.0.1')]);
    const answer = await lines([item('10.0.0.1', { op: 'delete' }), ...hosts(4500), item('127.0.0.1')], '?confirm=1s');
    expect(summaryOf(answer).refused).toBe(1);
    expect(answer.headers['rfw-confirmation']).toMatch(/^[\w-]{16}$/);
    await until(() => server.engine.size === 1);
  });
});

describe('an Idempotency-Key', () => {
  it.each(['', '?mode=atomic'])('gives the first answer again, for the same body %s', async (query) => {
    const body = hosts(9000);
    const first = await lines(body, query, { 'idempotency-key': 'a' });
    const again = await lines(body, query, { 'idempotency-key': 'a' });
    expect(counts(summaryOf(first))).toBe('9000 received, 9000 created');
    expect([again.text, again.headers['idempotent-replayed']]).toEqual([first.text, 'true']);
    const other = await lines([...body.slice(0, -1), item('10.250.0.1')], query, { 'idempotency-key': 'a' });
    expect([other.status, JSON.parse(other.text).code]).toEqual([422, 'key-reused']);
    expect(server.engine.size).toBe(9000);
  });

  it('serves JSON too', async () => {
    const body = { items: [JSON.parse(item('10.0.0.1'))] };
    const [first, again] = [
      await json(body, '', { 'idempotency-key': 'b' }),
      await json(body, '', { 'idempotency-key': 'b' }),
    ];
    expect(again.text).toBe(first.text);
  });
});

describe('progress', () => {
  const parsed = ({ text }: Answer) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));

  it('comes line by line, and the summary last', async () => {
    for (const [query, headers] of [
      ['?progress=true', {}],
      ['', { accept: 'application/x-ndjson, application/json;q=0.5' }],
    ] as const) {
      const answer = await lines(hosts(9000), query, headers);
      expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/x-ndjson']);
      expect(parsed(answer).at(-1).summary.received).toBe(9000);
    }
  });

  it('says twice a second how far it is, while the body still comes', async () => {
    const request = httpRequest({ port: server.port, method: 'POST', path: `${path}?progress=true`, headers: ndjson });
    const [response, seen] = await new Promise<[AsyncIterable<Buffer>, string[]]>((resolve) => {
      request.on('response', (incoming) => resolve([incoming, []]));
      request.write(`${hosts(5000).join('\n')}\n`);
    });
    for await (const chunk of response) {
      for (const line of String(chunk).trimEnd().split('\n')) seen.push(line);
      if (seen.length === 1) request.end(item('10.250.0.1'));
    }
    expect(JSON.parse(seen[0] ?? '')).toEqual({ progress: { received: 4000, done: 4000 } });
    expect(JSON.parse(seen.at(-1) ?? '').summary).toMatchObject({ received: 5001, created: 5001 });
  });

  it('ends with the problem when there is one', async () => {
    const answer = await lines([item('127.0.0.1')], '?progress=true&mode=atomic');
    expect([answer.status, parsed(answer).at(-1).problem]).toMatchObject([200, { code: 'batch-refused', status: 409 }]);
    const confirmed = await lines([item('10.0.0.1')], '?progress=true&confirm=1m');
    expect(parsed(confirmed).at(-1).confirmation).toMatch(/^[\w-]{16}$/);
  });
});

describe('a body that breaks off', () => {
  /** Sends part of a body and hangs up once so many rules stand. */
  async function cut(part: readonly string[], query: string, stand: number): Promise<void> {
    const socket = connect(server.port, '127.0.0.1');
    const head = `POST ${path}${query} HTTP/1.1\r\nHost: localhost:${server.port}\r\n`;
    socket.write(`${head}Content-Type: application/x-ndjson\r\nContent-Length: 100000000\r\n\r\n`);
    socket.write(`${part.join('\n')}\n`);
    await until(() => server.engine.size >= stand);
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    await until(() => socket.destroyed);
  }

  it('leaves what was done, whole chunks, and the audit log says how far that was', async () => {
    await cut(hosts(9000), '', 8000);
    await until(async () => (await audited()).length === 3);
    const entries = await audited();
    expect(server.engine.size).toBe(8000);
    expect(entries.map(({ target, result }) => `${target}: ${result}`)).toEqual([
      'lines 1 to 4000: done',
      'lines 4001 to 8000: done',
      'application/x-ndjson: request-invalid',
    ]);
    expect(summaryOf(await lines([item('10.99.0.1')])).created).toBe(1);
  });

  it('leaves nothing of an atomic one', async () => {
    await cut(hosts(9000), '?mode=atomic', 0);
    expect(summaryOf(await lines([item('10.99.0.1')])).created).toBe(1);
    expect(server.engine.size).toBe(1);
  });

  it('ends with the server, at the border of a chunk', async () => {
    const request = httpRequest({ port: server.port, method: 'POST', path, headers: ndjson });
    const answered = new Promise<string>((resolve) => {
      request.on('error', (error) => resolve(String(error)));
      request.on('response', (response) => {
        response.setEncoding('utf8');
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve(`${response.statusCode} ${text}`));
      });
    });
    request.write(`${hosts(9000).join('\n')}\n`);
    await until(() => server.engine.size >= 8000);
    const began = performance.now();
    await server.close();
    expect(performance.now() - began).toBeLessThan(2000);
    expect(await answered).toMatch(/^503 .*"code":"stopping".*Lines 1 to 8000 are done/);
    server = await openServer();
  });
});
