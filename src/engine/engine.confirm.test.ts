import { beforeEach, describe, expect, it } from 'vitest';
import { parseWhitelistEntry } from '../domain/whitelist.ts';
import type { ConfirmRequest } from './confirmations.ts';
import type { AskedCommand } from './decide.ts';
import { advance, Host, onFakeTime, settle, setWallClock } from './engine.fixture.ts';
import { isDown, isFull } from './faults.fixture.ts';
import { dumped, spec, whitelist } from './rules.fixture.ts';

onFakeTime();

const put = (text: string, expire = 0, comment?: string): AskedCommand => ({
  kind: 'put',
  spec: spec(text),
  expire,
  origin: 'test',
  ...(comment !== undefined && { comment }),
});
const remove = (text: string): AskedCommand => ({ kind: 'delete', spec: spec(text), origin: 'test' });
const accept = (last: number): string => `accept input any any 10.0.0.${last}/32 any`;
const drop = (last: number): string => `drop input any any 10.0.0.${last}/32 any`;
const wide = 'drop input any any 10.0.0.0/24 any';

const confirm = (seconds = 10, id = 'c') => ({ id, seconds, by: 'test' });
const undone = () => host.events.filter(({ kind }) => kind === 'undone');

let host: Host;
beforeEach(async () => {
  host = await Host.running();
});

const write = (commands: readonly AskedCommand[], seconds = 10) =>
  host.engine.write({ commands, atomic: true }, confirm(seconds));

describe('a change that has to be confirmed', () => {
  it('is undone when nobody does, and every rule has its place, expiry and comment again', async () => {
    await host.engine.submit(put(accept(1), 100, 'first'));
    await host.engine.submit(put(wide));
    await host.engine.submit(put(accept(2)));
    const before = host.backend.dump();
    const stored = await host.stored();
    await write([
      remove(accept(1)),
      remove(wide),
      put(accept(2), 50, 'x'),
      put(drop(3)),
      put(drop(4)),
      remove(drop(4)),
    ]);
    expect(host.backend.dump()).toBe(dumped(drop(3), accept(2)));
    expect(host.engine.confirmations.waiting).toEqual([{ id: 'c', by: 'test', deadline: Date.now() + 10_000 }]);
    await advance(9900);
    expect(host.engine.size).toBe(2);
    await advance(200);
    expect(host.backend.dump()).toBe(before);
    expect(await host.stored()).toEqual(stored);
    expect(host.engine.confirmations.waiting).toEqual([]);
    expect(await host.disk.documents('confirmation')).toEqual(new Map());
    expect(undone()).toEqual([{ kind: 'undone', id: 'c', by: 'test', failure: undefined }]);
    await advance(60_000);
    await advance(40_000);
    expect(host.backend.dump()).toBe(dumped(accept(2), wide));
  });

  it('stays when it is confirmed, once', async () => {
    await write([put(drop(1))]);
    expect(await host.engine.confirmations.confirm('c')).toBe(true);
    expect(await host.engine.confirmations.confirm('c')).toBe(false);
    await advance(11_000);
    expect(host.backend.dump()).toBe(dumped(drop(1)));
    expect(await host.disk.documents('confirmation')).toEqual(new Map());
  });

  it('goes on waiting when the confirmation does not come to the disk', async () => {
    await write([put(drop(1))]);
    host.store.appends.push(isFull);
    await expect(host.engine.confirmations.confirm('c')).rejects.toMatchObject({ code: 'store-failed' });
    await advance(11_000);
    expect(host.engine.size).toBe(0);
  });

  it('leaves what others have put in its place, and undoes what they changed of it', async () => {
    await write([put(drop(1)), put(drop(2))]);
    await host.engine.submit(remove(drop(1)));
    await host.engine.submit(put(drop(1), 0, 'another'));
    await host.engine.submit(put(drop(2), 500));
    await advance(11_000);
    expect(await host.stored()).toMatchObject([{ comment: 'another' }]);
  });

  it('does not bring back what has ended meanwhile, or what the whitelist no longer lets be', async () => {
    await host.engine.submit(put(drop(1), 5));
    await host.engine.submit(put(drop(2)));
    await host.engine.submit(put(drop(3)));
    await write([remove(drop(1)), remove(drop(2)), remove(drop(3))]);
    await host.engine.whitelisting.add(
      { entry: parseWhitelistEntry('10.0.0.2'), by: 'test', comment: '', createdAt: 0 },
      () => ({}),
    );
    await advance(11_000);
    expect(host.backend.dump()).toBe(dumped(drop(3)));
  });

  it('has nothing to confirm when it changed nothing or was refused', async () => {
    await host.engine.submit(put(drop(1)));
    await write([put(drop(1))]);
    await write([put(drop(2)), put('192.0.2.1')]);
    host.store.appends.push(isFull);
    await expect(write([put(drop(3))])).rejects.toMatchObject({ code: 'store-failed' });
    expect(host.engine.confirmations.waiting).toEqual([]);
    await advance(11_000);
    expect(host.backend.dump()).toBe(dumped(drop(1)));
  });

  it('is undone in time over a crash, also when the deadline passes meanwhile', async () => {
    await write([put(drop(1))]);
    await host.crash();
    await host.start();
    expect(host.engine.size).toBe(1);
    await advance(10_100);
    expect(host.engine.size).toBe(0);
    await write([put(drop(2))]);
    await host.crash();
    await advance(20_000);
    await host.start();
    expect([host.engine.size, host.backend.dump()]).toEqual([0, '']);
  });

  it('is undone as soon as the kernel lets it, when it can not be at first', async () => {
    await host.engine.submit(put(accept(1)));
    await host.engine.submit(put(wide));
    await write([remove(accept(1)), put(drop(3))]);
    host.backend.applies.push(isDown);
    host.backend.replaces.push(isDown, isDown);
    await advance(15_000);
    expect(host.backend.dump()).toBe(dumped(wide, accept(1)));
    expect(undone().at(-1)).toMatchObject({ failure: undefined });
    await host.crash();
    await host.start();
    expect(host.backend.dump()).toBe(dumped(wide, accept(1)));
  });

  it('does not come back by itself after a flush, with and without a restart', async () => {
    await host.engine.submit(put(drop(1)));
    await host.engine.submit(put(drop(2)));
    await write([remove(drop(1))]);
    await host.engine.write({ commands: [remove(drop(2))], atomic: true }, confirm(60, 'd'));
    await host.engine.flush();
    expect(host.engine.confirmations.waiting).toEqual([]);
    await advance(11_000);
    await host.crash();
    await host.start();
    await advance(60_000);
    expect([host.engine.size, host.backend.dump()]).toEqual([0, '']);
  });

  it('takes with it what was made of it since and waits too', async () => {
    await host.engine.submit(put(drop(2)));
    await write([put(drop(1)), put(drop(2), 0, 'first')]);
    await host.engine.write({ commands: [remove(drop(1)), remove(drop(2))], atomic: true }, confirm(60, 'd'));
    await advance(10_100);
    expect(await host.stored()).toMatchObject([{ seq: 1, comment: '' }]);
    expect(host.engine.confirmations.waiting).toEqual([]);
    await advance(60_000);
    expect(host.backend.dump()).toBe(dumped(drop(2)));
  });

  it('gives a rule the time that it had left, also when the wall clock is set meanwhile', async () => {
    await host.engine.submit(put(drop(1), 3600));
    await host.engine.submit(put(drop(2), 3600));
    await write([put(drop(1), 30), remove(drop(2))], 20);
    setWallClock(7_200_000);
    await advance(21_000);
    const left = (await host.stored()).map(({ expiresAt }) => Math.round(((expiresAt ?? 0) - Date.now()) / 60_000));
    expect(left).toEqual([60, 60]);
  });

  it('is refused when too much waits already', async () => {
    for (let index = 0; index < 100; index++) {
      await host.engine.write({ commands: [put(drop(index))], atomic: true }, confirm(60, `c${index}`));
    }
    const more = host.engine.write({ commands: [put(drop(200))], atomic: true }, confirm(60, 'more'));
    await expect(more).rejects.toMatchObject({ code: 'overloaded' });
    expect(host.engine.size).toBe(100);
  });

  it('never takes a place in the order twice', async () => {
    for (const last of [1, 2, 3]) await host.engine.submit(put(drop(last)));
    await write([remove(drop(1))]);
    await advance(11_000);
    await host.crash();
    await host.start();
    await host.engine.submit(put(drop(4)));
    expect((await host.stored()).map(({ seq }) => seq)).toEqual([4, 3, 2, 1]);
  });
});

describe('the whitelist', () => {
  const entry = (text: string) => ({ entry: parseWhitelistEntry(text), by: 'test', comment: 'why', createdAt: 7 });
  const nothing = () => ({});
  const removeEntry = (text: string, request?: ConfirmRequest) =>
    host.engine.whitelisting.remove(text, 'test', nothing, nothing, request);
  const texts = () => host.engine.whitelisting.all.entries.map(({ text }) => text);

  it('takes entries beside those of its file, which displace rules and survive restarts and other settings', async () => {
    await host.put('10.0.0.1');
    await host.put('10.0.1.1');
    expect((await host.engine.whitelisting.previewAddition(entry('10.0.0.0/24'))).displaced).toHaveLength(1);
    expect(texts()).toEqual(['192.0.2.1']);
    const { displaced } = await host.engine.whitelisting.add(entry('10.0.0.0/24'), nothing);
    expect(displaced.map(({ seq }) => seq)).toEqual([1]);
    expect(await host.put('10.0.0.9')).toBe('whitelist-conflict');
    await host.crash();
    await host.start();
    expect(texts()).toEqual(['192.0.2.1', '10.0.0.0/24']);
    expect(host.engine.whitelisting.added).toEqual([entry('10.0.0.0/24')]);
    await host.engine.protect({ whitelist: host.engine.whitelisting.file, guard: null });
    expect(await host.put('10.0.0.9')).toBe('whitelist-conflict');
    expect(await removeEntry('10.0.0.0/24')).toMatchObject({ removed: entry('10.0.0.0/24') });
    expect(await removeEntry('10.0.0.0/24')).toBeUndefined();
    expect(await host.put('10.0.0.9')).toBe('created');
    const { changes } = await host.engine.history.changes(0, 100);
    expect(changes.map(({ change }) => change.kind)).toEqual([
      ...['created', 'created', 'displaced', 'whitelist-added', 'whitelist-removed', 'created'],
    ]);
  });

  it('opens the guarded port to what was added', async () => {
    await host.crash();
    await host.start({ whitelist: whitelist('192.0.2.1'), guard: { port: 7393, allowed: [] } });
    await host.engine.whitelisting.add(entry('10.0.0.0/24'), nothing);
    expect(host.backend.dump()).toContain('10.0.0.0/24');
  });

  it('is as it was when the disk is full', async () => {
    await host.put('10.0.0.1');
    host.store.appends.push(isFull);
    await expect(host.engine.whitelisting.add(entry('10.0.0.1'), nothing)).rejects.toMatchObject({
      code: 'store-failed',
    });
    expect([texts(), host.engine.whitelisting.added, host.engine.size]).toEqual([['192.0.2.1'], [], 1]);
    expect(await host.disk.documents('whitelist')).toEqual(new Map());
  });

  it('is as it was, rules included, when a change of it is not confirmed', async () => {
    await host.put('10.0.0.1');
    await host.put('10.0.0.2');
    const before = host.backend.dump();
    await host.engine.whitelisting.add(entry('10.0.0.1'), nothing, confirm());
    expect(host.engine.size).toBe(1);
    await advance(10_100);
    await settle();
    expect([texts(), host.backend.dump()]).toEqual([['192.0.2.1'], before]);
    await host.engine.whitelisting.add(entry('10.1.0.0/16'), nothing);
    await removeEntry('10.1.0.0/16', confirm(10, 'd'));
    await advance(10_100);
    expect(host.engine.whitelisting.added).toEqual([entry('10.1.0.0/16')]);
  });

  it('keeps an entry that somebody else has added since, when the first addition is not confirmed', async () => {
    const [mine, theirs] = [entry('10.1.0.0/16'), { ...entry('10.1.0.0/16'), by: 'another', createdAt: 8 }];
    await host.engine.whitelisting.add(mine, nothing, confirm());
    await host.engine.whitelisting.remove('10.1.0.0/16', 'test', nothing, nothing);
    await host.engine.whitelisting.add(theirs, nothing);
    await advance(10_100);
    expect(host.engine.whitelisting.added).toMatchObject([{ by: 'another' }]);
  });
});
