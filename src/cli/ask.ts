import { createInterface } from 'node:readline/promises';

/** A question to whoever sits at the terminal. @returns what is typed; undefined when the time is over, or nobody is there */
export type AskPerson = (question: string, milliseconds: number) => Promise<string | undefined>;

/** Asks at the terminal of the process; nobody is there where its input or its messages go elsewhere. */
export const askAtTerminal: AskPerson = async (question, milliseconds) => {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question, { signal: AbortSignal.timeout(milliseconds) });
  } catch {
    process.stderr.write('\n');
    return undefined;
  } finally {
    lines.close();
  }
};
