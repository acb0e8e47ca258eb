import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { settle } from './engine.fixture.ts';
import { WorkQueue } from './queue.ts';

/** A queue that writes down what it does, `[1 2]` for a batch and `<a>` for a task, and waits for `release` each time. */
class Trace {
  readonly log: string[] = [];
  readonly queue: WorkQueue<number>;
  #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limit = 100) {
    this.queue = new WorkQueue((batch) => this.#work(`[${batch.join(' ')}]`), limit);
  }

  task(name: string): void {
    this.queue.run(() => this.#work(`<${name}>`));
  }

  get busy(): boolean {
    return this.#waiting.length > 0;
  }

  /** Lets the piece of work that runs come to its end. */
  async release(): Promise<void> {
    this.#waiting.shift()?.();
    await settle();
  }

  async finish(): Promise<string> {
    await settle();
    while (this.busy) await this.release();
    return this.log.join(' ');
  }

  async #work(text: string): Promise<void> {
    expect(++this.#running, 'pieces of work that run at the same time').toBe(1);
    this.log.push(text);
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running--;
  }
}

describe('WorkQueue', () => {
  it('makes one batch of all that came in one turn, and one of all that came while that was worked on', async () => {
    const trace = new Trace();
    trace.queue.push(1);
    await Promise.resolve();
    trace.queue.push(2);
    await settle();
    expect(trace.log).toEqual(['[1 2]']);
    for (const item of [3, 4, 5]) trace.queue.push(item);
    expect(await trace.finish()).toBe('[1 2] [3 4 5]');
  });

  it('makes no batch larger than the limit', async () => {
    const trace = new Trace(2);
    for (const item of [1, 2, 3, 4, 5, 6]) trace.queue.push(item);
    expect(await trace.finish()).toBe('[1 2] [3 4] [5 6]');
  });

  it('runs a task after what came before it and before what came after it', async () => {
    const trace = new Trace();
    trace.queue.push(1);
    trace.queue.push(2);
    trace.queue.push(3);
    trace.task('a');
    trace.queue.push(4);
    trace.queue.push(5);
    trace.task('b');
    trace.task('c');
    expect(await trace.finish()).toBe('[1 2 3] <a> [4 5] <b> <c>');
  });

  it('is idle when it has nothing to do', async () => {
    await new Trace().queue.idle();
  });

  it('becomes idle only after what came while it was waited for', async () => {
    const trace = new Trace();
    trace.queue.push(1);
    const idle = trace.queue.idle().then(() => trace.log.push('idle'));
    await settle();
    trace.queue.push(2);
    await trace.release();
    trace.queue.push(3);
    await trace.finish();
    await idle;
    expect(trace.log.join(' ')).toBe('[1] [2] [3] idle');
  });

  it('wakes up for what comes the moment it ends', async () => {
    const worked: number[] = [];
    const queue: WorkQueue<number> = new WorkQueue(async (batch) => {
      worked.push(...batch);
    }, 100);
    queue.push(1);
    for (let item = 2; item < 20; item++) {
      // A different number of turns of the microtask queue each time, to meet every moment of the end.
      for (let turns = 0; turns < item % 7; turns++) await Promise.resolve();
      queue.push(item);
    }
    await queue.idle();
    expect(worked).toEqual(Array.from({ length: 19 }, (_, index) => index + 1));
  });

  it('loses nothing and keeps the order, however pushes, tasks and ends of work fall together', async () => {
    const step = fc.constantFrom('push', 'push', 'push', 'task', 'release', 'turn');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 4 }), async (steps, limit) => {
        const trace = new Trace(limit);
        const came: string[] = [];
        for (const [index, kind] of steps.entries()) {
          if (kind === 'push') trace.queue.push(index);
          else if (kind === 'task') trace.task(`${index}`);
          else if (kind === 'release') await trace.release();
          else await Promise.resolve();
          if (kind === 'push' || kind === 'task') came.push(`${index}`);
        }
        const log = await trace.finish();
        await trace.queue.idle();
        expect(log.match(/\d+/g) ?? []).toEqual(came);
        for (const batch of trace.log) expect(batch.split(' ').length).toBeLessThanOrEqual(limit);
      }),
    );
  });
});
