import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ownerVariable } from './commands.ts';
import { waitForOrphans } from './orphans.ts';

const owner = `/tmp/rfw-orphans-${process.pid}`;
const started: ChildProcess[] = [];

/** A program that an earlier daemon of the owner left behind. */
async function orphanOf(whose: string, seconds: number): Promise<ChildProcess> {
  const child = spawn('sleep', [String(seconds)], { env: { PATH: process.env['PATH'], [ownerVariable]: whose } });
  started.push(child);
  await once(child, 'spawn');
  while (!readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').startsWith('sleep')) await sleep(1);
  return child;
}

afterEach(() => {
  vi.restoreAllMocks();
  for (const child of started.splice(0)) child.kill();
});

describe('waitForOrphans', () => {
  it('has nothing to wait for where no program was left', async () => {
    await waitForOrphans(owner);
  });

  it('waits until the programs have ended', async () => {
    const children = [await orphanOf(owner, 0.2), await orphanOf(owner, 0.4)];
    await waitForOrphans(owner);
    for (const child of children) expect(() => readFileSync(`/proc/${child.pid}/environ`, 'utf8')).toThrow();
  });

  it('does not wait for the programs of another owner, also where one name begins the other', async () => {
    const other = await orphanOf(`${owner}-2`, 20);
    await waitForOrphans(owner);
    expect(other.exitCode).toBe(null);
  });

  it('gives up in the end, and says which program it is', async () => {
    const child = await orphanOf(owner, 20);
    vi.spyOn(performance, 'now').mockReturnValueOnce(0).mockReturnValue(20_001);
    await expect(waitForOrphans(owner)).rejects.toMatchObject({
      code: 'kernel-unavailable',
      message: expect.stringContaining(`(process ${child.pid})`),
    });
  });
});
