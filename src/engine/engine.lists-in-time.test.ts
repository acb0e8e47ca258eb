import { describe, expect, it } from 'vitest';
import { MemoryBackend } from '../backends/memory.ts';
import { advance, onFakeTime, protection, settle, setWallClock, unprotected } from './engine.fixture.ts';
import { Engine } from './engine.ts';
import { diesBefore, isDown, isFull } from './faults.fixture.ts';
import { changeList, ListHost, removeList, replaceList } from './lists.fixture.ts';
import { MemoryStore } from './store/memory.ts';

onFakeTime();

const properties = { action: 'drop', chain: 'input' } as const;
const forSeconds = (expire: number, name = 'spam') => replaceList(name, ['10.0.0.0/8'], { ...properties, expire });
const spam = replaceList('spam', ['10.0.0.0/8']);
const stands = ['spam drop 10.0.0.0/8'];
const other = replaceList('spam', ['11.0.0.0/8'], { comment: 'other' });

describe('a list with an expiry', () => {
  it('ends on time, durably, with nothing else to wake the engine up', async () => {
    const host = await ListHost.begun();
    await host.take(forSeconds(10));
    await host.take(forSeconds(20, 'later'));
    await advance(9900);
    expect(host.enforced).toHaveLength(2);
    await advance(200);
    expect([host.enforced, host.listed, await host.onDisk()]).toEqual([
      ['later drop 10.0.0.0/8'],
      ['later drop 10.0.0.0/8'],
      ['later'],
    ]);
    await advance(10_000);
    expect([host.enforced, await host.onDisk()]).toEqual([[], []]);
    expect((await host.recorded()).slice(2)).toEqual(['list-expired', 'list-expired']);
    expect(host.happened.slice(2)).toEqual(['list-expired', 'list-expired']);
  });

  it('is another one when it is put after its end, and lasts longer when it gets another', async () => {
    const host = await ListHost.begun();
    await host.take(forSeconds(10));
    expect(await host.take(changeList('spam', { expire: 30 }))).toBe('changed');
    await advance(20_000);
    expect(host.enforced).toEqual(stands);
    expect(await host.take(changeList('spam', { expire: { until: Date.now() } }))).toBe('expire-invalid');
    expect(await host.take(changeList('spam', { expire: { until: null } }))).toBe('changed');
    await advance(60_000);
    expect(host.enforced).toEqual(stands);
  });

  it('that ended while nothing ran is never enforced again, and recorded', async () => {
    const host = await ListHost.begun();
    await host.take(forSeconds(10));
    await host.crash();
    await advance(20_000);
    const versions: string[] = [];
    const replace = host.memory.replace.bind(host.memory);
    host.memory.replace = (desired) => {
      versions.push(...desired.lists.map(({ name }) => name));
      return replace(desired);
    };
    await host.start();
    expect([host.enforced, host.listed, await host.onDisk(), versions]).toEqual([[], [], [], []]);
    expect([(await host.recorded()).at(-1), host.happened.at(-1)]).toEqual(['list-expired', 'list-expired']);
  });

  it.each([3_600_000, -3_600_000])('lasts as long as it should when the clock is set by %d ms', async (step) => {
    const host = await ListHost.begun();
    await host.take(forSeconds(60));
    await advance(10_000);
    setWallClock(step);
    await advance(48_000);
    expect(host.enforced).toEqual(stands);
    await advance(2250);
    expect([host.enforced, await host.onDisk()]).toEqual([[], []]);
    expect(host.happened).toEqual(['list-replaced', 'clock-set', 'list-expired']);
  });

  it.each([3_600_000, -3_600_000])(
    'has its expiry moved on disk by %d ms, in whatever order disk and death allow',
    async (step) => {
      const host = await ListHost.begun();
      await host.take(forSeconds(60));
      host.store.full = true;
      setWallClock(step);
      await advance(2000);
      host.store.full = false;
      await host.take(replaceList('more', ['12.0.0.0/8']));
      await host.again();
      expect(host.engine.listing.all.map(({ name }) => name)).toEqual(['more', 'spam']);
      await advance(57_000);
      expect(host.enforced).toHaveLength(2);
      await advance(1500);
      expect(host.enforced).toEqual(['more drop 12.0.0.0/8']);
    },
  );

  it('ends although the disk is full, and its deletion is stored when there is room', async () => {
    const host = await ListHost.begun();
    await host.take(forSeconds(10));
    host.store.full = true;
    await advance(10_250);
    expect([host.enforced, host.listed, await host.onDisk()]).toEqual([[], [], ['spam']]);
    await advance(5000);
    host.store.full = false;
    await advance(2000);
    expect([await host.onDisk(), (await host.recorded()).at(-1)]).toEqual([[], 'list-expired']);
  });

  it('stays gone when it ended on a full disk, was flushed, and the clock was set meanwhile', async () => {
    const host = await ListHost.begun();
    await host.take(forSeconds(100));
    host.store.full = true;
    setWallClock(3_600_000);
    await advance(2000);
    host.store.full = false;
    await host.engine.flush();
    await advance(2000);
    await host.again();
    expect([host.listed, await host.onDisk()]).toEqual([[], []]);
  });

  it('is tried again when the kernel does not let it go, and keeps no rule from ending meanwhile', async () => {
    const host = await ListHost.begun();
    await host.take(forSeconds(10));
    await host.put('10.0.0.1', 11);
    host.backend.listings.push(isDown);
    host.backend.replaces.push(isDown, isDown);
    await advance(12_500);
    expect([host.memory.dump(), host.listed, host.engine.degraded]).toEqual(['', [], undefined]);
  });

  it('ends after its removal was cut off by a death', async () => {
    const host = await ListHost.begun();
    await host.take(forSeconds(10));
    host.backend.listings.push(diesBefore);
    await advance(10_500);
    await host.again();
    expect([host.enforced, await host.onDisk()]).toEqual([[], []]);
  });
});

describe('a change of a list that has to be confirmed', () => {
  const confirm = { id: 'c', seconds: 10, by: 'test' };

  it.each([
    ['made', replaceList('new', ['12.0.0.0/8'])],
    ['replaced', other],
    ['changed', changeList('spam', { add: ['12.0.0.0/8'], comment: 'x' })],
    ['changed in its properties alone', changeList('spam', { action: 'reject' })],
    ['deleted', removeList('spam')],
  ])('is undone when nobody does and the list was %s', async (_, command) => {
    for (const restarts of [false, true]) {
      const host = await ListHost.begun();
      await host.take(spam);
      await host.take(replaceList('above', ['10.0.0.0/24']));
      const before = [host.enforced, host.listed, await host.onDisk()];
      await host.take(command, confirm);
      expect([host.enforced, host.listed]).not.toEqual(before.slice(0, 2));
      if (restarts) await host.again();
      await advance(10_100);
      expect([host.enforced, host.listed, await host.onDisk()]).toEqual(before);
      expect(host.engine.confirmations.waiting).toEqual([]);
      await host.again();
      expect([host.enforced, host.listed, await host.onDisk()]).toEqual(before);
      expect(host.engine.listing.all.at(-1)).toMatchObject({
        name: 'spam',
        comment: '',
        origin: 'test',
        action: 'drop',
      });
    }
  });

  it('stays when it is confirmed, and there is nothing to confirm when it changed nothing or was refused', async () => {
    const host = await ListHost.begun();
    await host.take(spam);
    await host.take(spam, confirm);
    host.store.appends.push(isFull);
    await host.take(other, confirm);
    expect(host.engine.confirmations.waiting).toEqual([]);
    await host.take(other, confirm);
    await host.engine.confirmations.confirm('c');
    await advance(11_000);
    expect(host.enforced).toEqual(['spam drop 11.0.0.0/8']);
  });

  it('is undone as a whole, whoever has changed the list since; but not when that is another one by now', async () => {
    const host = await ListHost.begun();
    await host.take(spam);
    await host.take(other, confirm);
    await host.take(changeList('spam', { add: ['12.0.0.0/8'] }));
    await advance(10_100);
    expect(host.enforced).toEqual(stands);
    await host.take(removeList('spam'), confirm);
    await host.take(replaceList('spam', ['13.0.0.0/8']));
    await advance(10_100);
    expect(host.enforced).toEqual(['spam drop 13.0.0.0/8']);
  });

  it('brings nothing back that has ended meanwhile', async () => {
    const host = await ListHost.begun();
    await host.take(forSeconds(5));
    await host.take(removeList('spam'), confirm);
    await advance(10_100);
    expect([host.enforced, await host.onDisk()]).toEqual([[], []]);
  });

  it('is undone as soon as the kernel and the disk let it', async () => {
    const host = await ListHost.begun();
    await host.take(spam);
    await host.take(other, confirm);
    host.backend.listings.push(isDown);
    host.backend.replaces.push(isDown);
    host.store.appends.push(isFull, isFull);
    await advance(15_000);
    expect([host.enforced, host.engine.confirmations.waiting, host.engine.degraded]).toEqual([stands, [], undefined]);
  });
});

describe('somebody else', () => {
  it('who takes a list out of the kernel has it put back', async () => {
    const host = await ListHost.begun();
    await host.take(spam);
    await host.memory.setLists([]);
    host.backend.disturb();
    await settle();
    expect(host.enforced).toEqual(stands);
    expect(host.events.at(-1)).toMatchObject({ kind: 'drift', repair: { lists: 1 } });
  });
});

describe('a run after a clean stop', () => {
  /** A kernel that outlives the daemon, and a store that keeps what was handed over. */
  class LastingBackend extends MemoryBackend {
    readonly resumed: string[][] = [];
    override memory() {
      return 'memory' as never;
    }
    override async resume(_memory?: unknown, desired?: Parameters<MemoryBackend['replace']>[0]): Promise<boolean> {
      const known = new Set(this.lists.map(({ name, version }) => `${name} ${version}`));
      const lists = desired?.lists ?? [];
      this.resumed.push(lists.filter(({ name, version }) => !known.has(`${name} ${version}`)).map(({ name }) => name));
      await this.setLists(lists);
      return true;
    }
  }
  class LastingStore extends MemoryStore {
    #kept: unknown;
    override async load() {
      return { ...(await super.load()), snapshot: this.#kept };
    }
    override async close(snapshot?: unknown) {
      this.#kept = structuredClone(snapshot);
    }
  }

  async function run<T>(parts: { backend: LastingBackend; store: LastingStore }, work: (engine: Engine) => Promise<T>) {
    const clock = { wall: () => Date.now(), uptime: () => performance.now(), bootId: 'a' };
    const engine = await Engine.start({ ...parts, clock, protection: unprotected, onEvent: () => {} });
    const result = await work(engine);
    await parts.store.close(await engine.stop());
    return result;
  }

  it('loads no list again that is as it was left, and counts on', async () => {
    const parts = { backend: new LastingBackend(), store: new LastingStore() };
    const made = await run(parts, async (engine) => {
      // Cut by one whitelist and then by the former again: what is enforced has a version that isn't on disk.
      await engine.listing.write(replaceList('spam', ['192.0.0.0/8']), () => ({}));
      await engine.listing.write(replaceList('brief', ['10.0.0.0/8'], { ...properties, expire: 10 }), () => ({}));
      await engine.protect(protection(['192.0.2.2']));
      await engine.protect(unprotected);
      return parts.backend.lists.map(({ name, version }) => `${name} ${version}`);
    });
    await run(parts, async () => {});
    expect([parts.backend.resumed, parts.backend.lists.map(({ name, version }) => `${name} ${version}`)]).toEqual([
      [[]],
      made,
    ]);
    await advance(20_000);
    await run(parts, async (engine) => {
      expect(engine.listing.all.map(({ name }) => name)).toEqual(['spam']);
      await engine.listing.write(changeList('spam', { remove: ['192.1.0.0/16'] }), () => ({}));
      expect(made).not.toContain(`spam ${parts.backend.lists[0]?.version}`);
    });
    expect([...(await parts.store.documents('list')).keys()]).toEqual(['spam']);
    expect(parts.backend.resumed).toEqual([[], []]);
  });
});
