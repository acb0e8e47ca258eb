import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SetsPoll } from './sets-poll.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('says nothing while the sets hold what they should, and something at each look when they do not', async () => {
  let holds = true;
  const disturbed = vi.fn();
  const poll = new SetsPoll({ look: async () => holds, disturbed });
  await vi.advanceTimersByTimeAsync(5000);
  expect(disturbed).not.toHaveBeenCalled();
  holds = false;
  await vi.advanceTimersByTimeAsync(750);
  expect(disturbed).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(750);
  expect(disturbed).toHaveBeenCalledTimes(2);
  poll.close();
});

it('has somebody look when it can not', async () => {
  const disturbed = vi.fn();
  const poll = new SetsPoll({ look: () => Promise.reject(new Error('no')), disturbed });
  await vi.advanceTimersByTimeAsync(750);
  expect(disturbed).toHaveBeenCalledTimes(1);
  poll.close();
});

it('looks more rarely the longer that takes', async () => {
  let looks = 0;
  const look = async (): Promise<boolean> => {
    looks++;
    await new Promise((resolve) => setTimeout(resolve, 40));
    return true;
  };
  const poll = new SetsPoll({ look, disturbed: () => {} });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(looks).toBe(5);
  poll.close();
});

it('says nothing once it is closed, also in the midst of a look', async () => {
  const disturbed = vi.fn();
  const look = () => new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 100));
  const poll = new SetsPoll({ look, disturbed });
  await vi.advanceTimersByTimeAsync(800);
  poll.close();
  await vi.advanceTimersByTimeAsync(5000);
  expect(disturbed).not.toHaveBeenCalled();
});
