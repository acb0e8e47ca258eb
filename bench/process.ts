import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** What a program wrote, and how many milliseconds it took from fork to end. */
export interface Ended {
  readonly stdout: string;
  readonly milliseconds: number;
}

/** Runs a program to its end. @throws when it fails, or takes more than ten minutes */
export function run(file: string, args: readonly string[]): Promise<Ended> {
  const begin = performance.now();
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: 2 ** 28, timeout: 600_000 };
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      if (error === null) resolve({ stdout, milliseconds: performance.now() - begin });
      else reject(new Error(`${file} ${args.join(' ')}: ${(stderr || error.message).slice(0, 500)}`));
    });
    child.stdin?.end();
  });
}

/** The command line that runs a module of the bench, which takes one value as JSON. */
export function moduleCommand(name: string, argument: unknown): readonly [file: string, ...args: string[]] {
  return [process.execPath, fileURLToPath(new URL(`./${name}.js`, import.meta.url)), JSON.stringify(argument)];
}

/** A program that speaks lines of JSON: with the bench over standard input and output. */
export class Partner {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #exited: Promise<void>;

  constructor([file, ...args]: readonly [file: string, ...args: string[]]) {
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.#exited = new Promise((resolve) => child.once('close', () => resolve()));
    // One that has ended is noticed where its next line is missing.
    child.stdin.on('error', () => undefined);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The next thing that it says. @throws when it has ended instead */
  async next<T>(): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`A part of the bench has ended early: ${this.#child.spawnargs.slice(0, 3).join(' ')}`);
    return JSON.parse(value) as T;
  }

  /** Tells it something. */
  tell(value: unknown): void {
    this.#child.stdin?.write(`${JSON.stringify(value)}\n`);
  }

  /** Lets it end in order, by the end of its input. */
  async end(): Promise<void> {
    this.#child.stdin?.end();
    await this.#exited;
  }
}

/** What the bench tells this process, line by line, until it wants it to end. */
export async function* told<T>(): AsyncGenerator<T> {
  for await (const line of createInterface({ input: process.stdin })) yield JSON.parse(line) as T;
}

/** Tells the bench something. */
export function tellBench(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Resident memory of a process in MB of a million bytes, now and at most: VmRSS and VmHWM of proc(5), there in KiB. */
export function memoryOf(pid: number | 'self'): { readonly now: number; readonly most: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const megabytes = (key: string): number =>
    (Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1]) * 1024) / 1e6;
  return { now: megabytes('VmRSS'), most: megabytes('VmHWM') };
}

/**
 * Waits until the machine has little to do, at most three seconds: the kernel frees a large set after the program that deleted it
 * has ended, and that must not be counted against the next one.
 */
export async function settle(): Promise<void> {
  for (let attempt = 0; attempt < 15; attempt++) {
    const before = busyTicks();
    await sleep(200);
    if (busyTicks() - before <= 3) return;
  }
}

/** Ticks of 10 ms in which a core did something: the first line of /proc/stat but for idle and iowait. */
function busyTicks(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (
    readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? ''
  )
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return user + nice + system + irq + softirq;
}
