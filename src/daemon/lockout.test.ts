import { describe, expect, it } from 'vitest';
import { MemoryBackend } from '../backends/memory.ts';
import { parseAddress, parsePrefix } from '../domain/address.ts';
import { anyInterface } from '../domain/interface.ts';
import type { Rule } from '../domain/rule.ts';
import { parseWhitelist } from '../domain/whitelist.ts';
import { systemClock } from '../engine/clock.ts';
import { Engine } from '../engine/engine.ts';
import { MemoryStore } from '../engine/store/memory.ts';
import { makeLog } from './folder.fixture.ts';
import { lockOut } from './lockout.ts';

/** Locks an address out of an engine with this whitelist. @returns the rules that stand then, and the log */
async function lock(address: string, before: (engine: Engine) => Promise<unknown> = async () => {}) {
  const backend = new MemoryBackend();
  const protection = { whitelist: parseWhitelist('192.0.2.0/24', 'white.list'), guard: null };
  const engine = await Engine.start({
    backend,
    store: new MemoryStore(),
    clock: systemClock,
    protection,
    onEvent: () => {},
  });
  await before(engine);
  const { log, lines } = makeLog();
  await lockOut((command) => engine.submit(command), parseAddress(address), 3600, log);
  const rules = [];
  for await (const page of engine.reader.list()) rules.push(...page);
  return { engine, dump: backend.dump(), rules, log: lines() };
}

describe('whoever has failed to log in too often', () => {
  it.each(['203.0.113.9', '2001:db8::9'])('is blocked for a while: %s', async (address) => {
    const { dump, rules, log } = await lock(address);
    expect(dump).toMatch(new RegExp(`^drop input any any ${address}/(32|128) any$`));
    expect(rules).toMatchObject([{ spec: { origin: 'rfw:logins' } }]);
    const rule = rules[0]?.spec as Rule | undefined;
    expect((rule?.expiresAt ?? 0) - (rule?.createdAt ?? 0)).toBe(3_600_000);
    expect(log).toEqual(['warn: Too many failed logins: blocked for 3600 seconds']);
  });

  it.each(['192.0.2.7', 'fe80::1'])('is not when it is whitelisted, or IPv6 needs it: %s', async (address) => {
    const { dump, log } = await lock(address);
    expect(dump).toBe('');
    expect(log).toEqual(['warn: Too many failed logins from a protected address: slowed down, not blocked']);
  });

  it.each(['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1'])(
    'is not on loopback, whatever the whitelist says: %s',
    async (address) => {
      const { dump, log } = await lock(address);
      expect(dump).toBe('');
      expect(log).toEqual(['warn: Too many failed logins on this host: slowed down, not blocked']);
    },
  );

  it('stays blocked for as long as somebody else wants it', async () => {
    const sides = { source: parsePrefix('203.0.113.9'), destination: 'any' } as const;
    const spec = { action: 'drop', chain: 'input', in: anyInterface, out: anyInterface, ...sides } as const;
    const { rules, log } = await lock('203.0.113.9', (engine) =>
      engine.submit({ kind: 'put', spec, expire: 0, origin: 'local' }),
    );
    expect(rules).toMatchObject([{ spec: { origin: 'local', expiresAt: null } }]);
    expect(log).toEqual(['warn: Too many failed logins: there is a rule that blocks the address']);
  });

  it('is told in the log when that fails', async () => {
    const { log } = await lock('203.0.113.9', (engine) => engine.stop());
    expect(log[0]).toMatch(/^error: Too many failed logins, and the address could not be blocked: /);
  });
});
