import { createInterface } from 'node:readline/promises';
import { type ExitCode, exitCodes, Failure } from './failure.ts';
import type { Session, Waiting } from './session.ts';

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

const secondsIn: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** @param time as `durationOf` gives it */
function millisecondsOf(time: string): number {
  return 1000 * Number.parseInt(time, 10) * (secondsIn[time.at(-1) ?? 's'] ?? 1);
}

/** Has the changes of a session confirmed that wait for it, if somebody is there to do that. */
export async function settleWaiting(session: Session, ask: AskPerson): Promise<ExitCode> {
  const { waiting, confirm: time, output } = session;
  if (waiting.length === 0 || time === undefined) return exitCodes.done;
  const what = waiting.length === 1 ? 'The change is' : `${waiting.length} changes are`;
  const question = `${what} undone in ${time}. Still connected? y confirms: `;
  const answer = await ask(question, millisecondsOf(time));
  if (answer === undefined) {
    for (const { target, confirmation } of waiting)
      output.note(`${target.name}: undone in ${time}, unless: rfwc confirm ${confirmation}`);
    return exitCodes.done;
  }
  if (!/^y(?:es)?$/i.test(answer.trim())) {
    output.note(`Not confirmed: undone in ${time}`);
    return exitCodes.negative;
  }
  await Promise.all(waiting.map((each) => confirmAt(session, each)));
  output.note('Confirmed: it stays');
  return exitCodes.done;
}

/** Confirms over a new connection, and one is made: what stands already says nothing about whether others still get through. */
async function confirmAt(session: Session, { target, confirmation }: Waiting): Promise<void> {
  try {
    await session.with(target, (api) => api.call('confirm', { params: { id: confirmation }, fresh: true }));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(error.exit, `${target.name}: not confirmed, and undone when the time is over: ${error.message}`, {
      cause: error,
    });
  }
}
