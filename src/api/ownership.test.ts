import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Scope, scopes } from './access/principal.ts';
import { type OpenServer, openServer, type Question } from './server.fixture.ts';
import { routes } from './v1/routes.ts';

/** All that a token may be given but what makes it an administrator. */
const others = scopes.filter((scope) => scope !== 'admin' && scope !== 'rules:write:any');

const path = '/drop/input/any/203.0.113.1';
const id = 'drop~input~any~any~203.0.113.1_32~any';
const spec = { action: 'drop', chain: 'input', source: '203.0.113.1' };

let server: OpenServer;
let question: (body?: unknown, type?: string) => Question;
beforeEach(async () => {
  server = await openServer({ nonRestful: true });
  await server.send('PUT', `${path}?expire=1h`);
  await server.send('PUT', '/v1/lists/spam?action=drop&chain=input', {
    headers: { 'content-type': 'text/plain' },
    body: '203.0.113.7\n203.0.113.8',
  });
  question = await asking('thief', others);
});
afterEach(() => server.close());

/** How a new token asks. */
async function asking(name: string, given: readonly Scope[]) {
  const { token } = await server.tokens.create({ name, scopes: given }, 'test');
  return (body?: unknown, type = 'application/json'): Question => ({
    headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': type }) },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
}

interface Attempt {
  readonly path: string;
  readonly body?: unknown;
  readonly type?: string;
  /** Status, and the code that says why. */
  readonly answer: string;
}

const batched = [
  { ...spec, ttl: 60 },
  { op: 'delete', ...spec },
];
const lines = `${batched.map((item) => JSON.stringify(item)).join('\n')}\n`;
const ndjson = 'application/x-ndjson';

/**
 * Each route that changes something, and how it may be tried to change what is somebody else's with it. A route that isn't here
 * fails the test.
 */
const attempts: Readonly<Record<string, readonly Attempt[]>> = {
  'POST /v1/rules': [
    { path: '/v1/rules', body: { ...spec, ttl: 60 }, answer: '403 not-owner' },
    { path: '/v1/rules', body: { ...spec, ttl: 'permanent' }, answer: '403 not-owner' },
    { path: '/v1/rules', body: { ...spec, comment: 'mine', ttl: 3600 }, answer: '403 not-owner' },
  ],
  'POST /v1/rules/batch': [
    { path: '/v1/rules/batch', body: { items: batched }, answer: '200 not-owner' },
    { path: '/v1/rules/batch?mode=atomic', body: { items: batched }, answer: '409 not-owner' },
    { path: '/v1/rules/batch', body: lines, type: ndjson, answer: '200 not-owner' },
    { path: '/v1/rules/batch?mode=atomic', body: lines, type: ndjson, answer: '409 not-owner' },
  ],
  'DELETE /v1/rules': [
    { path: '/v1/rules?all=true', answer: '200 not-owner' },
    { path: '/v1/rules?origin=local', answer: '200 not-owner' },
    { path: '/v1/rules?contains=203.0.113.1', answer: '200 not-owner' },
  ],
  'PATCH /v1/rules/{id}': [
    { path: `/v1/rules/${id}`, body: { ttl: 1 }, answer: '403 not-owner' },
    { path: `/v1/rules/${id}`, body: { comment: 'mine' }, answer: '403 not-owner' },
  ],
  'DELETE /v1/rules/{id}': [{ path: `/v1/rules/${id}`, answer: '403 not-owner' }],
  'PUT /ACTION': [
    { path: `${path}?expire=1`, answer: '403 your own' },
    { path, answer: '403 your own' },
  ],
  'DELETE /ACTION': [{ path, answer: '403 your own' }],
  'GET /ACTION?modify': [
    { path: `${path}?modify=insert&expire=1`, answer: '403 your own' },
    { path: `${path}?modify=delete`, answer: '403 your own' },
  ],
  'PUT /v1/lists/{name}': [
    { path: '/v1/lists/spam', body: '203.0.113.7', type: 'text/plain', answer: '403 not-owner' },
    { path: '/v1/lists/spam?action=accept', body: '203.0.113.7', type: 'text/plain', answer: '403 not-owner' },
    { path: '/v1/lists/spam?allowEmpty=true', body: '', type: 'text/plain', answer: '403 not-owner' },
    { path: '/v1/lists/spam', body: '"203.0.113.7"\n', type: ndjson, answer: '403 not-owner' },
    { path: '/v1/lists/spam', body: { entries: ['203.0.113.7'] }, answer: '403 not-owner' },
  ],
  'PATCH /v1/lists/{name}': [
    { path: '/v1/lists/spam', body: { ttl: 1 }, answer: '403 not-owner' },
    { path: '/v1/lists/spam', body: { comment: 'mine' }, answer: '403 not-owner' },
    { path: '/v1/lists/spam', body: { action: 'accept' }, answer: '403 not-owner' },
    { path: '/v1/lists/spam', body: { add: ['203.0.113.9'] }, answer: '403 not-owner' },
    { path: '/v1/lists/spam', body: { remove: ['203.0.113.8'] }, answer: '403 not-owner' },
  ],
  'DELETE /v1/lists/{name}': [{ path: '/v1/lists/spam', answer: '403 not-owner' }],
  'POST /v1/tokens': [{ path: '/v1/tokens', body: { name: 'x', scopes: ['admin'] }, answer: '403 admin' }],
  'DELETE /v1/tokens/{id}': [{ path: '/v1/tokens/0123456789abcdef', answer: '403 admin' }],
  // Below.
  'POST /v1/confirmations/{id}': [],
  // Takes out whatever rules conflict: that is what it is for, and why it is a scope of its own.
  'POST /v1/whitelist': [],
  'DELETE /v1/whitelist': [],
};

/** What tells whether somebody has changed the rule, or the list. */
const standing = async (): Promise<unknown> => [
  server.backend.dump(),
  JSON.parse((await server.send('GET', `/v1/rules/${id}`)).text),
  JSON.parse((await server.send('GET', '/v1/lists/spam')).text),
];

describe('a token that is no administrator, whatever else it may', () => {
  it('has every route that changes something in this test', () => {
    const changing = routes.filter(({ method }) => method !== 'GET').map((route) => `${route.method} ${route.path}`);
    expect(
      Object.keys(attempts)
        .filter((name) => name.includes(' /v1'))
        .sort(),
    ).toEqual(changing.sort());
  });

  it.each(Object.keys(attempts).filter((name) => attempts[name]?.length))(
    'changes no rule and no list of others by %s',
    async (name) => {
      const before = await standing();
      const [method = ''] = name.split(' ');
      for (const { path: to, body, type, answer } of attempts[name] ?? []) {
        const [status, reason = ''] = answer.split(/ (.*)/);
        for (const dryRun of to.startsWith('/v1') ? ['dryRun=true', 'dryRun=false'] : ['']) {
          const url = `${to}${to.includes('?') ? '&' : '?'}${dryRun}`.replace(/[?&]$/, '');
          const told = await server.send(method, url, question(body, type));
          expect([url, told.status, told.text]).toEqual([url, Number(status), expect.stringContaining(reason)]);
        }
        expect(await standing()).toEqual(before);
      }
      expect(server.engine.lastChange).toBe(2);
    },
  );

  it('neither sees a change of others to its end nor keeps it', async () => {
    const { headers } = await server.send('DELETE', `/v1/rules/${id}?confirm=2s`);
    const told = await server.send('POST', `/v1/confirmations/${headers['rfw-confirmation']}`, question());
    expect([told.status, JSON.parse(told.text).code]).toEqual([403, 'forbidden']);
    await expect.poll(() => server.engine.size, { timeout: 4000 }).toBe(1);
  });

  it('has no rule of its own taken over by a put of the same', async () => {
    const told = await server.send(
      'POST',
      '/v1/rules',
      question({ action: 'drop', chain: 'input', source: '203.0.113.2' }),
    );
    expect(JSON.parse(told.text).rule.origin).toBe('token:thief');
    const again = await server.send(
      'POST',
      '/v1/rules',
      (await asking('other', ['rules:write']))({ ...spec, source: '203.0.113.2' }),
    );
    expect([again.status, JSON.parse(again.text)]).toMatchObject([
      200,
      { status: 'exists', rule: { origin: 'token:thief' } },
    ]);
  });

  it('undoes by a confirmation that it leaves out no more than it has done', async () => {
    // Its own rule, which an administrator makes his own by deleting it and putting it anew.
    const mine = { ...spec, source: '203.0.113.2' };
    await server.send('POST', '/v1/rules?confirm=1s', question(mine));
    const other = 'drop~input~any~any~203.0.113.2_32~any';
    await server.send('DELETE', `/v1/rules/${other}`);
    await server.send('PUT', '/drop/input/any/203.0.113.2');
    await expect.poll(() => server.engine.confirmations.waiting.length, { timeout: 4000 }).toBe(0);
    expect(JSON.parse((await server.send('GET', `/v1/rules/${other}`)).text).origin).toBe('local');
  });

  it('may confirm its own changes, and an administrator those of all', async () => {
    const mine = { ...spec, source: '203.0.113.2' };
    const first = await server.send('POST', '/v1/rules?confirm=10m', question(mine));
    const own = await server.send('POST', `/v1/confirmations/${first.headers['rfw-confirmation']}`, question());
    const second = await server.send('POST', '/v1/rules?confirm=10m', question({ ...mine, source: '203.0.113.3' }));
    const foreign = await server.send('POST', `/v1/confirmations/${second.headers['rfw-confirmation']}`);
    expect([own.status, foreign.status]).toEqual([204, 204]);
  });
});

it('a token that may change the rules of all may, by each of these routes', async () => {
  const any = await asking('any', ['rules:write:any']);
  const again = () => server.send('PUT', `${path}?expire=1h`);
  const statuses: number[] = [];
  for (const name of [
    'POST /v1/rules',
    'PATCH /v1/rules/{id}',
    'DELETE /v1/rules/{id}',
    'PUT /ACTION',
    'DELETE /ACTION',
  ]) {
    const [method = ''] = name.split(' ');
    const attempt = attempts[name]?.[0];
    await again();
    statuses.push((await server.send(method, attempt?.path ?? '', any(attempt?.body))).status);
  }
  expect(statuses).toEqual([200, 200, 200, 200, 200]);
});
