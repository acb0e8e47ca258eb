import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';

/** A question to whoever sits at the terminal. */
export interface PersonQuestion {
  readonly text: string;
  /** How long it waits, in milliseconds. */
  readonly patience: number;
  /** Whether what is typed must not be seen. */
  readonly secret?: boolean;
}

/** Asks. @returns what is typed; undefined when the time is over, or nobody is there */
export type AskPerson = (question: PersonQuestion) => Promise<string | undefined>;

/** Asks at the terminal of the process; nobody is there where its input or its messages go elsewhere. */
export const askAtTerminal: AskPerson = async ({ text, patience, secret = false }) => {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  // What is typed is shown by whoever reads it; without an output nobody does.
  const output = secret ? new Writable({ write: (_chunk, _encoding, done) => done() }) : process.stderr;
  const lines = createInterface({ input: process.stdin, output, terminal: true });
  if (secret) process.stderr.write(text);
  try {
    return await lines.question(secret ? '' : text, { signal: AbortSignal.timeout(patience) });
  } catch {
    return undefined;
  } finally {
    if (secret) process.stderr.write('\n');
    lines.close();
  }
};
