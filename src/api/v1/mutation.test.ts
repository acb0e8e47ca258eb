import { Agent, request as httpRequest } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RfwError } from '../../domain/errors.ts';
import { parseRuleId, ruleId } from '../../domain/rule-id.ts';
import type { Group } from '../../engine/pending.ts';
import { ruleEffect } from '../audit.ts';
import { type Answer, type OpenServer, openServer } from '../server.fixture.ts';
import { confirm, listConfirmations } from './confirmations.ts';
import { mutate } from './mutation.ts';
import { route } from './route.ts';
import { closed, RuleId } from './schemas.ts';

/** Puts the rule of an id, as simply as can be. */
const putById = route({
  method: 'PUT',
  path: '/v1/test/{id}',
  operationId: 'putById',
  summary: 'Puts a rule',
  tag: 'Rules',
  scope: 'rules:write',
  params: closed({ id: RuleId }),
  mutation: true,
  answers: { 200: { description: 'What became of it' } },
})(async ({ params, principal, request, mutation }, services) => {
  const spec = parseRuleId(params.id);
  const group: Group = {
    commands: [{ kind: 'put', spec, expire: 0, origin: principal.name }],
    atomic: true,
  };
  return mutate({ principal, request, mutation }, services, {
    operation: 'rules.put',
    target: ruleId(spec),
    body: null,
    preview: () => services.engine.preview(group),
    make: (record, request) => services.engine.write({ ...group, record }, request),
    answer: ([result]) => {
      if (result instanceof RfwError) throw result;
      return { status: 200, body: undefined, headers: { 'x-status': result?.status ?? '' } };
    },
    effect: ([result]) => ruleEffect(result),
  });
});

const id = (last: number): string => `drop~input~any~any~10.0.0.${last}_32~any`;

let server: OpenServer;
beforeEach(async () => {
  server = await openServer({ routes: [putById, confirm, listConfirmations] });
});
afterEach(() => server.close());

const put = (last: number, { query = '', key = '' }: { query?: string; key?: string } = {}): Promise<Answer> =>
  server.send('PUT', `/v1/test/${id(last)}${query}`, key === '' ? {} : { headers: { 'idempotency-key': key } });
const codeOf = ({ text }: Answer): unknown => (JSON.parse(text) as { code: unknown }).code;
const audited = async () =>
  (await server.engine.history.audit({ limit: 100 })).map(({ operation, target, result, before, after }) => ({
    operation,
    target,
    result,
    before,
    after,
  }));

describe('dryRun', () => {
  it('says what would be, and changes and records nothing', async () => {
    const answer = await put(1, { query: '?dryRun=true' });
    expect([answer.status, answer.headers['x-status'], answer.headers['rfw-dry-run']]).toEqual([
      200,
      'created',
      'true',
    ]);
    expect([server.engine.size, server.engine.lastChange, await audited()]).toEqual([0, 0, []]);
    const refused = await server.send('PUT', '/v1/test/drop~input~any~any~127.0.0.1_32~any?dryRun=true');
    expect([refused.status, codeOf(refused)]).toEqual([400, 'whitelist-conflict']);
  });
});

describe('the audit log', () => {
  it('has who did what, from where, before and after, also what was refused', async () => {
    await put(1);
    await put(1);
    await server.send('PUT', '/v1/test/drop~input~any~any~127.0.0.1_32~any', { headers: { 'x-request-id': 'r-1' } });
    const [refused, created, ...more] = await server.engine.history.audit({ limit: 10 });
    expect(more).toEqual([]);
    expect(created).toMatchObject({
      principal: 'local',
      address: '127.0.0.1',
      door: 'local',
      operation: 'rules.put',
      target: id(1),
      before: null,
      after: { id: id(1), expiresAt: null, origin: 'local', comment: '' },
      result: 'created',
    });
    expect(refused).toMatchObject({ requestId: 'r-1', result: 'whitelist-conflict', before: null, after: null });
  });
});

describe('Idempotency-Key', () => {
  it('gives the first answer again, and does nothing again', async () => {
    const first = await put(1, { key: 'a' });
    await server.engine.submit({ kind: 'delete', spec: parseRuleId(id(1)), origin: 'test' });
    const again = await put(1, { key: 'a' });
    expect([first.headers['x-status'], again.headers['x-status']]).toEqual(['created', 'created']);
    expect([first.headers['idempotent-replayed'], again.headers['idempotent-replayed']]).toEqual([undefined, 'true']);
    expect(server.engine.size).toBe(0);
    expect((await put(1, { key: 'b' })).headers['x-status']).toBe('created');
  });

  it('does the work once for requests at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => put(1, { key: 'a' })));
    expect(answers.map(({ headers }) => headers['x-status'])).toEqual(Array(10).fill('created'));
    expect(answers.filter(({ headers }) => headers['idempotent-replayed'] === 'true')).toHaveLength(9);
  });

  it('is refused for another request', async () => {
    await put(1, { key: 'a' });
    const other = await put(2, { key: 'a' });
    expect([other.status, codeOf(other)]).toEqual([422, 'key-reused']);
    expect(server.engine.size).toBe(1);
  });

  it('may be used again after a refusal', async () => {
    const conflict = '/v1/test/drop~input~any~any~127.0.0.1_32~any';
    const headers = { 'idempotency-key': 'a' };
    expect((await server.send('PUT', conflict, { headers })).status).toBe(400);
    expect((await put(1, { key: 'a' })).headers['x-status']).toBe('created');
  });

  it('is of one principal, and is stored with the change', async () => {
    await put(1, { key: 'a' });
    expect((await server.engine.history.documents('answer')).size).toBe(1);
  });
});

describe('confirm', () => {
  const waiting = async (): Promise<unknown[]> =>
    (JSON.parse((await server.send('GET', '/v1/confirmations')).text) as { items: unknown[] }).items;

  it('undoes a change that nobody confirms', async () => {
    const answer = await put(1, { query: '?confirm=1s' });
    const confirmation = String(answer.headers['rfw-confirmation']);
    expect(await waiting()).toMatchObject([{ id: confirmation, origin: 'local' }]);
    expect(server.engine.size).toBe(1);
    await expect.poll(() => server.engine.size, { timeout: 3000 }).toBe(0);
    const late = await server.send('POST', `/v1/confirmations/${confirmation}`);
    expect([late.status, codeOf(late)]).toEqual([404, 'not-found']);
  });

  it('lets it stand when it is confirmed over a new connection, and not over the same', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const over = (method: string, path: string): Promise<{ status: number | undefined; confirmation: string }> =>
      new Promise((resolve, reject) => {
        const sent = httpRequest({ host: '127.0.0.1', port: server.port, method, path, agent });
        sent.on('error', reject).on('response', (response) => {
          response.resume().on('end', () =>
            resolve({
              status: response.statusCode,
              confirmation: String(response.headers['rfw-confirmation']),
            }),
          );
        });
        sent.end();
      });
    try {
      const { confirmation } = await over('PUT', `/v1/test/${id(1)}?confirm=1s`);
      expect((await over('POST', `/v1/confirmations/${confirmation}`)).status).toBe(409);
      const confirmed = await server.send('POST', `/v1/confirmations/${confirmation}`);
      expect(confirmed.status).toBe(204);
      expect(await waiting()).toEqual([]);
    } finally {
      agent.destroy();
    }
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect(server.engine.size).toBe(1);
    expect((await audited()).map(({ operation }) => operation)).toEqual(['confirmations.confirm', 'rules.put']);
  });
});
