import { describe, expect, it } from 'vitest';
import { advance, Host, onFakeTime, protection } from './engine.fixture.ts';
import { LiteralBackend } from './literal.fixture.ts';
import { dumped, spec } from './rules.fixture.ts';

onFakeTime();

async function tampered(): Promise<Host> {
  const host = await Host.running();
  await Promise.all([host.put('10.0.0.1'), host.put('10.0.0.2'), host.put('10.0.0.3')]);
  await host.tamper('10.0.0.2');
  host.events.length = 0;
  return host;
}

const whole = dumped('10.0.0.3', '10.0.0.2', '10.0.0.1');

describe('a rule that somebody took out of the kernel', () => {
  it('comes back to its place before it is said to exist', async () => {
    const host = await tampered();
    expect(await host.put('10.0.0.2')).toBe('exists');
    expect(host.backend.dump()).toBe(whole);
    expect(host.events).toMatchObject([{ kind: 'drift', repair: { missing: [spec('10.0.0.2')] } }]);
  });

  it('can be deleted all the same', async () => {
    const host = await tampered();
    expect(await host.delete('10.0.0.2')).toBe('deleted');
    expect(host.backend.dump()).toBe(dumped('10.0.0.3', '10.0.0.1'));
    expect(host.happened).toEqual(['drift', 'deleted']);
  });

  it('expires all the same', async () => {
    const host = await tampered();
    await host.put('10.0.0.2', 60);
    await host.tamper('10.0.0.2');
    await advance(60_000);
    expect(host.backend.dump()).toBe(dumped('10.0.0.3', '10.0.0.1'));
  });

  it('comes back with a batch, which has its way at once', async () => {
    const host = await tampered();
    const answers = [host.put('10.0.0.4'), host.put('10.0.0.2', 5), host.put('10.0.0.5'), host.delete('10.0.0.1')];
    expect(await Promise.all(answers)).toEqual(['created', 'updated', 'created', 'deleted']);
    expect(host.backend.dump()).toBe(dumped('10.0.0.5', '10.0.0.4', '10.0.0.3', '10.0.0.2'));
    expect(host.backend.calls.slice(-3)).toEqual(['apply +1 -1 ~1', 'replace 4', 'apply +1 -1 ~1']);
  });

  it('comes back although another rule of the batch is bad', async () => {
    const host = await tampered();
    host.backend.refused.add(dumped('10.0.0.9'));
    const answers = [host.put('10.0.0.4'), host.put('10.0.0.9'), host.put('10.0.0.2'), host.put('10.0.0.5')];
    expect(await Promise.all(answers)).toEqual(['created', 'kernel-refused', 'exists', 'created']);
    expect(host.backend.dump()).toBe(`${dumped('10.0.0.5', '10.0.0.4')}\n${whole}`);
  });

  it('comes back when the daemon starts, which says so', async () => {
    const host = await tampered();
    await host.crash();
    await host.start();
    expect(host.backend.dump()).toBe(whole);
    expect(host.events).toMatchObject([{ kind: 'drift', repair: { missing: [spec('10.0.0.2')] } }]);
  });

  it('comes back with a new protection, which says so', async () => {
    const host = await tampered();
    await host.engine.protect(protection(['192.0.2.9']));
    expect(host.backend.dump()).toBe(whole);
    expect(host.happened).toEqual(['drift']);
  });
});

describe('a start', () => {
  it('after a start of the machine calls nothing drift', async () => {
    const host = await tampered();
    await host.crash();
    host.bootId = 'second';
    await host.start();
    expect(host.backend.dump()).toBe(whole);
    expect(host.happened).toEqual([]);
  });

  it('that brings the rules into another kernel calls nothing drift', async () => {
    const host = await tampered();
    await host.crash();
    await host.start(protection(['192.0.2.9']), true);
    expect(host.backend.dump()).toBe(whole);
    expect(host.happened).toEqual([]);
  });

  it('with everything in place changes nothing and says nothing', async () => {
    const host = await Host.running(new LiteralBackend(['ssh']));
    await host.put('10.0.0.1');
    await host.crash();
    host.events.length = 0;
    await host.start();
    expect(host.backend.dump()).toBe(`${dumped('10.0.0.1')}\nssh`);
    expect(host.happened).toEqual([]);
  });
});
