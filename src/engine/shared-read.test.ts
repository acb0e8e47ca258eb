import { describe, expect, it } from 'vitest';
import { SharedRead } from './shared-read.ts';

/** Readings that end when they are told to. */
function readings() {
  const ends: ((value: string) => void)[] = [];
  const read = new SharedRead(() => new Promise<string>((resolve) => ends.push(resolve)));
  return { read, ends };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('SharedRead', () => {
  it('has those who ask while a reading is under way share the next one', async () => {
    const { read, ends } = readings();
    const first = read.next();
    const later = [read.next(), read.next(), read.next()];
    ends[0]?.('old');
    expect(await first).toBe('old');
    await settle();
    expect(ends).toHaveLength(2);
    ends[1]?.('new');
    expect(await Promise.all(later)).toEqual(['new', 'new', 'new']);
  });

  it('begins a reading for whoever asks when none is under way', async () => {
    const { read, ends } = readings();
    for (const value of ['one', 'two']) {
      const answer = read.next();
      ends.at(-1)?.(value);
      expect(await answer).toBe(value);
      await settle();
    }
    expect(ends).toHaveLength(2);
  });

  it('goes on after a reading that fails', async () => {
    let count = 0;
    const read = new SharedRead(async () => {
      if (count++ === 0) throw new Error('no');
      return 'yes';
    });
    const [first, second] = [read.next(), read.next()];
    await expect(first).rejects.toThrow('no');
    expect(await second).toBe('yes');
    expect(await read.next()).toBe('yes');
  });
});
