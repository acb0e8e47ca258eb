import type { OpenServer } from '../api/server.fixture.ts';
import type { AskPerson } from './ask.ts';
import { main } from './main.ts';

/** How a run of rfwc went. */
export interface Ran {
  readonly exit: number;
  /** Standard output: the data. */
  readonly out: string;
  /** Standard error: the messages. */
  readonly err: string;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly ask?: AskPerson;
  /** Whether both streams are a terminal, and how wide. */
  readonly columns?: number;
}

/** Runs rfwc within this process, with nothing of the environment but what is given. */
export async function runRfwc(args: readonly string[], { env = {}, ask, columns }: RunOptions = {}): Promise<Ran> {
  const written = { out: '', err: '' };
  const sink = (name: 'out' | 'err') => ({
    ...(columns !== undefined && { isTTY: true, columns }),
    write: (text: string) => {
      written[name] += text;
    },
  });
  const exit = await main(['node', 'rfwc', ...args], {
    env: { RFW_CONFIG: '/nonexistent/rfw.json', ...env },
    stdout: sink('out'),
    stderr: sink('err'),
    ...(ask && { ask }),
  });
  return { exit, ...written };
}

/** Runs rfwc that asks this server, whose door is the local one. */
export function rfwcAt(server: Pick<OpenServer, 'port'>, ...args: readonly string[]): Promise<Ran> {
  return runRfwc(['--host', `http://127.0.0.1:${server.port}`, '--retry', '0', ...args]);
}
