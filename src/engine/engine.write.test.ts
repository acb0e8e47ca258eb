import { beforeEach, describe, expect, it } from 'vitest';
import { RfwError } from '../domain/errors.ts';
import type { ChangePage } from './changes.ts';
import type { AskedCommand, Result } from './decide.ts';
import { advance, Host, onFakeTime } from './engine.fixture.ts';
import { isDown, isFull } from './faults.fixture.ts';
import { dumped, spec } from './rules.fixture.ts';

onFakeTime();

const put = (text: string, more: Partial<AskedCommand & { kind: 'put' }> = {}): AskedCommand => ({
  kind: 'put',
  spec: spec(text),
  expire: 0,
  origin: 'test',
  ...more,
});
const remove = (text: string, more: Partial<AskedCommand> = {}): AskedCommand =>
  ({ kind: 'delete', spec: spec(text), origin: 'test', ...more }) as AskedCommand;
const patch = (text: string, more: Partial<AskedCommand & { kind: 'patch' }> = {}): AskedCommand => ({
  kind: 'patch',
  spec: spec(text),
  origin: 'test',
  ...more,
});

const statuses = (results: readonly Result[]): string[] =>
  results.map((result) => (result instanceof RfwError ? result.code : result.status));

/** `1 created 10.0.0.1/32 test` */
const told = ({ changes }: ChangePage): string[] =>
  changes.map(({ number, change }) =>
    'rule' in change
      ? `${number} ${change.kind} ${change.rule.source === 'any' ? 'any' : change.rule.source.value & 255n} ${change.by}`
      : `${number} ${change.kind}`,
  );

let host: Host;
beforeEach(async () => {
  host = await Host.running();
});

describe('a group of commands', () => {
  it('has its effect command by command', async () => {
    const commands = [put('10.0.0.1'), put('192.0.2.1'), put('10.0.0.2'), remove('10.0.0.1'), remove('10.0.0.9')];
    const results = await host.engine.write({ commands, atomic: false });
    expect(statuses(results)).toEqual(['created', 'whitelist-conflict', 'created', 'deleted', 'absent']);
    expect(host.backend.dump()).toBe(dumped('10.0.0.2'));
  });

  it('has none, when it is atomic and one command is refused', async () => {
    await host.put('10.0.0.5');
    const commands = [put('10.0.0.1'), remove('10.0.0.5'), put('10.0.0.5', { expire: 60 }), put('192.0.2.1')];
    const results = await host.engine.write({ commands, atomic: true });
    expect(statuses(results)).toEqual(['not-applied', 'not-applied', 'not-applied', 'whitelist-conflict']);
    expect(host.backend.dump()).toBe(dumped('10.0.0.5'));
    expect(await host.stored()).toMatchObject([{ seq: 1, expiresAt: null }]);
  });

  it('leaves no trace of a refused one in what comes after it in the same batch', async () => {
    const [, after] = await Promise.all([
      host.engine.write({ commands: [put('10.0.0.1'), put('192.0.2.1')], atomic: true }),
      host.engine.write({ commands: [put('10.0.0.1', { expire: 60 })], atomic: true }),
    ]);
    expect(statuses(after)).toEqual(['created']);
    expect(host.backend.dump()).toBe(dumped('10.0.0.1'));
  });

  it('loses nothing but the command that the kernel refuses', async () => {
    host.backend.refused.add('drop input any any 10.0.0.3/32 any');
    const commands = [1, 2, 3, 4, 5].map((last) => put(`10.0.0.${last}`));
    const results = await host.engine.write({ commands, atomic: false });
    expect(statuses(results)).toEqual(['created', 'created', 'kernel-refused', 'created', 'created']);
    expect(host.backend.dump()).toBe(dumped('10.0.0.5', '10.0.0.4', '10.0.0.2', '10.0.0.1'));
    await expect(host.engine.write({ commands, atomic: true })).rejects.toMatchObject({ code: 'kernel-refused' });
    expect(host.engine.size).toBe(4);
  });

  it('has no effect when kernel or disk fail', async () => {
    const commands = [put('10.0.0.1'), put('10.0.0.2')];
    host.store.appends.push(isFull);
    await expect(host.engine.write({ commands, atomic: false })).rejects.toMatchObject({ code: 'store-failed' });
    host.backend.applies.push(isDown, isDown, isDown, isDown);
    expect(statuses(await host.engine.write({ commands, atomic: false }))).toEqual([
      'kernel-unavailable',
      'kernel-unavailable',
    ]);
    expect([host.backend.dump(), await host.stored()]).toEqual(['', []]);
    expect((await host.engine.history.changes(0, 10)).last).toBe(0);
  });

  it('can be tried without any effect', async () => {
    await host.put('10.0.0.5');
    const commands = [put('10.0.0.1', { expire: 60 }), remove('10.0.0.5'), put('192.0.2.1')];
    const results = await host.engine.preview({ commands, atomic: false });
    expect(statuses(results)).toEqual(['created', 'deleted', 'whitelist-conflict']);
    expect(results[0]).toMatchObject({ rule: { seq: 2, expiresAt: Date.now() + 60_000 } });
    expect(statuses(await host.engine.preview({ commands, atomic: true }))[0]).toBe('not-applied');
    expect(host.backend.dump()).toBe(dumped('10.0.0.5'));
    expect((await host.engine.history.changes(0, 10)).last).toBe(1);
    await host.put('10.0.0.6');
    expect(await host.stored()).toMatchObject([{ seq: 2 }, { seq: 1 }]);
  });
});

describe('a patch', () => {
  it('changes expiry and comment, each alone too, and nothing else', async () => {
    await host.engine.submit(put('10.0.0.1', { comment: 'first' }));
    const later = Date.now() + 5000;
    const answers = [
      await host.engine.submit(patch('10.0.0.1', { comment: 'second' })),
      await host.engine.submit(patch('10.0.0.1', { expire: { until: later } })),
      await host.engine.submit(patch('10.0.0.1')),
      await host.engine.submit(patch('10.0.0.2', { comment: 'x' })),
    ];
    expect(answers).toMatchObject([
      { status: 'updated', rule: { comment: 'second', expiresAt: null }, before: { comment: 'first' } },
      { status: 'updated', rule: { comment: 'second', expiresAt: later } },
      { status: 'exists', rule: { seq: 1 } },
      { status: 'absent' },
    ]);
    expect(await host.stored()).toMatchObject([{ seq: 1, comment: 'second', expiresAt: later }]);
    await advance(5200);
    expect(host.engine.size).toBe(0);
  });

  it('is refused where it would end in the past', async () => {
    await host.put('10.0.0.1');
    const past = patch('10.0.0.1', { expire: { until: Date.now() } });
    await expect(host.engine.submit(past)).rejects.toMatchObject({ code: 'expire-invalid' });
  });
});

describe('a caller that may change only its own rules', () => {
  it('is refused what would change those of others', async () => {
    const mine = { ownOnly: true, origin: 'mine' };
    await host.put('10.0.0.1');
    const refused = [
      put('10.0.0.1', { ...mine, expire: 60 }),
      patch('10.0.0.1', { ...mine, comment: 'x' }),
      remove('10.0.0.1', mine),
    ];
    expect(statuses(await host.engine.write({ commands: refused, atomic: false }))).toEqual(Array(3).fill('not-owner'));
    const allowed = [put('10.0.0.1', mine), put('10.0.0.2', mine), put('10.0.0.2', { ...mine, expire: 60 })];
    const done = await host.engine.write({ commands: [...allowed, remove('10.0.0.2', mine)], atomic: false });
    expect(statuses(done)).toEqual(['exists', 'created', 'updated', 'deleted']);
  });
});

describe('what is recorded', () => {
  it('comes to the disk with the change, and not without it', async () => {
    const record = (results: readonly Result[]) => ({
      documents: [{ kind: 'answer', id: 'a', body: statuses(results).join() }],
    });
    host.store.appends.push(isFull);
    const group = { commands: [put('10.0.0.1'), put('192.0.2.1')], atomic: false, record };
    await expect(host.engine.write(group)).rejects.toMatchObject({ code: 'store-failed' });
    expect(await host.disk.documents('answer')).toEqual(new Map());
    await host.engine.write(group);
    expect(await host.disk.documents('answer')).toEqual(new Map([['a', 'created,whitelist-conflict']]));
  });

  it('is told what became of all, also when the kernel refuses some of them', async () => {
    host.backend.refused.add('drop input any any 10.0.0.3/32 any');
    const commands = [1, 2, 3, 4].map((last) => put(`10.0.0.${last}`));
    const record = (results: readonly Result[]) => ({
      documents: [{ kind: 'answer', id: 'a', body: statuses(results).join() }],
    });
    await host.engine.write({ commands, atomic: false, record });
    expect(await host.disk.documents('answer')).toEqual(new Map([['a', 'created,created,kernel-refused,created']]));
  });

  it('may be all that there is', async () => {
    const record = () => ({ documents: [{ kind: 'note', id: 'n', body: 'x' }] });
    expect(await host.engine.write({ commands: [], atomic: true, record })).toEqual([]);
    expect(await host.disk.documents('note')).toEqual(new Map([['n', 'x']]));
  });

  it('is every change, in order and without gaps, over restarts and whatever the disk refuses meanwhile', async () => {
    await host.put('10.0.0.1', 2);
    await host.put('10.0.0.2');
    await host.put('10.0.0.2', 60);
    await host.put('10.0.0.2', 60);
    host.store.full = true;
    await advance(2500);
    expect(await host.delete('10.0.0.2')).toBe('store-failed');
    host.store.full = false;
    await host.delete('10.0.0.2');
    await host.crash();
    await host.start();
    await host.put('10.0.0.3', 1);
    await host.crash();
    await advance(2000);
    await host.start();
    await host.engine.flush();
    expect(told(await host.engine.history.changes(0, 100))).toEqual([
      '1 created 1 test',
      '2 created 2 test',
      '3 updated 2 test',
      '4 expired 1 rfw',
      '5 deleted 2 test',
      '6 created 3 test',
      '7 expired 3 rfw',
      '8 flushed',
    ]);
    expect(told(await host.engine.history.changes(3, 2))).toEqual(['4 expired 1 rfw', '5 deleted 2 test']);
    expect(host.engine.lastChange).toBe(8);
  });

  it('is told to those who listen when it is on disk', async () => {
    const seen: number[] = [];
    const end = host.engine.recorded.listen(() => void seen.push(host.engine.lastChange));
    await host.put('10.0.0.1');
    await host.put('10.0.0.1');
    await host.put('10.0.0.2');
    end();
    await host.put('10.0.0.3');
    expect(seen).toEqual([1, 2]);
  });
});
