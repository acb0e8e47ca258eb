import { describe, expect, it } from 'vitest';
import type { DocumentWrite } from '../../engine/store/store.ts';
import type { Answer } from './answer.ts';
import { Answers } from './idempotency.ts';

const day = 86_400_000;

/** Answers over a disk that takes what is to be stored with a change. */
class Desk {
  now = 0;
  readonly disk = new Map<string, string>();
  answers = new Answers(() => this.now);
  made = 0;

  /** Asks with a key. @param asks tells requests apart */
  ask(key: string, asks: string, answer: Partial<Answer> = {}): Promise<Answer> {
    const fingerprint = { text: () => asks, whole: async () => asks };
    return this.answers.once(key, fingerprint, async (keep) => {
      const made = { status: 200, body: ++this.made, ...answer };
      await Promise.resolve();
      this.write(keep(made));
      return made;
    });
  }

  write(documents: readonly DocumentWrite[]): void {
    for (const { id, body } of documents) {
      if (body === null) this.disk.delete(id);
      else this.disk.set(id, String(body));
    }
  }

  async restart(): Promise<void> {
    this.answers = new Answers(() => this.now);
    await this.answers.load({ documents: async () => this.disk });
  }
}

const replayed = ({ body, headers }: Answer): unknown[] => [body, headers?.['idempotent-replayed'] ?? 'false'];

describe('an answer to a request with a key', () => {
  it('is given again for a day, over a restart too', async () => {
    const desk = new Desk();
    expect(replayed(await desk.ask('k', 'a'))).toEqual([1, 'false']);
    desk.now = day - 1;
    expect(replayed(await desk.ask('k', 'a'))).toEqual([1, 'true']);
    await desk.restart();
    expect(replayed(await desk.ask('k', 'a'))).toEqual([1, 'true']);
    await expect(desk.ask('k', 'b')).rejects.toMatchObject({ code: 'key-reused' });
    desk.now = day;
    expect(replayed(await desk.ask('k', 'b'))).toEqual([2, 'false']);
    expect(desk.disk.size).toBe(1);
  });

  it('is made by one of several that come together, and the others wait for it', async () => {
    const desk = new Desk();
    const answers = await Promise.all(Array.from({ length: 20 }, () => desk.ask('k', 'a')));
    expect([desk.made, new Set(answers.map(({ body }) => body))]).toEqual([1, new Set([1])]);
  });

  it('is made anew after a refusal, by the next that has waited', async () => {
    const desk = new Desk();
    const fingerprint = { text: () => 'a', whole: async () => 'a' };
    const refused = desk.answers.once('k', fingerprint, async () => {
      throw new Error('refused');
    });
    const next = desk.ask('k', 'a');
    await expect(refused).rejects.toThrow('refused');
    expect(replayed(await next)).toEqual([1, 'false']);
  });
});

describe('the answers that are kept', () => {
  it('are so many at most, and the oldest go first, on disk too', async () => {
    const desk = new Desk();
    for (let key = 0; key < 10_005; key++) await desk.ask(`k${key}`, 'a');
    expect(desk.disk.size).toBe(10_000);
    expect([desk.disk.has('k4'), desk.disk.has('k5')]).toEqual([false, true]);
    expect(replayed(await desk.ask('k5', 'a')).at(1)).toBe('true');
    expect(replayed(await desk.ask('k4', 'a')).at(1)).toBe('false');
  });

  it('take so much memory at most, also after a restart', async () => {
    const desk = new Desk();
    const body = 'x'.repeat(1024 * 1024);
    const size = (): number => [...desk.disk.values()].reduce((sum, text) => sum + text.length, 0);
    for (let key = 0; key < 40; key++) await desk.ask(`k${key}`, 'a', { body });
    expect(size()).toBeLessThanOrEqual(32 * 1024 * 1024);
    expect(desk.disk.size).toBe(31);
    await desk.restart();
    await desk.ask('k40', 'a', { body });
    expect([desk.disk.size, desk.disk.has('k40')]).toEqual([31, true]);
    // The same key again takes the place of its former answer.
    desk.now = day;
    await desk.ask('k40', 'b');
    expect(desk.disk.size).toBe(1);
  });
});
