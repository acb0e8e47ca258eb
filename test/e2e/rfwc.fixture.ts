import { spawn } from 'node:child_process';
import { environment } from './process.fixture.ts';
import type { Program } from './program.fixture.ts';

/** How a run of rfwc went. */
export interface Ran {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

interface RfwcOptions {
  /** Standard input; without it there is none. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs rfwc as an operator does, in a namespace, with no settings but those of `env`. */
export function rfwcIn(
  namespace: string,
  program: Program,
  args: readonly string[],
  { input, env = {} }: RfwcOptions = {},
): Promise<Ran> {
  const command = ['netns', 'exec', namespace, process.execPath, program.path('bin/rfwc'), ...args];
  const child = spawn('ip', command, {
    env: { ...environment, RFW_CONFIG: program.path('no-rfwc.json'), ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    timeout: 60_000,
  });
  child.stdin?.end(input);
  const written = { out: '', err: '' };
  child.stdout?.on('data', (chunk) => {
    written.out += String(chunk);
  });
  child.stderr?.on('data', (chunk) => {
    written.err += String(chunk);
  });
  return new Promise((resolve) => child.once('close', (exit) => resolve({ exit, ...written })));
}
