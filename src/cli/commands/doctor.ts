import type { Command } from 'commander';
import { type Check, examine } from '../doctor/examination.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import type { Style } from '../output/style.ts';
import { harmless } from '../output/table.ts';
import type { Run } from '../program.ts';
import type { Session } from '../session.ts';

/** `doctor`: what is wrong, and what to do. */
export function addDoctorCommand(program: Command, run: Run): void {
  program
    .command('doctor')
    .description('look at connection, certificate, rights, clock and backend, and say what to do')
    .action(run((session) => doctor(session)));
}

function doctor(session: Session): Promise<ExitCode> {
  return session.each(async (api, target) => {
    const checks = await examine(api, target, session.patience, Date.now);
    const text = checks.map((check) => `${lineOf(check, session.output.style)}\n`).join('');
    return { exit: exitOf(checks), value: checks, text };
  });
}

function lineOf({ name, state, message }: Check, style: Style): string {
  const mark = { ok: style.good('ok  '), warn: style.warn('warn'), fail: style.bad('FAIL') }[state];
  return `${mark}  ${name.padEnd(11)}  ${harmless(message)}`;
}

/** By what went wrong first: all that comes after depends on it. */
function exitOf(checks: readonly Check[]): ExitCode {
  return checks.find(({ state }) => state === 'fail')?.exit ?? exitCodes.done;
}
