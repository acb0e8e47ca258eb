import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RfwError } from '../../domain/errors.ts';
import type { PutCommand } from '../../engine/decide.ts';
import { spec } from '../../engine/rules.fixture.ts';
import { type Answer, type OpenServer, openServer } from '../server.fixture.ts';

let server: OpenServer;
beforeEach(async () => {
  server = await openServer();
});
afterEach(() => server.close());

function put(text: string, origin = 'test', comment = ''): PutCommand {
  return { kind: 'put', spec: spec(text), expire: 0, origin, comment };
}

async function fill(count: number, origin = 'test'): Promise<void> {
  const commands = Array.from({ length: count }, (_, index) => put(`10.0.${index >> 8}.${index & 255}`, origin));
  await server.engine.write({ commands, atomic: true });
}

async function remove(query: string, bearer?: string, headers: Record<string, string> = {}) {
  const all = { ...headers, ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }) };
  const answer = await server.send('DELETE', `/v1/rules${query}`, { headers: all });
  return { status: answer.status, body: JSON.parse(answer.text), headers: answer.headers };
}

const codeOf = ({ text }: Answer): string => JSON.parse(text).code;

describe('DELETE /v1/rules', () => {
  it('deletes what the filter means, and nothing else', async () => {
    await server.engine.write({
      atomic: false,
      commands: [
        put('10.0.0.1', 'token:a'),
        put('10.0.0.0/24', 'token:b', 'scan'),
        put('accept input any any 10.0.0.1 any', 'token:a', 'scan'),
        put('drop forward any any 10.0.0.1 10.9.0.0/16', 'token:b'),
      ],
    });
    expect((await remove('?contains=10.0.0.1&origin=token:b&chain=input')).body).toEqual({ deleted: 1, refused: {} });
    expect((await remove('?q=scan')).body).toEqual({ deleted: 1, refused: {} });
    expect((await remove('?within=10.9.0.0/16')).body).toEqual({ deleted: 1, refused: {} });
    expect((await remove('?action=reject')).body).toEqual({ deleted: 0, refused: {} });
    expect(server.backend.dump()).toBe('drop input any any 10.0.0.1/32 any');
  });

  it.each([
    '',
    '?all=false',
    '?all=true&chain=input',
    '?sort=oldest&all=true',
    '?limit=5&all=true',
    '?cursor=x&all=true',
  ])('refuses %j, which may be a mistake', async (query) => {
    await fill(3);
    const answer = await server.send('DELETE', `/v1/rules${query}`);
    expect([answer.status, codeOf(answer), server.engine.size]).toEqual([400, 'request-invalid', 3]);
  });

  it('deletes all rules when that is said, some at a time, and says so in the audit log', async () => {
    await fill(1100);
    const batches: number[] = [];
    const { apply } = server.backend;
    server.backend.apply = (change) => {
      batches.push(change.remove.length);
      return apply.call(server.backend, change);
    };
    expect((await remove('?all=true')).body).toEqual({ deleted: 1100, refused: {} });
    expect([server.engine.size, batches]).toEqual([0, [500, 500, 100]]);
    expect(await server.engine.history.audit({ limit: 5 })).toMatchObject([
      { operation: 'rules.delete-many', target: 'all', before: null, after: { deleted: 1100 }, result: 'done' },
    ]);
  });

  it('leaves what is put meanwhile', async () => {
    await fill(600);
    const { apply } = server.backend;
    let late: Promise<unknown> | undefined;
    server.backend.apply = (change) => {
      late ??= server.engine.submit(put('203.0.113.7'));
      return apply.call(server.backend, change);
    };
    expect((await remove('?all=true')).body.deleted).toBe(600);
    await late;
    expect(server.backend.dump()).toBe('drop input any any 203.0.113.7/32 any');
  });

  it('only says what would go with dryRun', async () => {
    await fill(700);
    const answer = await remove('?all=true&dryRun=true');
    expect([answer.body, answer.headers['rfw-dry-run']]).toEqual([{ deleted: 700, refused: {} }, 'true']);
    expect([server.engine.size, await server.engine.history.audit({ limit: 5 })]).toEqual([700, []]);
  });

  it('leaves the rules of others, and what is beyond the limits, and counts them', async () => {
    await server.engine.write({
      atomic: false,
      commands: [
        put('10.0.0.1', 'token:mine'),
        put('10.0.0.2', 'token:mine'),
        put('10.0.0.3', 'token:other'),
        put('accept input any any 10.0.0.4 any', 'token:mine'),
      ],
    });
    const mine = await server.tokens.create(
      { name: 'mine', scopes: ['rules:write'], limits: { actions: ['drop'] } },
      'test',
    );
    const expected = { deleted: 2, refused: { 'beyond-limits': 1, 'not-owner': 1 } };
    expect((await remove('?all=true&dryRun=true', mine.token)).body).toEqual(expected);
    expect((await remove('?all=true', mine.token)).body).toEqual(expected);
    expect(server.engine.size).toBe(2);
    const reader = await server.tokens.create({ name: 'reader', scopes: ['rules:read'] }, 'test');
    expect((await remove('?all=true', reader.token)).status).toBe(403);
  });

  it('brings all back when nobody confirms', async () => {
    await fill(600);
    const dump = server.backend.dump();
    const answer = await remove('?within=10.0.0.0/16&confirm=1s');
    expect([answer.body.deleted, server.engine.size]).toEqual([600, 0]);
    expect(answer.headers['rfw-confirmation']).toMatch(/^[\w-]{16}$/);
    await expect.poll(() => server.engine.size, { timeout: 3000 }).toBe(600);
    expect(server.backend.dump()).toBe(dump);
  });

  it('has more to undo than there can be', async () => {
    await fill(10_001);
    const answer = await server.send('DELETE', '/v1/rules?all=true&confirm=10s');
    expect([answer.status, codeOf(answer), server.engine.size]).toEqual([400, 'request-invalid', 10_001]);
  });

  it('is done once for a key', async () => {
    await fill(5);
    const first = await remove('?all=true', undefined, { 'idempotency-key': 'k' });
    await fill(3);
    const second = await remove('?all=true', undefined, { 'idempotency-key': 'k' });
    expect([first.body, second.body, server.engine.size]).toEqual([{ deleted: 5, refused: {} }, first.body, 3]);
  });

  it('says in the audit log how far it came when the kernel refuses to go on', async () => {
    await fill(510);
    const { apply } = server.backend;
    let calls = 0;
    server.backend.apply = async (change) => {
      if (++calls > 1) throw new RfwError('kernel-unavailable', 'the kernel is deaf');
      return apply.call(server.backend, change);
    };
    const answer = await server.send('DELETE', '/v1/rules?all=true');
    expect([answer.status, codeOf(answer), server.engine.size]).toEqual([503, 'kernel-unavailable', 10]);
    const log = await server.engine.history.audit({ limit: 5 });
    expect(log.map(({ after, result }) => [after, result])).toEqual([
      [null, 'kernel-unavailable'],
      [{ deleted: 500, 'kernel-unavailable': 10 }, 'done'],
    ]);
  });
});
