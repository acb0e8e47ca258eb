import { describe, expect, it } from 'vitest';
import type { Desired } from '../backends/backend.ts';
import { MemoryBackend } from '../backends/memory.ts';
import { ruleKey } from '../domain/rule.ts';
import { advance, onFakeTime, protection, unprotected } from './engine.fixture.ts';
import { Engine } from './engine.ts';
import type { EngineEvent } from './events.ts';
import { dumped, spec } from './rules.fixture.ts';
import { MemoryStore } from './store/memory.ts';

onFakeTime();

/** A packet filter that outlives the daemon, and may have been changed while none ran. */
class LastingBackend extends MemoryBackend {
  readonly calls: string[] = [];
  #changed = false;

  change(): void {
    this.#changed = true;
  }

  override memory() {
    return 'as it was left' as never;
  }

  override async resume(memory?: unknown, desired?: Desired): Promise<boolean> {
    this.calls.push(`resume ${String(memory)}: ${Array.from(desired?.rules ?? [], ruleKey).length}`);
    return !this.#changed;
  }

  override replace(desired: Desired) {
    this.calls.push('replace');
    return super.replace(desired);
  }
}

/** A store that can be opened again, with what was handed over. */
class LastingStore extends MemoryStore {
  #kept: unknown;

  override async load() {
    return { ...(await super.load()), snapshot: this.#kept };
  }

  override async close(snapshot?: unknown) {
    this.#kept = structuredClone(snapshot);
  }
}

/** One run of a daemon after another on the same disk and the same kernel. */
class Runs {
  readonly backend = new LastingBackend();
  readonly store = new LastingStore();
  readonly events: EngineEvent[] = [];

  async run<T>(work: (engine: Engine) => Promise<T>, protect = unprotected, clean = true): Promise<T> {
    this.backend.calls.length = 0;
    const engine = await Engine.start({
      backend: this.backend,
      store: this.store,
      clock: { wall: () => Date.now(), uptime: () => performance.now(), bootId: 'a' },
      protection: protect,
      onEvent: (event) => void this.events.push(event),
    });
    const result = await work(engine);
    const snapshot = await engine.stop();
    await this.store.close(clean ? snapshot : undefined);
    return result;
  }
}

const put = (engine: Engine, address: string, expire = 0) =>
  engine.submit({ kind: 'put', spec: spec(address), expire, origin: 'me' });

describe('a run after a clean stop', () => {
  it('goes on with the rules of the last one, without bringing them into the kernel again', async () => {
    const runs = new Runs();
    await runs.run(async (engine) => {
      await put(engine, '10.0.0.1');
      await put(engine, '10.0.0.2', 60);
    });
    await runs.run(async (engine) => {
      expect(engine.size).toBe(2);
      expect(await put(engine, '10.0.0.1')).toMatchObject({ status: 'exists', rule: { origin: 'me', seq: 1 } });
      expect(await put(engine, '10.0.0.3')).toMatchObject({ status: 'created', rule: { seq: 3 } });
    });
    expect(runs.backend.calls).toEqual(['resume as it was left: 2']);
    expect(runs.backend.dump()).toBe(dumped('10.0.0.3', '10.0.0.2', '10.0.0.1'));
  });

  it('takes out what has ended meanwhile before it answers anybody, and the rest on time', async () => {
    const runs = new Runs();
    await runs.run(async (engine) => {
      await put(engine, '10.0.0.1', 10);
      await put(engine, '10.0.0.2', 30);
      await put(engine, '10.0.0.3');
    });
    await advance(20_000);
    await runs.run(async () => {
      expect(runs.backend.dump()).toBe(dumped('10.0.0.3', '10.0.0.2'));
      await advance(10_000);
      expect(runs.backend.dump()).toBe(dumped('10.0.0.3'));
    });
  });

  it.each<[string, (runs: Runs) => void, boolean]>([
    ['the kernel was changed', (runs) => runs.backend.change(), true],
    ['the last run was cut off', () => {}, false],
  ])('brings the rules into the kernel again when %s', async (_, happen, clean) => {
    const runs = new Runs();
    await runs.run((engine) => put(engine, '10.0.0.1'), unprotected, clean);
    happen(runs);
    await runs.run(async (engine) => expect(engine.size).toBe(1));
    expect(runs.backend.calls.at(-1)).toBe('replace');
  });

  it('brings another whitelist to bear', async () => {
    const runs = new Runs();
    await runs.run((engine) => put(engine, '10.0.0.1'));
    await runs.run(async (engine) => expect(engine.size).toBe(0), protection(['10.0.0.0/8']));
    expect(runs.backend.calls).toEqual(['replace']);
    expect(runs.events.map(({ kind }) => kind)).toContain('displaced');
  });

  it('has nothing handed over that was flushed', async () => {
    const runs = new Runs();
    await runs.run(async (engine) => {
      await put(engine, '10.0.0.1');
      await engine.flush();
    });
    await runs.run(async (engine) => expect(engine.size).toBe(0));
    expect(runs.backend.calls).toEqual(['replace']);
  });
});
