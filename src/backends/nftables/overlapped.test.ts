import { describe, expect, it } from 'vitest';
import type { Message } from '../../netlink/message.ts';
import { getGeneration } from '../../netlink/nftables/commands.ts';
import { overlapped } from './overlapped.ts';

const chunk = (name: string): Message[] => [{ ...getGeneration(), operation: name }];
const nameOf = (messages: readonly Message[]): string => messages.map(({ operation }) => operation).join();

describe('chunks that are sent while the next is made', () => {
  it('are all sent in their order but the last, one at a time', async () => {
    const log: string[] = [];
    function* chunks(): Generator<Message[]> {
      for (const name of ['a', 'b', 'c']) {
        log.push(`makes ${name}`);
        yield chunk(name);
      }
    }
    const last = await overlapped(chunks(), async (messages) => {
      log.push(`sends ${nameOf(messages)}`);
      await new Promise((resolve) => setImmediate(resolve));
      log.push(`sent ${nameOf(messages)}`);
    });
    expect(nameOf(last)).toBe('c');
    expect(log).toEqual(['makes a', 'makes b', 'sends a', 'makes c', 'sent a', 'sends b', 'sent b']);
  });

  it.each([0, 1])('are not sent at all when there are %i', async (count) => {
    const last = await overlapped([chunk('a')].slice(0, count), () => Promise.reject(new Error('sent')));
    expect(nameOf(last)).toBe(count === 0 ? '' : 'a');
  });

  it('end with the first that fails, and nothing is under way after that', async () => {
    let underWay = 0;
    let sent = 0;
    const attempt = overlapped(['a', 'b', 'c', 'd'].map(chunk), async () => {
      underWay++;
      await new Promise((resolve) => setImmediate(resolve));
      underWay--;
      if (++sent === 2) throw new Error('refused');
    });
    await expect(attempt).rejects.toThrow('refused');
    expect([sent, underWay]).toEqual([2, 0]);
  });

  it('wait for what is under way when one can not be made', async () => {
    let done = false;
    function* chunks(): Generator<Message[]> {
      yield chunk('a');
      yield chunk('b');
      throw new Error('impossible');
    }
    const attempt = overlapped(chunks(), async () => {
      await new Promise((resolve) => setImmediate(resolve));
      done = true;
    });
    await expect(attempt).rejects.toThrow('impossible');
    expect(done).toBe(true);
  });
});
