import { describe, expect, it } from 'vitest';
import { advance, Host, onFakeTime } from './engine.fixture.ts';
import { diesAfter, diesBefore, isFull } from './faults.fixture.ts';
import { LiteralBackend } from './literal.fixture.ts';
import { dumped, rule } from './rules.fixture.ts';

onFakeTime();

const foreign = ['ssh', dumped('10.9.9.9'), 'http'];

/** A host with 10.0.0.1 and 10.0.0.2 above lines of others, one of which looks like rfw's. */
async function busyHost(): Promise<Host> {
  const host = await Host.running(new LiteralBackend(foreign));
  await host.put('10.0.0.1');
  await host.put('10.0.0.2', 60);
  host.events.length = 0;
  return host;
}

async function restart(host: Host): Promise<string> {
  await host.crash();
  await host.start();
  return host.backend.dump();
}

const acknowledged = [dumped('10.0.0.2', '10.0.0.1'), ...foreign].join('\n');

describe('a daemon that dies', () => {
  it('leaves everything in the kernel, and the next one finds it so', async () => {
    const host = await busyHost();
    await host.crash();
    expect(host.backend.dump()).toBe(acknowledged);
    await host.start();
    expect(host.backend.dump()).toBe(acknowledged);
    expect(host.engine.size).toBe(2);
  });

  it.each([
    ['before it is noted', (host: Host) => host.store.intends.push(diesBefore)],
    ['before the kernel has it', (host: Host) => host.backend.applies.push(diesBefore)],
    ['when the kernel has it', (host: Host) => host.backend.applies.push(diesAfter)],
    ['before it is stored', (host: Host) => host.store.appends.push(diesBefore)],
  ])('while it puts a rule, %s, leaves no trace of it', async (_, fault) => {
    const host = await busyHost();
    fault(host);
    host.put('10.0.0.3');
    expect(await restart(host)).toBe(acknowledged);
    expect(await restart(host)).toBe(acknowledged);
    expect(host.happened).toEqual([]);
  });

  it('while it puts a rule that is stored already leaves it whole', async () => {
    const host = await busyHost();
    host.store.appends.push(diesAfter);
    host.put('10.0.0.3');
    expect(await restart(host)).toBe([dumped('10.0.0.3'), acknowledged].join('\n'));
  });

  it.each([
    ['before the kernel has it', (host: Host) => host.backend.applies.push(diesBefore)],
    ['when the kernel has it', (host: Host) => host.backend.applies.push(diesAfter)],
    ['before it is stored', (host: Host) => host.store.appends.push(diesBefore)],
  ])('while it deletes a rule, %s, leaves that in its place', async (_, fault) => {
    const host = await busyHost();
    fault(host);
    host.delete('10.0.0.1');
    expect(await restart(host)).toBe(acknowledged);
  });

  it('while it deletes a rule calls its own unfinished work no drift', async () => {
    const host = await busyHost();
    host.backend.applies.push(diesAfter);
    host.delete('10.0.0.1');
    expect(await restart(host)).toBe(acknowledged);
    expect(host.happened).toEqual([]);
  });

  it('in the middle of a large batch leaves all of it or nothing', async () => {
    for (const fault of [diesBefore, diesAfter]) {
      const host = await busyHost();
      host.store.appends.push(fault);
      for (const address of ['10.0.0.3', '10.0.0.4', '10.0.0.5']) host.put(address);
      host.delete('10.0.0.1');
      const survivors =
        fault === diesBefore ? ['10.0.0.2', '10.0.0.1'] : ['10.0.0.5', '10.0.0.4', '10.0.0.3', '10.0.0.2'];
      expect(await restart(host)).toBe([dumped(...survivors), ...foreign].join('\n'));
    }
  });

  it('before a rule expires has the next one take it out at the start', async () => {
    const host = await busyHost();
    await host.crash();
    await advance(60_000);
    await host.start();
    expect(host.backend.dump()).toBe([dumped('10.0.0.1'), ...foreign].join('\n'));
    expect(host.happened).toEqual(['expired']);
  });

  it('while a rule expires has the next one finish that', async () => {
    const host = await busyHost();
    host.backend.applies.push(diesAfter);
    await advance(60_000);
    expect(await restart(host)).toBe([dumped('10.0.0.1'), ...foreign].join('\n'));
    expect(await host.stored()).toMatchObject([{ seq: 1 }]);
  });

  it('never gives a place in the order out twice', async () => {
    const host = await busyHost();
    await host.delete('10.0.0.2');
    await host.delete('10.0.0.1');
    await restart(host);
    await host.put('10.0.0.3');
    expect(await host.stored()).toMatchObject([{ seq: 3 }]);
  });

  it('during a start is followed by a start that does the same', async () => {
    const host = await busyHost();
    host.backend.applies.push(diesAfter);
    host.put('10.0.0.3');
    await host.crash();
    host.backend.replaces.push(diesAfter);
    void host.start();
    await advance(0);
    host.backend.heal();
    await host.start();
    expect(host.backend.dump()).toBe(acknowledged);
  });
});

describe('a rule of somebody else that looks like one that rfw could not put', () => {
  it('is not taken out by the next start', async () => {
    const host = await busyHost();
    host.store.appends.push(isFull);
    expect(await host.put('10.0.0.3')).toBe('store-failed');
    await host.kernel.apply({ add: [rule(0, '10.0.0.3')], remove: [], refresh: [], renew: [] });
    expect(await restart(host)).toContain(dumped('10.0.0.3'));
  });
});
