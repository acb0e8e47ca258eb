import { performance } from 'node:perf_hooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Answer,
  alice,
  basic,
  type Certificate,
  makeCertificate,
  type OpenServer,
  openServer,
  type Question,
} from '../server.fixture.ts';
import { parseBearer } from './authentication.ts';
import { type Limits, scopes } from './principal.ts';

const rule = '/drop/input/any/203.0.113.1';

let certificate: Certificate;
let outward: OpenServer;
let local: OpenServer;
beforeAll(async () => {
  certificate = await makeCertificate();
  [outward, local] = await Promise.all([
    openServer({ nonRestful: true }, certificate),
    openServer({ nonRestful: true }),
  ]);
});
afterAll(() => Promise.all([outward.close(), local.close()]));
beforeEach(() => {
  for (const { refusals, settings } of [outward, local]) {
    refusals.length = 0;
    settings.whitelist = '127.0.0.0/8';
    settings.logins = { failures: undefined, period: 600_000, firstDelay: 0, longestDelay: 0 };
  }
});

const text = ({ status, text: body }: Answer): string => `${status} ${body.trimEnd()}`;

function bearing(token: string): Question {
  return { headers: { authorization: `Bearer ${token}` } };
}

let number = 0;

/** Makes a token with its own name, and says how to send it. */
async function issue(server: OpenServer, given: readonly string[], limits: Limits = {}, more: object = {}) {
  const name = `t${++number}`;
  const { token, record } = await server.tokens.create({ name, scopes: given, limits, ...more }, 'local');
  return { name, token, id: record.id, question: bearing(token) };
}

describe('the header of a token', () => {
  it.each([
    ['Bearer abc', 'abc'],
    ['bearer  abc ', 'abc'],
    ['Bearer', ''],
    ['Bearer ', ''],
    ['Bearer a b', 'a b'],
    ['Basic abc', undefined],
    ['Bearerabc', undefined],
    [undefined, undefined],
  ])('%j has %j', (header, token) => {
    expect(parseBearer(header)).toBe(token);
  });
});

describe.each([
  ['outward', () => outward],
  ['local', () => local],
] as const)('a token at the %s server', (_, at) => {
  it('gives each rule its origin', async () => {
    const { name, question } = await issue(at(), ['rules:write', 'rules:read']);
    expect(text(await at().send('PUT', rule, question))).toContain(`"origin":"token:${name}"`);
    expect(text(await at().send('GET', '/list', question))).toContain(rule.slice(-11));
    expect(text(await at().send('DELETE', rule, question))).toContain('"status":"deleted"');
  });

  it.each(scopes)('with nothing but %s does on the routes of 2014 what that says, and no more', async (scope) => {
    const { question } = await issue(at(), [scope]);
    const status = async (method: string, path: string): Promise<number> =>
      (await at().send(method, path, question)).status;
    const reads = ['rules:read', 'admin'].includes(scope) ? 200 : 403;
    const writes = ['rules:write', 'rules:write:any', 'admin'].includes(scope) ? 200 : 403;
    expect([await status('GET', '/list'), await status('GET', '/list/input'), await status('HEAD', '/list')]).toEqual([
      reads,
      reads,
      reads,
    ]);
    expect([await status('PUT', rule), await status('DELETE', rule)]).toEqual([writes, writes]);
    expect(await status('GET', `${rule}?modify=insert`)).toBe(writes);
    expect(await status('GET', `${rule}?modify=delete`)).toBe(writes);
    expect(await status('GET', '/')).toBe(200);
    expect(at().backend.dump()).toBe('');
  });

  it('is told so when another one might do', async () => {
    const { question } = await issue(at(), ['rules:read'], { actions: ['drop'] });
    const { status, headers } = await at().send('PUT', rule, question);
    expect([status, headers['www-authenticate']]).toEqual([403, 'Bearer realm="private", error="insufficient_scope"']);
  });

  it('keeps within its limits, also when it deletes', async () => {
    const limits = { actions: ['drop'], longestTtl: 600 } as const;
    const { question, name } = await issue(at(), ['rules:write'], limits);
    const put = async (path: string): Promise<string> => text(await at().send('PUT', path, question));
    const refused = `403 ERROR: token:${name} may not ask for`;
    expect(await put('/accept/input/any/203.0.113.1?expire=10m')).toBe(`${refused} the action accept. Allowed: drop`);
    expect(await put(`${rule}?expire=11m`)).toBe(`${refused} 660 seconds. Allowed: at most 600 seconds`);
    expect(await put(`${rule}?expire=0`)).toBe(`${refused} a permanent rule. Allowed: at most 600 seconds`);
    expect(await put(`${rule}?expire=10m`)).toMatch(/^200 /);
    // default.expire is 0 here, which the token may not ask for.
    expect(await put(rule)).toMatch(/^200 .*"expiresAt":"2/);
    expect((await at().send('DELETE', '/accept/input/any/203.0.113.1', question)).status).toBe(403);
    expect((await at().send('DELETE', rule, question)).status).toBe(200);
  });

  it('changes only rules of its own, unless it may change any', async () => {
    const [mine, other, any] = [
      await issue(at(), ['rules:write']),
      await issue(at(), ['rules:write']),
      await issue(at(), ['rules:write:any']),
    ];
    await at().send('PUT', `${rule}?expire=10m`, mine.question);
    const foreign = `403 ERROR: The rule is of token:${mine.name}: you may only change your own`;
    expect(text(await at().send('DELETE', rule, other.question))).toBe(foreign);
    expect(text(await at().send('PUT', `${rule}?expire=20m`, other.question))).toBe(foreign);
    expect(text(await at().send('DELETE', rule, any.question))).toContain('"status":"deleted"');
  });

  it('is refused with the challenges of RFC 6750 when it is unknown, expired, taken back or from elsewhere', async () => {
    const soon = await issue(at(), ['admin'], {}, { expiresAt: Date.now() + 30 });
    const gone = await issue(at(), ['admin']);
    await at().tokens.revoke(gone.id);
    const elsewhere = await issue(at(), ['admin'], {}, { clients: ['192.0.2.0/24'] });
    await new Promise((resolve) => setTimeout(resolve, 40));
    const unknown = 'This token is not known here, or was taken back';
    for (const [token, reason] of [
      [`rfw_0123456789abcdef_${'A'.repeat(43)}`, unknown],
      [gone.token, unknown],
      ['', unknown],
      [soon.token, 'This token has expired: ask for a new one'],
      [elsewhere.token, 'This token may not be used from your address'],
    ] as const) {
      const answer = await at().send('PUT', rule, bearing(token));
      expect(text(answer)).toBe(`401 ERROR: ${reason}`);
      expect(answer.headers['www-authenticate']).toBe(
        `Basic realm="private", Bearer realm="private", error="invalid_token", error_description="${reason}"`,
      );
      expect(at().refusals.at(-1)).toBe(`127.0.0.1 ${reason}`);
    }
    expect(at().backend.dump()).toBe('');
  });

  it('is held to its rate, and told when to come again', async () => {
    const { question, name } = await issue(at(), ['rules:read'], { rate: { perSecond: 0.25, burst: 2 } });
    const statuses: number[] = [];
    for (let times = 0; times < 2; times++) statuses.push((await at().send('GET', '/list', question)).status);
    expect(statuses).toEqual([200, 200]);
    const answer = await at().send('GET', '/list', question);
    expect(text(answer)).toBe(`429 ERROR: token:${name} asks more often than its rate allows: try again in 4 seconds`);
    expect(answer.headers['retry-after']).toBe('4');
    expect((await at().send('GET', '/list', (await issue(at(), ['rules:read'])).question)).status).toBe(200);
  });
});

describe('a token', () => {
  it('does not stand in for a whitelisted address', async () => {
    const { question } = await issue(outward, ['admin']);
    outward.settings.whitelist = '192.0.2.1';
    expect((await outward.send('GET', '/list', question)).status).toBe(403);
  });

  it('does not let a page in a browser pass for a program', async () => {
    const { token } = await issue(local, ['admin']);
    const headers = { authorization: `Bearer ${token}`, origin: 'http://evil.example' };
    expect((await local.send('PUT', rule, { headers })).status).toBe(403);
  });

  it('is as good as the password where the local server asks for one', async () => {
    local.settings.credentials = alice;
    const { question } = await issue(local, ['rules:read']);
    expect((await local.send('GET', '/list')).status).toBe(401);
    expect((await local.send('GET', '/list', question)).status).toBe(200);
    local.settings.credentials = undefined;
  });
});

describe('where the local server asks for no password', () => {
  it('one that is sent all the same, as clients of 2014 may, means nothing', async () => {
    const headers = { authorization: basic({ username: 'who', password: 'ever' }) };
    expect(text(await local.send('PUT', rule, { headers }))).toContain('"origin":"local"');
    await local.send('DELETE', rule);
    expect(local.refusals).toEqual([]);
  });
});

describe('failed logins', () => {
  let server: OpenServer;
  beforeEach(async () => {
    server = await openServer({}, certificate);
  });
  afterEach(() => server.close());

  const wrong = { headers: { authorization: basic({ username: 'alice', password: 'guess' }) } };
  const slow = { failures: 3, period: 600_000, firstDelay: 60, longestDelay: 120 };

  it('are answered later, by password and by token, and those that succeed are not', async () => {
    server.settings.logins = slow;
    const took = async (question: Question): Promise<number> => {
      const began = performance.now();
      await server.send('GET', '/list', question);
      return performance.now() - began;
    };
    expect(await took(wrong)).toBeGreaterThan(55);
    expect(await took(bearing('rfw_guess'))).toBeGreaterThan(115);
    expect(await took({ headers: { authorization: basic(alice) } })).toBeLessThan(1000);
    expect(server.tooMany).toEqual([]);
    await took(wrong);
    expect(server.tooMany).toEqual(['127.0.0.1']);
  });

  it('under way of one address are at most four, and then it isn’t heard', async () => {
    server.settings.logins = { ...slow, failures: undefined, firstDelay: 2000, longestDelay: 2000 };
    const guesses = Array.from({ length: 8 }, () => server.send('GET', '/list', wrong));
    const answers = await Promise.all(guesses);
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses.filter((status) => status === 401)).toHaveLength(4);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused && text(refused)).toBe(
      '429 ERROR: Too many logins from your address have failed: try again in 2 seconds',
    );
    expect(refused?.headers['retry-after']).toBe('2');
  });

  it('of strangers count where no kernel keeps them away', async () => {
    server.settings.whitelist = '192.0.2.1';
    server.settings.logins = { ...slow, failures: 1 };
    await server.send('GET', '/list');
    expect(server.tooMany).toEqual([]);
    expect((await server.send('GET', '/list', wrong)).status).toBe(403);
    expect(server.tooMany).toEqual(['127.0.0.1']);
  });
});
