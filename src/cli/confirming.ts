import { millisecondsOf } from './duration.ts';
import { type ExitCode, exitCodes, Failure } from './failure.ts';
import type { Session, Waiting } from './session.ts';

/** Has the changes of a session confirmed that wait for it, if somebody is there to do that. */
export async function settleWaiting(session: Session): Promise<ExitCode> {
  const { waiting, confirm: time, output } = session;
  if (waiting.length === 0 || time === undefined) return exitCodes.done;
  const what = waiting.length === 1 ? 'The change is' : `${waiting.length} changes are`;
  const question = `${what} undone in ${time}. Still connected? y confirms: `;
  const answer = await session.ask({ text: question, patience: millisecondsOf(time) });
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
