import { describe, expect, it } from 'vitest';
import { parsePrefix } from '../domain/address.ts';
import type { PortGuard } from '../domain/guard.ts';
import { advance, answer, Host, onFakeTime, protection, settle } from './engine.fixture.ts';
import { diesAfter, diesBefore, isDown, isFull } from './faults.fixture.ts';
import { LiteralBackend } from './literal.fixture.ts';
import { dumped } from './rules.fixture.ts';

onFakeTime();

const guard: PortGuard = { port: 7393, allowed: [parsePrefix('192.0.2.1')] };
const former = protection(['192.0.2.1'], guard);
const next = protection(['192.0.2.1', '10.0.0.2'], { ...guard, port: 7394 });

const formerGuard = 'guard 7393 192.0.2.1/32';
const nextGuard = 'guard 7394 192.0.2.1/32';

async function protectedHost(): Promise<Host> {
  const host = new Host(new LiteralBackend(['ssh']));
  await host.start(former);
  await Promise.all([host.put('10.0.0.1'), host.put('10.0.0.2'), host.put('10.0.0.3', 60)]);
  host.events.length = 0;
  return host;
}

const before = [formerGuard, dumped('10.0.0.3', '10.0.0.2', '10.0.0.1'), 'ssh'].join('\n');
const after = [nextGuard, dumped('10.0.0.3', '10.0.0.1'), 'ssh'].join('\n');

const displaced = (host: Host): Promise<string> =>
  host.engine.protect(next).then(
    (rules) => rules.map((rule) => rule.seq).join(' '),
    (error: { code: string }) => error.code,
  );

describe('a new protection', () => {
  it('removes the rules that conflict with it and names them, and puts its guard in place of the former one', async () => {
    const host = await protectedHost();
    expect(await displaced(host)).toBe('2');
    expect(host.backend.dump()).toBe(after);
    expect(host.events).toMatchObject([{ kind: 'displaced', rule: { seq: 2 } }]);
    expect((await host.stored()).map((rule) => rule.seq)).toEqual([3, 1]);
    expect((await host.disk.load()).guard).toEqual(next.guard);
    expect(await host.put('10.0.0.2')).toBe('whitelist-conflict');
  });

  it('has the guard above every rule that comes later', async () => {
    const host = await protectedHost();
    await host.engine.protect(next);
    await host.put('10.0.0.9');
    expect(host.backend.dump().split('\n').slice(0, 2)).toEqual([nextGuard, dumped('10.0.0.9')]);
  });

  it('takes out the guard when there is none any more', async () => {
    const host = await protectedHost();
    await host.engine.protect(protection(['192.0.2.1']));
    expect(host.backend.dump()).not.toContain('guard');
  });

  it('comes after what was submitted before it and before what was submitted after', async () => {
    const host = await protectedHost();
    const answers = [host.put('10.0.0.4'), host.delete('10.0.0.2'), displaced(host), host.put('10.0.0.2')];
    expect(await Promise.all(answers)).toEqual(['created', 'deleted', '', 'whitelist-conflict']);
  });

  it('does not hold up expiry', async () => {
    const host = await protectedHost();
    await host.engine.protect(next);
    await advance(60_000);
    expect(host.backend.dump()).toBe([nextGuard, dumped('10.0.0.1'), 'ssh'].join('\n'));
  });
});

describe('a new protection that fails', () => {
  it.each([
    ['the kernel refuses it', (host: Host) => host.backend.replaces.push(isDown), 'kernel-unavailable'],
    ['it can not be noted', (host: Host) => host.store.intends.push(isFull), 'store-failed'],
    ['it can not be stored', (host: Host) => host.store.appends.push(isFull), 'store-failed'],
  ])('because %s, leaves the former one', async (_, fault, code) => {
    const host = await protectedHost();
    fault(host);
    expect(await displaced(host)).toBe(code);
    expect(host.backend.dump()).toBe(before);
    expect([host.engine.size, host.engine.degraded, host.happened]).toEqual([3, undefined, []]);
    expect(await host.put('10.0.0.2')).toBe('exists');
    expect((await host.disk.load()).guard).toEqual(guard);
  });

  it('leaves no guard of its own when the daemon dies then', async () => {
    const host = await protectedHost();
    host.store.appends.push(isFull);
    host.backend.replaces.push((call) => call(), isDown);
    await displaced(host);
    expect(host.backend.dump()).toBe(after);
    await host.crash();
    await host.start(former);
    expect(host.backend.dump()).toBe(before);
  });
});

describe('a daemon that dies while it takes a new protection', () => {
  it.each([
    ['before the kernel has it', (host: Host) => host.backend.replaces.push(diesBefore)],
    ['before it is noted', (host: Host) => host.store.intends.push(diesBefore)],
    ['when the kernel has it', (host: Host) => host.backend.replaces.push(diesAfter)],
    ['when it is stored', (host: Host) => host.store.appends.push(diesAfter)],
  ])('%s, starts with that one or another, and no guard is left over', async (_, fault) => {
    for (const [started, guardThen] of [
      [former, formerGuard],
      [next, nextGuard],
    ] as const) {
      const host = await protectedHost();
      fault(host);
      displaced(host);
      await host.crash();
      await host.start(started);
      const lines = host.backend.dump().split('\n');
      expect(lines.filter((line) => line.startsWith('guard'))).toEqual([guardThen]);
      expect(lines[0]).toBe(guardThen);
      expect(lines.at(-1)).toBe('ssh');
    }
  });
});

describe('a start', () => {
  it('removes what conflicts with the whitelist by now', async () => {
    const host = await protectedHost();
    await host.crash();
    await host.start(next);
    expect(host.backend.dump()).toBe(after);
    expect(host.happened).toEqual(['displaced']);
  });

  it.each([
    ['noted', (host: Host) => host.store.intends.push(isFull)],
    ['stored', (host: Host) => host.store.appends.push(isFull)],
  ])(
    'that fails because nothing can be %s puts nothing into the kernel that conflicts or is over',
    async (_, fault) => {
      const host = await protectedHost();
      await host.crash();
      await advance(60_000);
      const reborn = new LiteralBackend(['ssh']);
      const kernel = host.kernel;
      // The machine was started anew: the kernel is empty, the disk is not.
      kernel.apply = reborn.apply.bind(reborn);
      kernel.replace = reborn.replace.bind(reborn);
      fault(host);
      expect(await answer(host.start(next).then(() => ({ status: 'started' })))).toBe('store-failed');
      await settle();
      expect(reborn.dump()).not.toContain(dumped('10.0.0.2'));
      expect(reborn.dump()).not.toContain(dumped('10.0.0.3'));
    },
  );
});
