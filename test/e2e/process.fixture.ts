import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** The system's own programs stand in sbin, which not every shell has on its PATH. */
export const environment = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' };

export interface RunResult {
  /** Null when a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly milliseconds: number;
}

/** Runs a program to its end, however it ends; one that hangs is killed after so many seconds. */
export function run(
  file: string,
  args: readonly string[],
  options: { readonly seconds?: number; readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<RunResult> {
  const begin = performance.now();
  const { seconds = 30, cwd, env = environment } = options;
  return new Promise((resolve) => {
    const child = execFile(
      file,
      args,
      {
        env,
        ...(cwd === undefined ? {} : { cwd }),
        timeout: seconds * 1000,
        killSignal: 'SIGKILL',
        maxBuffer: 2 ** 26,
      },
      (error, stdout, stderr) => {
        const status = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
        const reason = typeof error?.code === 'string' ? error.message : '';
        resolve({ status, stdout, stderr: stderr + reason, milliseconds: performance.now() - begin });
      },
    );
    // A program that reads must not wait for what nobody will type.
    child.stdin?.end();
  });
}

/** As `run`, for what the test itself needs. @returns its standard output; throws when it fails */
export async function must(file: string, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(file, args);
  if (status === 0) return stdout;
  throw new Error(`${file} ${args.join(' ')}: status ${status}: ${stderr.trim()}`);
}

/** Waits until the condition holds and returns what it gave; throws when it doesn't within so many seconds. */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  seconds = 15,
): Promise<Exclude<T, false | undefined>> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== undefined) return value as Exclude<T, false | undefined>;
    if (performance.now() > deadline) throw new Error(`Not within ${seconds} s: ${what}`);
    await sleep(20);
  }
}
