import { afterEach, beforeEach, vi } from 'vitest';
import { MemoryBackend } from '../backends/memory.ts';
import { RfwError } from '../domain/errors.ts';
import type { PortGuard } from '../domain/guard.ts';
import type { Rule } from '../domain/rule.ts';
import type { Clock } from './clock.ts';
import type { Protection } from './decide.ts';
import { Engine } from './engine.ts';
import type { EngineEvent } from './events.ts';
import { FaultyBackend, FaultyStore, type Kernel } from './faults.fixture.ts';
import { spec, whitelist } from './rules.fixture.ts';
import { MemoryStore } from './store/memory.ts';

/** Has every test of the file run on a clock of its own, which stands still until `advance` moves it. */
export function onFakeTime(): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'], now: 1_800_000_000_000 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });
}

/** Lets everything that needs no time come to its end. */
export async function settle(): Promise<void> {
  // A batch begins a turn after what it is made of, and may lead to another.
  for (let turn = 0; turn < 4; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Moves the time, wall clock and uptime alike. */
export async function advance(milliseconds: number): Promise<void> {
  await settle();
  for (let left = milliseconds; left > 0; left -= 100) {
    vi.advanceTimersByTime(Math.min(left, 100));
    await settle();
  }
}

/** Sets the wall clock, as `date -s` does. */
export function setWallClock(milliseconds: number): void {
  vi.setSystemTime(Date.now() + milliseconds);
}

/** What became of a command: its status, or the code of its error. */
export function answer(outcome: Promise<{ status: string }>): Promise<string> {
  return outcome.then(
    ({ status }) => status,
    (error: unknown) => (error instanceof RfwError ? error.code : String(error)),
  );
}

/** Protects nothing that the tests use. */
export const unprotected: Protection = { whitelist: whitelist('192.0.2.1'), guard: null };

export function protection(entries: readonly string[], guard: PortGuard | null = null): Protection {
  return { whitelist: whitelist(...entries), guard };
}

/** A host: its kernel and its disk outlive the daemon. */
export class Host {
  readonly kernel: Kernel;
  readonly backend: FaultyBackend;
  readonly disk = new MemoryStore();
  readonly store = new FaultyStore(this.disk);
  readonly events: EngineEvent[] = [];
  bootId = 'first';
  #engine: Engine | undefined;

  constructor(kernel: Kernel = new MemoryBackend()) {
    this.kernel = kernel;
    this.backend = new FaultyBackend(kernel);
  }

  /** A host whose daemon runs. */
  static async running(kernel?: Kernel): Promise<Host> {
    const host = new Host(kernel);
    await host.start();
    return host;
  }

  /** @param moving whether the kernel is another than the one that the disk is about */
  async start(protection: Protection = unprotected, moving = false): Promise<void> {
    const { backend, store, bootId } = this;
    const clock: Clock = { wall: () => Date.now(), uptime: () => performance.now(), bootId };
    const onEvent = (event: EngineEvent): void => void this.events.push(event);
    this.#engine = await Engine.start({ backend, store, clock, protection, onEvent, moving });
  }

  get engine(): Engine {
    if (this.#engine === undefined) throw new Error('The daemon does not run');
    return this.#engine;
  }

  /** Ends the daemon where it stands, as kill -9 does; what a fault holds up never goes on. */
  async crash(): Promise<void> {
    await settle();
    this.engine.stop();
    this.#engine = undefined;
    this.backend.heal();
    this.store.heal();
    // Which version of a list the kernel holds was known to the process alone: the next one knows none of them.
    await this.kernel.setLists(this.kernel.lists.map((list, at) => ({ ...list, version: -1 - at })));
  }

  put(text: string, expire = 0): Promise<string> {
    return answer(this.engine.submit({ kind: 'put', spec: spec(text), expire, origin: 'test' }));
  }

  delete(text: string): Promise<string> {
    return answer(this.engine.submit({ kind: 'delete', spec: spec(text), origin: 'test' }));
  }

  /** Somebody takes a rule out of the kernel by hand. */
  tamper(text: string): Promise<void> {
    return this.kernel.apply({ add: [], remove: [spec(text)], refresh: [], renew: [] });
  }

  /** What is on the disk, newest first. */
  async stored(): Promise<Rule[]> {
    return [...(await this.disk.load()).rules].reverse();
  }

  /** What happened, oldest first. */
  get happened(): string[] {
    return this.events.map((event) => event.kind);
  }
}
