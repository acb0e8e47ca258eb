import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseAddress } from '../../domain/address.ts';
import { RfwError } from '../../domain/errors.ts';
import { formatToken, parseToken, type TokenRecord } from './token.ts';
import type { TokenRequest } from './token-request.ts';
import { MemoryTokenStore } from './token-store.ts';
import { Tokens } from './tokens.ts';

const start = Date.parse('2030-01-01T00:00:00Z');
const client = parseAddress('192.0.2.7');
const detector: TokenRequest = { name: 'detector', scopes: ['rules:write'] };

afterEach(() => void vi.useRealTimers());

/** Tokens over a store that says what was done to it, and that fails when told so. */
async function load() {
  const world = { now: start, failing: false, failures: [] as string[], writes: [] as string[] };
  const inner = new MemoryTokenStore();
  const watched = (what: string): void => {
    world.writes.push(what);
    if (world.failing) throw new Error('the disk is full');
  };
  const store = {
    all: () => inner.all(),
    put: async (record: TokenRecord) => {
      watched(`put ${record.name}`);
      await inner.put(record);
    },
    delete: async (id: string) => {
      watched('delete');
      await inner.delete(id);
    },
  };
  const open = (): Promise<Tokens> =>
    Tokens.load(
      store,
      () => world.now,
      (message) => void world.failures.push(message),
    );
  return { world, store, open, tokens: await open() };
}

function codeOf(error: unknown): string {
  return error instanceof RfwError ? `${error.code}: ${error.message}` : String(error);
}

describe('a token', () => {
  it('stands for its principal, with its scopes and limits, after a restart too', async () => {
    const { tokens, open } = await load();
    const limits = { actions: ['drop'], longestTtl: 60, rate: { perSecond: 0.5, burst: 3 } } as const;
    const { token } = await tokens.create({ ...detector, limits }, 'local');
    const principal = { name: 'token:detector', kind: 'token', scopes: new Set(['rules:write']), limits };
    expect(tokens.authenticate(token, client)).toEqual({ principal });
    expect((await open()).authenticate(token, client)).toEqual({ principal });
  });

  it('is kept without its secret, and shown without what is kept of that', async () => {
    const { tokens, store } = await load();
    const { token, record } = await tokens.create(detector, 'alice@192.0.2.1');
    const secret = token.slice(-43);
    expect(JSON.stringify(await store.all())).not.toContain(secret);
    expect(record).toEqual({
      ...{ id: token.slice(4, 20), name: 'detector', scopes: ['rules:write'], limits: {}, clients: [] },
      ...{ createdAt: start, createdBy: 'alice@192.0.2.1', expiresAt: null, lastUsedAt: null },
    });
    expect(tokens.list()).toEqual([record]);
    expect(tokens.get(record.id)).toEqual(record);
    expect(tokens.get('0000000000000000')).toBeUndefined();
  });

  it('is refused when it is wrong in any character, and that counts as a guess', async () => {
    const { tokens } = await load();
    const { token } = await tokens.create(detector, 'local');
    const unknown = { reason: 'This token is not known here, or was taken back', guessed: true };
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom('A', 'b', '0', '_', '-', ' ', 'é'), (at, other) => {
        const changed = token.slice(0, at) + other + token.slice(at + 1);
        if (changed !== token) expect(tokens.authenticate(changed, client)).toEqual(unknown);
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => void expect(tokens.authenticate(text, client)).toEqual(unknown)));
    for (const text of ['', 'rfw_', `${token}A`, token.slice(0, -1), token.toUpperCase()])
      expect(tokens.authenticate(text, client)).toEqual(unknown);
  });

  it('ends on time, which is no guess', async () => {
    const { tokens, world } = await load();
    const { token } = await tokens.create({ ...detector, expiresAt: start + 1000 }, 'local');
    world.now += 999;
    expect(tokens.authenticate(token, client)).toHaveProperty('principal');
    world.now += 1;
    expect(tokens.authenticate(token, client)).toEqual({
      reason: 'This token has expired: ask for a new one',
      guessed: false,
    });
  });

  it('works from its clients only, and where there is no address from none of them', async () => {
    const { tokens } = await load();
    const { token, record } = await tokens.create(
      { ...detector, clients: ['192.0.2.99/28', '2001:db8::/32'] },
      'local',
    );
    expect(record.clients).toEqual(['192.0.2.96/28', '2001:db8::/32']);
    const works = (text: string | undefined): boolean =>
      'principal' in tokens.authenticate(token, text === undefined ? text : parseAddress(text));
    expect(['192.0.2.96', '::ffff:192.0.2.111', '2001:db8::1'].filter(works)).toHaveLength(3);
    expect(['192.0.2.95', '192.0.2.112', '2001:db9::1', undefined].filter(works)).toEqual([]);
  });

  it('has text that reads back', () => {
    const parts = { id: '0123456789abcdef', secret: 'A'.repeat(43) };
    expect(parseToken(formatToken(parts))).toEqual(parts);
  });
});

describe('the names of tokens', () => {
  it('are used once at a time, also by requests that come together', async () => {
    const { tokens } = await load();
    const both = await Promise.allSettled([tokens.create(detector, 'a'), tokens.create(detector, 'b')]);
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(codeOf((both[1] as PromiseRejectedResult).reason)).toMatch(/^token-exists: There is a token detector/);
  });

  it('are free again when a token is taken back, and when its time is up', async () => {
    const { tokens, world, open } = await load();
    const first = await tokens.create({ ...detector, expiresAt: start + 1000 }, 'local');
    world.now += 1000;
    expect(tokens.list()).toHaveLength(1);
    const second = await tokens.create(detector, 'local');
    expect(tokens.list()).toEqual([second.record]);
    await tokens.revoke(second.record.id);
    await tokens.create(detector, 'local');
    expect((await open()).list()).toHaveLength(1);
    expect(tokens.authenticate(first.token, client)).toMatchObject({ guessed: true });
  });
});

describe('a token that is taken back', () => {
  it('is refused at once, and by the next start', async () => {
    const { tokens, open } = await load();
    const { token, record } = await tokens.create(detector, 'local');
    tokens.authenticate(token, client);
    const done = tokens.revoke(record.id);
    expect(tokens.authenticate(token, client)).toMatchObject({ guessed: true });
    expect(await done).toMatchObject({ name: 'detector' });
    expect(await tokens.revoke(record.id)).toBeUndefined();
    await tokens.close();
    expect((await open()).list()).toEqual([]);
  });

  it('stays refused when the disk is full, is listed, and goes when it is tried again', async () => {
    const { tokens, world } = await load();
    const { token, record } = await tokens.create(detector, 'local');
    world.failing = true;
    await expect(tokens.revoke(record.id)).rejects.toThrow('the disk is full');
    expect(tokens.authenticate(token, client)).toMatchObject({ guessed: true });
    expect(tokens.list()).toHaveLength(1);
    world.failing = false;
    await tokens.revoke(record.id);
    expect(tokens.list()).toEqual([]);
  });

  it('was never there when the disk was full as it was made', async () => {
    const { tokens, world } = await load();
    world.failing = true;
    await expect(tokens.create(detector, 'local')).rejects.toThrow('the disk is full');
    expect(tokens.list()).toEqual([]);
  });
});

describe('when a token was used', () => {
  it('is told at once, and written once a minute and at the end', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { tokens, world, open } = await load();
    const { token, record } = await tokens.create(detector, 'local');
    world.now += 5000;
    for (let times = 0; times < 10; times++) tokens.authenticate(token, client);
    expect(tokens.get(record.id)?.lastUsedAt).toBe(start + 5000);
    expect(world.writes).toEqual(['put detector']);
    await vi.advanceTimersByTimeAsync(60_000);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(world.writes).toEqual(['put detector', 'put detector']);
    world.now += 7000;
    tokens.authenticate(token, client);
    await tokens.close();
    expect((await open()).get(record.id)?.lastUsedAt).toBe(start + 12_000);
  });

  it('is written later when it can’t be now, and fails nobody', async () => {
    const { tokens, world, open } = await load();
    const { token, record } = await tokens.create(detector, 'local');
    tokens.authenticate(token, client);
    world.failing = true;
    await tokens.close();
    expect(world.failures).toEqual(['Could not write when a token was used: the disk is full']);
    world.failing = false;
    await tokens.close();
    expect((await open()).get(record.id)?.lastUsedAt).toBe(start);
  });
});

describe('a request for a token', () => {
  const refusal = async (more: object): Promise<string> => {
    const { tokens } = await load();
    return tokens.create({ ...detector, ...more } as TokenRequest, 'local').then(() => 'made', codeOf);
  };

  it.each([
    [{ name: '' }, 'The name "" must be'],
    [{ name: '-x' }, 'must be 1 to 63 letters'],
    [{ name: 'x'.repeat(64) }, 'must be 1 to 63 letters'],
    [{ name: 'a b' }, 'must be 1 to 63 letters'],
    [{ name: 'a\n' }, 'must be 1 to 63 letters'],
    [{ scopes: [] }, 'A token needs some scopes of rules:read'],
    [{ scopes: ['root'] }, '"root" is none of the scopes'],
    [{ clients: ['nowhere'] }, 'clients must be addresses and prefixes. Incorrect IP address'],
    [{ clients: ['1.2.3.4/33'] }, 'clients must be addresses and prefixes.'],
    [{ clients: Array(101).fill('1.2.3.4') }, 'at most 100 clients'],
    [{ expiresAt: start }, 'expiresAt must be an instant that is still to come'],
    [{ expiresAt: 1e18 }, 'expiresAt must be'],
    [{ expiresAt: start + 0.5 }, 'expiresAt must be'],
    [{ limits: { actions: [] } }, 'A token needs some actions of drop, accept, reject'],
    [{ limits: { actions: ['log'] } }, '"log" is none of the actions'],
    [{ limits: { chains: ['nat'] } }, '"nat" is none of the chains'],
    [{ limits: { longestTtl: 0 } }, 'longestTtl must be'],
    [{ limits: { longestTtl: 1.5 } }, 'longestTtl must be'],
    [{ limits: { shortestPrefix: { 4: 24 } } }, 'must name both families'],
    [{ limits: { shortestPrefix: { 4: 33, 6: 48 } } }, 'from 0 to 32'],
    [{ limits: { shortestPrefix: { 4: 24, 6: -1 } } }, 'from 0 to 128'],
    [{ limits: { rate: { perSecond: 0, burst: 1 } } }, 'perSecond must be'],
    [{ limits: { rate: { perSecond: Number.NaN, burst: 1 } } }, 'perSecond must be'],
    [{ limits: { rate: { perSecond: 1, burst: 0 } } }, 'burst must be'],
    [{ limits: { speed: 1 } }, 'There is no limit "speed"'],
  ])('is refused with %o', async (more, message) => {
    const answer = await refusal(more);
    expect(answer).toMatch(/^token-invalid: /);
    expect(answer).toContain(message);
  });

  it('is brought into one form', async () => {
    const { tokens } = await load();
    const limits = { chains: ['forward', 'input', 'input'], shortestPrefix: { 4: 0, 6: 48 } } as const;
    const { record } = await tokens.create(
      { name: 'x', scopes: ['admin', 'rules:read', 'admin'], clients: ['2001:DB8::1'], limits },
      'local',
    );
    expect(record).toMatchObject({ scopes: ['rules:read', 'admin'], clients: ['2001:db8::1/128'] });
    expect(record.limits).toEqual({ chains: ['input', 'forward'], shortestPrefix: { 4: 0, 6: 48 } });
  });
});
