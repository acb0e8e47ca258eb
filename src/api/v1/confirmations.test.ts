import { Agent } from 'node:https';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RfwError } from '../../domain/errors.ts';
import { alice, basic, makeCertificate, type OpenServer, openServer, type Question } from '../server.fixture.ts';
import { ask, json } from './client.fixture.ts';

let server: OpenServer;
beforeEach(async () => {
  server = await openServer();
});
afterEach(() => server.close());

const rule = (source: string): Question => json(JSON.stringify({ action: 'drop', chain: 'input', source }));
/** Puts a rule, and gives the id to confirm it with. */
const put = async (source: string, confirm: string): Promise<string> => {
  const { headers } = await server.send('POST', `/v1/rules?confirm=${confirm}`, rule(source));
  return String(headers['rfw-confirmation']);
};
const audited = async (): Promise<unknown[]> =>
  (await server.engine.history.audit({ limit: 100 })).map(
    ({ principal, door, operation, target, result }) => `${principal} ${door} ${operation} ${target} ${result}`,
  );
const id = (host: string): string => `drop~input~any~any~${host}_32~any`;

describe('changes that wait to be confirmed', () => {
  it('are listed, the earliest deadline first, with who made them', async () => {
    const [late, soon] = [await put('203.0.113.1', '1h'), await put('203.0.113.2', '10m')];
    const { items } = JSON.parse((await server.send('GET', '/v1/confirmations')).text);
    expect(items).toEqual([
      { id: soon, deadline: expect.any(String), origin: 'local' },
      { id: late, deadline: expect.any(String), origin: 'local' },
    ]);
    expect(Math.abs(Date.parse(items[0].deadline) - Date.now() - 600_000)).toBeLessThan(10_000);
  });

  it('stand for good when they are confirmed, which is in the audit log', async () => {
    const confirmation = await put('203.0.113.1', '10m');
    expect(await ask(server, 'POST', `/v1/confirmations/${confirmation}`)).toBe('204 ');
    expect(await ask(server, 'POST', `/v1/confirmations/${confirmation}`)).toBe(
      '404 not-found: No change waits for this confirmation: it was confirmed, or undone already',
    );
    expect(await audited()).toEqual([
      `local local confirmations.confirm ${confirmation} confirmed`,
      `local local rules.put ${id('203.0.113.1')} created`,
    ]);
  });

  it('are undone when nobody does, which is in the audit log too', async () => {
    const confirmation = await put('203.0.113.1', '1s');
    await expect.poll(() => server.engine.size, { timeout: 4000 }).toBe(0);
    await expect
      .poll(audited)
      .toEqual([
        `rfw engine confirmations.undo ${confirmation} undone`,
        `local local rules.put ${id('203.0.113.1')} created`,
      ]);
  });

  it('go on waiting when the disk does not take the confirmation', async () => {
    const confirmation = await put('203.0.113.1', '10m');
    const { confirmations } = server.engine;
    const confirm = confirmations.confirm.bind(confirmations);
    confirmations.confirm = async () => {
      throw new RfwError('store-failed', 'disk full');
    };
    expect(await ask(server, 'POST', `/v1/confirmations/${confirmation}`)).toBe('503 store-failed: disk full');
    confirmations.confirm = confirm;
    expect(await ask(server, 'POST', `/v1/confirmations/${confirmation}`)).toBe('204 ');
  });

  it('are none where nothing was changed, refused, or only thought of', async () => {
    await ask(server, 'POST', '/v1/rules', rule('203.0.113.1'));
    const headersOf = async (path: string, source: string): Promise<unknown> =>
      (await server.send('POST', path, rule(source))).headers['rfw-confirmation'];
    expect([
      await headersOf('/v1/rules?confirm=10m', '203.0.113.1'),
      await headersOf('/v1/rules?confirm=10m', '127.0.0.1'),
      await headersOf('/v1/rules?confirm=10m&dryRun=true', '203.0.113.2'),
      await headersOf('/v1/rules', '203.0.113.2'),
    ]).toEqual([undefined, undefined, undefined, undefined]);
    expect(server.engine.confirmations.waiting).toEqual([]);
  });

  it('are undone in groups as they were made, rules that were deleted in their places', async () => {
    for (const source of ['203.0.113.1', '203.0.113.0/24', '203.0.113.2']) {
      await ask(server, 'POST', '/v1/rules', rule(source));
    }
    const before = server.backend.dump();
    expect(await ask(server, 'DELETE', '/v1/rules?all=true&confirm=1s')).toMatch(/^200 {"deleted":3/);
    await expect.poll(() => server.backend.dump(), { timeout: 4000 }).toBe(before);
  });

  it.each(['0s', '0', '1.5s', '25h', '86401', 'soon', '-1s', ''])('do not wait for %j', async (time) => {
    expect(await ask(server, 'POST', `/v1/rules?confirm=${time}`, rule('203.0.113.1'))).toMatch(/^400 request-invalid/);
    expect(server.engine.size).toBe(0);
  });

  it('have ids, which these are none', async () => {
    for (const wrong of ['x', '0123456789abcdef0', '0123456789abcde%2f']) {
      expect(await ask(server, 'POST', `/v1/confirmations/${wrong}`)).toMatch(/^400 request-invalid/);
    }
  });
});

it('a change is confirmed over another TLS connection than its own, not over the same', async () => {
  const outward = await openServer({}, await makeCertificate());
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const headers = { authorization: basic(alice) };
  const question = { ...rule('203.0.113.1'), tls: { agent } as object };
  const made = await outward.send('POST', '/v1/rules?confirm=10m', {
    ...question,
    headers: { ...question.headers, ...headers },
  });
  const path = `/v1/confirmations/${made.headers['rfw-confirmation']}`;
  expect(await ask(outward, 'POST', path, { headers, tls: { agent } as object })).toMatch(/^409 same-connection: /);
  expect(await ask(outward, 'POST', path, { headers })).toBe('204 ');
  agent.destroy();
  await outward.close();
});
