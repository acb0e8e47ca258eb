import { expect, it } from 'vitest';
import { parsePrefix } from '../domain/address.ts';
import type { PortGuard } from '../domain/guard.ts';
import { advance, Host, onFakeTime, protection } from './engine.fixture.ts';
import { isDown, isFull } from './faults.fixture.ts';
import { LiteralBackend } from './literal.fixture.ts';
import { dumped } from './rules.fixture.ts';

onFakeTime();

const guard: PortGuard = { port: 7393, allowed: [parsePrefix('192.0.2.1')] };
const guarded = protection(['192.0.2.1'], guard);
const guardLine = 'guard 7393 192.0.2.1/32';
const standing = [guardLine, dumped('10.0.0.2', '10.0.0.1'), 'ssh'].join('\n');

/** A host with a guard and two rules, one of them for a minute, above a line of somebody else. */
async function filledHost(): Promise<Host> {
  const host = new Host(new LiteralBackend(['ssh']));
  await host.start(guarded);
  await Promise.all([host.put('10.0.0.1'), host.put('10.0.0.2', 60)]);
  host.events.length = 0;
  return host;
}

const flushed = (host: Host): Promise<unknown> => host.engine.flush().catch((error: { code: string }) => error.code);

it('a flush takes all rules and the guard out of the kernel, and the rules out of the store', async () => {
  const host = await filledHost();
  expect(await host.engine.flush()).toEqual({ removed: [], rules: 2, lists: 0, guard });
  expect(host.backend.dump()).toBe('ssh');
  expect(await host.disk.load()).toMatchObject({ rules: [], guard: null, lastSeq: 2 });
  expect([host.engine.size, host.events]).toEqual([0, [{ kind: 'flushed', rules: 2, lists: 0 }]]);
});

it('a flush comes after what was submitted before it and before what was submitted after', async () => {
  const host = await filledHost();
  const answers = [host.put('10.0.0.3'), flushed(host), host.delete('10.0.0.1'), host.put('10.0.0.4')];
  expect(await Promise.all(answers)).toEqual(['created', expect.objectContaining({ rules: 3 }), 'absent', 'created']);
  expect(host.backend.dump()).toBe([guardLine, dumped('10.0.0.4'), 'ssh'].join('\n'));
});

it('after a flush nothing brings the guard back by itself, neither time nor a deletion nor a request that is refused', async () => {
  const host = await filledHost();
  await host.engine.flush();
  await advance(120_000);
  expect(await host.delete('10.0.0.1')).toBe('absent');
  expect(await host.put('192.0.2.1')).toBe('whitelist-conflict');
  expect(host.backend.dump()).toBe('ssh');
});

it('the next rule brings the guard back above itself, durably', async () => {
  const host = await filledHost();
  await host.engine.flush();
  expect(await host.put('10.0.0.9')).toBe('created');
  expect(host.backend.dump()).toBe([guardLine, dumped('10.0.0.9'), 'ssh'].join('\n'));
  expect(await host.disk.load()).toMatchObject({ guard, rules: [{ seq: 3 }] });
  expect(host.happened).toEqual(['flushed', 'created']);
});

it('a rule that comes when the guard can not be brought back is refused, and nothing of both stands', async () => {
  const host = await filledHost();
  await host.engine.flush();
  host.backend.replaces.push(isDown);
  expect(await host.put('10.0.0.9')).toBe('kernel-unavailable');
  expect([host.backend.dump(), host.engine.degraded]).toEqual(['ssh', undefined]);
  expect(await host.put('10.0.0.9')).toBe('created');
  expect(host.backend.dump()).toBe([guardLine, dumped('10.0.0.9'), 'ssh'].join('\n'));
});

it('when the kernel refuses the first rule after a flush, the guard is back and the rule is not', async () => {
  const host = await filledHost();
  await host.engine.flush();
  host.backend.refused.add(dumped('10.0.0.9'));
  expect(await host.put('10.0.0.9')).toBe('kernel-refused');
  expect(host.backend.dump()).toBe([guardLine, 'ssh'].join('\n'));
});

it('another protection brings its guard, after a flush too', async () => {
  const host = await filledHost();
  await host.engine.flush();
  await host.engine.protect(protection(['192.0.2.1'], { ...guard, port: 7394 }));
  expect(host.backend.dump()).toBe(['guard 7394 192.0.2.1/32', 'ssh'].join('\n'));
});

it('a restart after a flush has the guard and no rules', async () => {
  const host = await filledHost();
  await host.engine.flush();
  await host.crash();
  await host.start(guarded);
  expect(host.backend.dump()).toBe([guardLine, 'ssh'].join('\n'));
});

it('a flush that the kernel refuses leaves everything as it was', async () => {
  const host = await filledHost();
  host.backend.teardowns.push(isDown);
  expect(await flushed(host)).toBe('kernel-unavailable');
  expect([host.backend.dump(), host.happened]).toEqual([standing, []]);
  expect(await host.stored()).toHaveLength(2);
});

it('a flush that the disk does not take is undone in the kernel, and the rules still end in time', async () => {
  const host = await filledHost();
  host.store.appends.push(isFull);
  expect(await flushed(host)).toBe('store-failed');
  expect([host.backend.dump(), host.happened]).toEqual([standing, []]);
  await advance(60_000);
  expect(host.backend.dump()).toBe([guardLine, dumped('10.0.0.1'), 'ssh'].join('\n'));
});

it('a flush also takes out what an unfinished change may have left in the kernel', async () => {
  const host = await filledHost();
  host.backend.applies.push(async (call) => {
    const done = await call();
    host.backend.down = true;
    return isDown(async () => done);
  });
  expect(await host.put('10.0.0.3')).toBe('kernel-unavailable');
  expect(host.engine.degraded).toBeDefined();
  host.backend.down = false;
  await host.engine.flush();
  expect([host.backend.dump(), host.engine.degraded]).toEqual(['ssh', undefined]);
  expect(host.happened).toEqual(['degraded', 'recovered', 'flushed']);
});

it('a flush of nothing says so', async () => {
  const host = new Host(new LiteralBackend());
  await host.start(protection(['192.0.2.1']));
  expect(await host.engine.flush()).toEqual({ removed: [], rules: 0, lists: 0, guard: null });
});
