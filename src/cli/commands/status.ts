import type { Command } from 'commander';
import type { Status } from '../api-types.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import type { Style } from '../output/style.ts';
import { harmless } from '../output/table.ts';
import { formatSeconds } from '../output/time.ts';
import type { Run } from '../program.ts';
import type { Session } from '../session.ts';

/** `status`: how the daemons are. */
export function addStatusCommand(program: Command, run: Run): void {
  program
    .command('status')
    .description('say how the daemon is; ends with 0 if it is ready, with 1 if the kernel does not hold the rules')
    .action(run((session) => status(session)));
}

async function status(session: Session): Promise<ExitCode> {
  return session.each(async (api) => {
    const value = await api.call('getStatus');
    const exit = value.state === 'ready' ? exitCodes.done : exitCodes.negative;
    return { exit, value, text: textOf(value, session.output.style) };
  });
}

function textOf(status: Status, style: Style): string {
  const { state, degraded, capabilities, uptime, memory, urls } = status;
  const lines: readonly (readonly [name: string, value: string])[] = [
    ['state', degraded === null ? style.good(state) : style.bad(`${state}: ${harmless(degraded)}`)],
    ['rules', String(status.rules)],
    ['lists', String(status.lists)],
    ['backend', harmless(capabilities.summary)],
    ...capabilities.shortcomings.map((text) => ['', style.warn(harmless(text))] as const),
    ['repairs', `${status.drifts} since the start`],
    ['waiting', `${status.queue} changes`],
    ['running', `rfw ${harmless(status.version)}, for ${formatSeconds(uptime)}`],
    ['memory', `${Math.round(memory.rss / 1e6)} MB`],
    ...urls.map((url, at) => [at === 0 ? 'listens at' : '', harmless(url)] as const),
  ];
  return lines.map(([name, value]) => `${style.dim(name.padEnd(10))}  ${value}\n`).join('');
}
