import { beforeEach, describe, expect, it } from 'vitest';
import { type Change, isEmpty } from '../backends/backend.ts';
import { MemoryBackend } from '../backends/memory.ts';
import { ruleKey } from '../domain/rule.ts';
import { answer, onFakeTime, unprotected } from './engine.fixture.ts';
import { Engine } from './engine.ts';
import { FaultyStore } from './faults.fixture.ts';
import { spec } from './rules.fixture.ts';
import { MemoryStore } from './store/memory.ts';

onFakeTime();

/** A packet filter that ends rules by itself: seconds from now by rule, or never. */
class EndingBackend extends MemoryBackend {
  readonly ends = new Map<string, number | 'never'>();
  refusesRenewals = false;

  override async apply(change: Change): Promise<void> {
    if (this.refusesRenewals && change.renew.length > 0) throw new Error('the kernel is away');
    await super.apply(change);
    for (const rule of [...change.add, ...change.renew]) {
      const end = rule.expiresAt === null ? 'never' : (rule.expiresAt - Date.now()) / 1000;
      if (!isEmpty(change)) this.ends.set(ruleKey(rule), end);
    }
  }
}

let backend: EndingBackend;
let store: FaultyStore;
let engine: Engine;
const put = (expire: number): Promise<string> =>
  answer(engine.submit({ kind: 'put', spec: spec('10.0.0.1'), expire, origin: 'me' }));
const end = (): number | 'never' | undefined => backend.ends.get(ruleKey(spec('10.0.0.1')));

beforeEach(async () => {
  backend = new EndingBackend();
  store = new FaultyStore(new MemoryStore());
  const clock = { wall: () => Date.now(), uptime: () => performance.now(), bootId: 'a' };
  engine = await Engine.start({ backend, store, clock, protection: unprotected, onEvent: () => {} });
});

describe('a rule that is put again', () => {
  it.each<[string, number, number, number | 'never']>([
    ['later', 60, 600, 600],
    ['sooner', 600, 60, 60],
    ['never', 600, 0, 'never'],
    ['at all', 0, 600, 600],
  ])('and is to end %s ends so in the kernel', async (_, first, second, expected) => {
    await put(first);
    expect(await put(second)).toBe('updated');
    expect(end()).toBe(expected);
  });

  it('and is to end sooner does not when the disk refuses: the kernel would end it by itself', async () => {
    await put(0);
    store.full = true;
    expect(await put(2)).toBe('store-failed');
    expect(end()).toBe('never');
  });

  it('and is to end sooner does so by the engine when the kernel can not be told', async () => {
    await put(0);
    backend.refusesRenewals = true;
    expect(await put(60)).toBe('updated');
    expect(engine.size).toBe(1);
  });
});
