import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** A program that was started, until the test ends. */
export interface Program {
  readonly child: ChildProcess;
  /** What it wrote so far. */
  readonly out: () => string;
  readonly err: () => string;
  /** Exit status, or the signal that ended it. */
  readonly exit: Promise<number | string>;
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The path of a program of the checkout. */
export function program(path: string): string {
  return `${root}${path}`;
}

export interface Surroundings {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Starts a program. */
export function start(file: string, args: readonly string[], { cwd, env }: Surroundings = {}): Program {
  const child = spawn(file, args, {
    cwd: cwd ?? root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    err += String(chunk);
  });
  const exit = new Promise<number | string>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve(status ?? signal ?? 'unknown'));
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, out: () => out, err: () => err, exit };
}

export interface Ended {
  readonly status: number | string;
  readonly out: string;
  readonly err: string;
}

/** Runs a program to its end. */
export async function run(file: string, args: readonly string[], surroundings?: Surroundings): Promise<Ended> {
  const { exit, out, err } = start(file, args, surroundings);
  const status = await exit;
  return { status, out: out(), err: err() };
}

/** Waits until the program has written something; fails with all it wrote when it ends first. */
export async function untilOut(running: Program, text: string): Promise<void> {
  let ended = false;
  void running.exit.then(() => {
    ended = true;
  });
  while (!running.out().includes(text)) {
    if (ended) throw new Error(`The program ended: ${running.out()}${running.err()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
