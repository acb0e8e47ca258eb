import { describe, expect, it } from 'vitest';
import { addressSet } from '../backends/list.fixture.ts';
import { MemoryBackend } from '../backends/memory.ts';
import { RfwError } from '../domain/errors.ts';
import { parseListName } from '../domain/list.ts';
import { auditEntry } from './audit.fixture.ts';
import type { AuditEntry } from './audit.ts';
import { mostLists } from './decide-list.ts';
import { advance, onFakeTime, protection } from './engine.fixture.ts';
import { diesAfter, diesBefore, isDown, isFull, isRefused, losesAnswer } from './faults.fixture.ts';
import { changeList, ListHost, removeList, replaceList } from './lists.fixture.ts';

onFakeTime();

const spam = replaceList('spam', ['10.0.0.0/8', '2001:db8::/32']);
const stands = ['spam drop 10.0.0.0/8 2001:db8::/32'];
const other = replaceList('spam', ['11.0.0.0/8']);
const otherStands = ['spam drop 11.0.0.0/8'];
const version = (host: ListHost, name = 'spam') => host.engine.listing.get(parseListName(name))?.version;

/** A host on which the list spam stands. */
async function filled(): Promise<ListHost> {
  const host = await ListHost.begun();
  await host.take(spam);
  host.events.length = 0;
  host.backend.calls.length = 0;
  return host;
}

/** All is as it was before the change that failed. */
async function asBefore(host: ListHost): Promise<void> {
  expect([host.enforced, host.listed, await host.onDisk(), await host.recorded(), host.happened]).toEqual([
    stands,
    stands,
    ['spam'],
    ['list-replaced'],
    [],
  ]);
  expect(host.engine.degraded).toBeUndefined();
}

describe('a list', () => {
  it('is put, replaced, changed and deleted, each durably, and each is recorded', async () => {
    const host = await ListHost.begun();
    expect(await host.take(spam)).toBe('created');
    expect([host.enforced, host.listed]).toEqual([stands, stands]);
    expect(await host.take(other)).toBe('replaced');
    await host.again();
    expect([host.enforced, host.listed]).toEqual([otherStands, otherStands]);
    expect(await host.take(changeList('spam', { add: ['12.0.0.0/8'], remove: ['11.1.0.0/16', '12.0.0.0/9'] }))).toBe(
      'changed',
    );
    expect(host.enforced[0]).toBe(
      'spam drop 11.0.0.0/16 11.2.0.0/15 11.4.0.0/14 11.8.0.0/13 11.16.0.0/12 11.32.0.0/11 11.64.0.0/10 11.128.0.0/9 12.128.0.0/9',
    );
    await host.again();
    expect(await host.take(removeList('spam'))).toBe('deleted');
    expect([host.enforced, host.listed, await host.onDisk()]).toEqual([[], [], []]);
    expect(await host.take(removeList('spam'))).toBe('absent');
    expect(await host.take(changeList('spam', { add: ['12.0.0.0/8'] }))).toBe('absent');
    expect(await host.recorded()).toEqual(['list-replaced', 'list-replaced', 'list-changed', 'list-deleted']);
    expect(host.happened).toEqual(['list-replaced', 'list-replaced', 'list-changed', 'list-deleted']);
  });

  it('is met before those that were made earlier, also when it is replaced, and after a restart', async () => {
    const host = await ListHost.begun();
    for (const name of ['a', 'c', 'b']) await host.take(replaceList(name, ['10.0.0.0/8']));
    await host.take(replaceList('a', ['11.0.0.0/8']));
    const names = () => host.memory.lists.map(({ name }) => name);
    expect(names()).toEqual(['b', 'c', 'a']);
    await host.again();
    expect(names()).toEqual(['b', 'c', 'a']);
    await host.take(removeList('a'));
    await host.take(replaceList('a', ['11.0.0.0/8']));
    expect(names()).toEqual(['a', 'b', 'c']);
  });

  it('keeps what a replacement does not say, and sides and interfaces that fit its chain only', async () => {
    const host = await ListHost.begun();
    const expire = { until: Date.now() + 60_000 };
    await host.take(replaceList('spam', ['10.0.0.0/8'], { action: 'reject', chain: 'forward', comment: 'x', expire }));
    await host.take(replaceList('spam', ['11.0.0.0/8'], { side: 'destination' }));
    const { expiresAt, ...list } = host.engine.listing.all[0] ?? { expiresAt: 0 };
    expect(list).toMatchObject({ action: 'reject', chain: 'forward', side: 'destination', comment: 'x' });
    expect(expiresAt).toBe(expire.until);
    expect(await host.take(changeList('spam', { chain: 'output' }))).toBe('changed');
    expect(await host.take(changeList('spam', { chain: 'input' }))).toBe('changed');
    expect(host.engine.listing.all[0]).toMatchObject({ chain: 'input', side: 'source' });
    expect(await host.take(changeList('spam', { side: 'destination' }))).toBe('list-invalid');
    expect(await host.take(changeList('spam', { out: 'eth0' as never }))).toBe('interface-invalid');
  });

  it('needs an action and a chain when it is new', async () => {
    const host = await ListHost.begun();
    expect(await host.take(replaceList('spam', ['10.0.0.0/8'], {}))).toBe('list-invalid');
    expect(await host.take(replaceList('spam', ['10.0.0.0/8'], { action: 'drop' }))).toBe('list-invalid');
  });

  it('that is given again as it is changes nothing, neither its version nor the kernel', async () => {
    const host = await filled();
    const before = version(host);
    expect(await host.take(spam)).toBe('unchanged');
    expect(await host.take(changeList('spam', { add: ['10.1.0.0/16'] }))).toBe('unchanged');
    expect([version(host), host.backend.calls]).toEqual([before, []]);
    expect(await host.take(changeList('spam', { comment: 'why' }))).toBe('changed');
    expect([version(host) === before, host.backend.calls]).toEqual([false, []]);
    await host.again();
    expect(host.engine.listing.all[0]).toMatchObject({ comment: 'why', addresses: spam.addresses });
  });

  it('is not emptied and does not grow over its share by changes', async () => {
    const host = await filled();
    expect(await host.take(changeList('spam', { remove: ['0.0.0.0/0', '::/0'] }))).toBe('list-refused');
    expect(await host.take(changeList('spam', { add: ['0.0.0.0/1', '128.0.0.0/2'] }))).toBe('list-refused');
    await asBefore(host);
    const allowed = { ...changeList('spam', { remove: ['0.0.0.0/0', '::/0'] }) };
    expect(await host.take({ ...allowed, limits: { largestShare: 1, allowEmpty: true } })).toBe('changed');
    expect(host.enforced).toEqual(['spam drop']);
  });

  it('has a version that no list had before, also after a deletion, a flush and a restart', async () => {
    const host = await ListHost.begun();
    const versions: unknown[] = [];
    for (const end of [() => host.take(removeList('spam')), () => host.engine.flush(), () => host.again()]) {
      await host.take(spam);
      versions.push(version(host));
      await end();
      await host.again();
    }
    await host.take(other);
    versions.push(version(host));
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => Number(a) - Number(b)));
  });

  it('is changed only when it is the one that was meant', async () => {
    const host = await filled();
    const now = version(host) ?? 0;
    const only = (match: 'any' | readonly number[]) => ({ ...other, condition: { match } });
    expect(await host.take({ ...only([now + 1]) })).toBe('precondition-failed');
    expect(await host.take({ ...removeList('none'), condition: { match: 'any' } })).toBe('precondition-failed');
    expect(await host.take({ ...other, condition: { noneMatch: 'any' } })).toBe('precondition-failed');
    await asBefore(host);
    expect(await host.take({ ...only([1000, now]) })).toBe('replaced');
    expect(await host.take({ ...removeList('spam'), condition: { match: [now] } })).toBe('precondition-failed');
    expect(await host.take({ ...replaceList('new', ['10.0.0.0/8']), condition: { noneMatch: 'any' } })).toBe('created');
  });

  it('of somebody else is left alone by those who may only change their own', async () => {
    const host = await filled();
    const foreign = { origin: 'another', ownOnly: true };
    for (const command of [other, changeList('spam', { comment: 'x' }), removeList('spam')]) {
      expect(await host.take({ ...command, ...foreign })).toBe('not-owner');
    }
    await asBefore(host);
    expect(await host.take({ ...replaceList('own', ['10.0.0.0/8']), ...foreign })).toBe('created');
    expect(await host.take({ ...removeList('own'), ...foreign })).toBe('deleted');
    expect(await host.take({ ...other, origin: 'another' })).toBe('replaced');
    expect(host.engine.listing.all[0]?.origin).toBe('test');
  });

  it('is one of a limited number', async () => {
    const host = await ListHost.begun();
    for (let index = 0; index < mostLists; index++) await host.take(replaceList(`l${index}`, ['10.0.0.0/8']));
    expect(await host.take(spam)).toBe('list-refused');
    await host.take(removeList('l7'));
    expect(await host.take(spam)).toBe('created');
  });

  it('can be tried: what would become of it, and nothing changes', async () => {
    const host = await filled();
    const outcome = await host.engine.listing.preview(replaceList('spam', ['192.0.2.0/24']));
    expect(outcome).toMatchObject({ status: 'replaced', cut: addressSet('192.0.2.1') });
    expect(await host.engine.listing.preview(removeList('none'))).toEqual({ status: 'absent' });
    await asBefore(host);
  });

  it('is stored with what its change asks to record, also when it changes nothing', async () => {
    const host = await filled();
    const audit: AuditEntry[] = [auditEntry(1)];
    const record = (of: string) => () => ({ audit, documents: [{ kind: 'answer', id: of, body: 'x' }] });
    await host.engine.listing.write(other, record('a'));
    await host.engine.listing.write(other, record('b'));
    await host.engine.listing.write(removeList('none'), record('c'));
    expect([...(await host.disk.documents('answer')).keys()]).toEqual(['a', 'b', 'c']);
    expect(await host.engine.history.audit({ limit: 9 })).toHaveLength(3);
  });

  it('goes with a flush, and the next one brings the guard back before itself', async () => {
    const guard = { port: 7393, allowed: [] };
    const host = new ListHost();
    await host.start(protection(['192.0.2.1'], guard));
    await host.take(spam);
    expect(await host.engine.flush()).toMatchObject({ lists: 1, rules: 0 });
    expect([host.memory.dump(), host.listed, await host.onDisk()]).toEqual(['', [], []]);
    host.backend.replaces.push(isDown);
    expect(await host.take(spam)).toBe('kernel-unavailable');
    expect([host.memory.dump(), host.listed]).toEqual(['', []]);
    expect(await host.take(spam)).toBe('created');
    expect(host.memory.dump().split('\n')).toEqual(['guard 7393 ', expect.stringMatching(/^list spam/)]);
    expect(await host.put('10.0.0.9')).toBe('created');
    expect(host.enforced).toEqual(stands);
  });
});

describe('a change of a list that goes wrong', () => {
  it.each([
    ['the kernel refuses it', (host: ListHost) => host.backend.listings.push(isRefused), 'kernel-refused'],
    ['the kernel is away', (host: ListHost) => host.backend.listings.push(isDown), 'kernel-unavailable'],
    ['the answer is lost', (host: ListHost) => host.backend.listings.push(losesAnswer), 'kernel-unavailable'],
    ['the disk is full', (host: ListHost) => host.store.appends.push(isFull), 'store-failed'],
  ] as const)('is answered and leaves all as it was when %s', async (_, fault, code) => {
    for (const command of [other, changeList('spam', { add: ['12.0.0.0/8'] }), removeList('spam')]) {
      const host = await filled();
      fault(host);
      expect(await host.take(command)).toBe(code);
      // What somebody else has changed is told of; that the kernel had it and gave it back is that, when its answer was lost.
      host.events.splice(0, host.events.length, ...host.events.filter(({ kind }) => kind !== 'drift'));
      await asBefore(host);
      host.backend.heal();
      expect(['replaced', 'changed', 'deleted']).toContain(await host.take(command));
    }
  });

  it('waits for the kernel to come back, and is refused until then', async () => {
    const host = await filled();
    host.backend.down = true;
    expect(await host.take(other)).toBe('kernel-unavailable');
    expect(host.engine.degraded).toBeDefined();
    expect(await host.take(other)).toBe('kernel-unavailable');
    host.backend.down = false;
    expect(await host.take(other)).toBe('replaced');
    expect([host.enforced, host.engine.degraded, await host.onDisk()]).toEqual([otherStands, undefined, ['spam']]);
  });

  it.each([
    ['before the kernel has it', (host: ListHost) => host.backend.listings.push(diesBefore), stands],
    ['when the kernel has it', (host: ListHost) => host.backend.listings.push(diesAfter), stands],
    ['before it is stored', (host: ListHost) => host.store.appends.push(diesBefore), stands],
    ['when it is stored', (host: ListHost) => host.store.appends.push(diesAfter), otherStands],
  ] as const)('by a death %s is whole or not at all after the next start', async (_, fault, expected) => {
    const host = await filled();
    fault(host);
    void host.take(other);
    await host.again();
    expect([host.enforced, host.listed]).toEqual([expected, expected]);
  });

  it('is refused where there are no lists, and those that came along with another backend can go nevertheless', async () => {
    class Listless extends MemoryBackend {
      lacks = false;
      override async setLists(lists: Parameters<MemoryBackend['setLists']>[0]) {
        if (this.lacks && lists.length > 0) throw new RfwError('lists-unsupported', 'no lists here');
        await super.setLists(lists);
      }
      override replace(desired: Parameters<MemoryBackend['replace']>[0]) {
        return super.replace(this.lacks ? { ...desired, lists: [] } : desired);
      }
    }
    const kernel = new Listless();
    const host = new ListHost(kernel);
    await host.start();
    await host.take(spam);
    await host.take(replaceList('temporary', ['11.0.0.0/8'], { action: 'drop', chain: 'input', expire: 10 }));
    await host.take(replaceList('more', ['12.0.0.0/8']));
    await host.crash();
    kernel.lacks = true;
    await host.start();
    expect([host.enforced, host.listed.length]).toEqual([[], 3]);
    expect(await host.take(other)).toBe('lists-unsupported');
    expect(await host.take(removeList('more'))).toBe('deleted');
    await advance(10_250);
    expect([host.listed, await host.onDisk(), host.engine.degraded]).toEqual([stands, ['spam'], undefined]);
  });
});
