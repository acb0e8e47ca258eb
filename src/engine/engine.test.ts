import { describe, expect, it } from 'vitest';
import { everyState } from '../backends/backend.ts';
import { answer, Host, onFakeTime, protection, settle } from './engine.fixture.ts';
import { isFull } from './faults.fixture.ts';
import { LiteralBackend } from './literal.fixture.ts';
import { dumped, spec } from './rules.fixture.ts';

onFakeTime();

/** Keeps the queue busy, so that what is submitted now shares the next batch. */
const occupy = (host: Host): Promise<string> => host.put('10.9.9.9');

const lines = (host: Host): string[] => host.backend.dump().split('\n');

describe('an answer', () => {
  it('means that the rule is in the kernel and on the disk', async () => {
    const host = await Host.running();
    expect(await host.put('10.0.0.1', 600)).toBe('created');
    expect(host.backend.dump()).toBe(dumped('10.0.0.1'));
    expect(await host.stored()).toMatchObject([{ ...spec('10.0.0.1'), expiresAt: Date.now() + 600_000 }]);
    expect(host.engine.size).toBe(1);
  });

  it('waits for the disk', async () => {
    const host = await Host.running();
    let answered = false;
    let write = (): void => {};
    host.store.appends.push(async (call) => {
      await new Promise<void>((resolve) => {
        write = resolve;
      });
      return call();
    });
    const put = host.put('10.0.0.1').then(() => {
      answered = true;
    });
    await settle();
    expect([answered, host.backend.dump()]).toEqual([false, dumped('10.0.0.1')]);
    write();
    await put;
  });

  it('tells a new rule, a standing one, another expiry, a deletion and nothing to delete', async () => {
    const host = await Host.running();
    const answers = [
      await host.put('10.0.0.1'),
      await host.put('10.0.0.1'),
      await host.put('10.0.0.1', 60),
      await host.delete('10.0.0.1'),
      await host.delete('10.0.0.1'),
      await host.put('192.0.2.1'),
    ];
    expect(answers).toEqual(['created', 'exists', 'updated', 'deleted', 'absent', 'whitelist-conflict']);
    expect(host.happened).toEqual(['created', 'updated', 'deleted']);
  });

  it('comes after its event', async () => {
    const host = await Host.running();
    await host.put('10.0.0.1');
    expect(host.events).toMatchObject([{ kind: 'created', origin: 'test', rule: spec('10.0.0.1') }]);
  });
});

describe('the order', () => {
  it('is newest first, and a rule that is put again stays where it is', async () => {
    const host = await Host.running();
    await Promise.all([host.put('10.0.0.1'), host.put('10.0.0.2'), host.put('10.0.0.3')]);
    await host.put('10.0.0.1', 60);
    expect(host.backend.dump()).toBe(dumped('10.0.0.3', '10.0.0.2', '10.0.0.1'));
  });

  it('has a rule on top that was deleted and put again', async () => {
    const host = await Host.running();
    await Promise.all([host.put('10.0.0.1'), host.put('10.0.0.2')]);
    await Promise.all([occupy(host), host.delete('10.0.0.1'), host.put('10.0.0.1')]);
    expect(host.backend.dump()).toBe(dumped('10.0.0.1', '10.9.9.9', '10.0.0.2'));
  });

  it('stays above what stood before rfw put its own, line for line', async () => {
    const host = await Host.running(new LiteralBackend(['ssh', 'ssh', 'http']));
    await host.put('10.0.0.1');
    await host.put('10.0.0.2');
    await host.delete('10.0.0.1');
    expect(lines(host)).toEqual([dumped('10.0.0.2'), 'ssh', 'ssh', 'http']);
  });
});

describe('a batch', () => {
  it('is one change of the kernel and one transaction', async () => {
    const host = await Host.running();
    host.backend.calls.length = 0;
    host.store.appended.length = 0;
    const puts = Array.from({ length: 100 }, (_, index) => host.put(`10.0.1.${index}`));
    await Promise.all(puts);
    expect(host.backend.calls).toEqual(['apply +100 -0 ~0']);
    expect(host.store.appended).toEqual([100]);
  });

  it('has 1000 commands at most', async () => {
    const host = await Host.running();
    host.store.appended.length = 0;
    const hosts = Array.from({ length: 1002 }, (_, index) => `10.1.${index >> 8}.${index & 255}`);
    await Promise.all(hosts.map((address) => host.put(address)));
    expect(host.store.appended).toEqual([1000, 2]);
    expect(host.engine.size).toBe(1002);
  });

  it('leaves kernel and disk alone when nothing changes', async () => {
    const host = await Host.running();
    host.backend.calls.length = 0;
    host.store.appended.length = 0;
    await Promise.all([host.delete('10.0.0.1'), host.delete('10.0.0.2'), host.put('192.0.2.1')]);
    expect([host.backend.calls, host.store.appended]).toEqual([[], []]);
  });

  it('answers each command by what the one before it left', async () => {
    const host = await Host.running();
    const rule = '10.0.0.1';
    const commands = [host.put(rule), host.put(rule), host.delete(rule), host.delete(rule), host.put(rule, 5)];
    expect(await Promise.all(commands)).toEqual(['created', 'exists', 'deleted', 'absent', 'created']);
  });
});

describe('a bad rule', () => {
  it('never fails its neighbours', async () => {
    const host = await Host.running();
    host.backend.refused.add(dumped('10.0.0.2'));
    const answers = [occupy(host), host.put('10.0.0.1'), host.put('10.0.0.2'), host.put('10.0.0.3')];
    expect(await Promise.all(answers)).toEqual(['created', 'created', 'kernel-refused', 'created']);
    expect(host.backend.dump()).toBe(dumped('10.0.0.3', '10.0.0.1', '10.9.9.9'));
    expect((await host.stored()).length).toBe(3);
    expect(host.happened).toEqual(['created', 'created', 'created']);
  });

  it('is in neither kernel nor disk, and the next command has its way', async () => {
    const host = await Host.running();
    host.backend.refused.add(dumped('10.0.0.1'));
    expect(await host.put('10.0.0.1')).toBe('kernel-refused');
    expect([host.backend.dump(), await host.stored(), host.engine.size]).toEqual(['', [], 0]);
    host.backend.refused.clear();
    expect(await host.put('10.0.0.1')).toBe('created');
  });

  it('does not make the engine degraded', async () => {
    const host = await Host.running();
    host.backend.refused.add(dumped('10.0.0.1'));
    await host.put('10.0.0.1');
    expect(host.engine.degraded).toBeUndefined();
    expect(host.happened).toEqual([]);
  });
});

describe('a disk that fails', () => {
  it('before the change leaves the kernel untouched', async () => {
    const host = await Host.running();
    host.store.full = true;
    host.backend.calls.length = 0;
    expect(await host.put('10.0.0.1')).toBe('store-failed');
    expect(host.backend.calls).toEqual([]);
  });

  it('after the change has the kernel changed back', async () => {
    const host = await Host.running(new LiteralBackend(['ssh']));
    await host.put('10.0.0.1');
    for (const command of [() => host.put('10.0.0.2'), () => host.delete('10.0.0.1')]) {
      host.store.appends.push(isFull);
      expect(await command()).toBe('store-failed');
      expect(lines(host)).toEqual([dumped('10.0.0.1'), 'ssh']);
      expect(host.engine.size).toBe(1);
    }
  });

  it('fails every command of the batch that would have changed something', async () => {
    const host = await Host.running();
    const first = occupy(host);
    host.store.full = true;
    const answers = [first, host.put('10.0.0.1'), host.delete('10.0.0.2'), host.put('192.0.2.1')];
    expect(await Promise.all(answers)).toEqual(['store-failed', 'store-failed', 'store-failed', 'whitelist-conflict']);
    host.store.full = false;
    expect(await host.put('10.0.0.1')).toBe('created');
    expect(host.backend.dump()).toBe(dumped('10.0.0.1'));
  });
});

describe('list', () => {
  it('reads the kernel', async () => {
    const host = await Host.running();
    await host.put('10.0.0.1');
    await host.put('10.0.0.2');
    expect(
      (await everyState(host.engine.reader.list())).map(({ spec: { source }, position }) => [source, position]),
    ).toEqual([
      [spec('10.0.0.2').source, 1],
      [spec('10.0.0.1').source, 2],
    ]);
  });
});

describe('stop', () => {
  it('finishes what was submitted and takes nothing more', async () => {
    const host = await Host.running();
    const before = [
      host.put('10.0.0.1'),
      host.put('10.0.0.2'),
      answer(host.engine.protect(protection(['192.0.2.1'])).then(() => ({ status: 'protected' }))),
    ];
    const stopped = host.engine.stop();
    expect(await host.put('10.0.0.3')).toBe('stopping');
    await expect(host.engine.protect(protection(['192.0.2.1']))).rejects.toMatchObject({ code: 'stopping' });
    await stopped;
    expect(await Promise.all(before)).toEqual(['created', 'created', 'protected']);
    expect(host.backend.dump()).toBe(dumped('10.0.0.2', '10.0.0.1'));
  });
});
