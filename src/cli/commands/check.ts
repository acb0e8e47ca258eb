import type { Command } from 'commander';
import type { CheckedPacket } from '../api-types.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import type { Style } from '../output/style.ts';
import { harmless } from '../output/table.ts';
import type { Run } from '../program.ts';
import type { Session } from '../session.ts';
import { type MatchOptions, optionsOfMatch } from './match.ts';

interface CheckOptions extends MatchOptions {
  readonly allowed?: true;
}

/** `check`: what becomes of the packets of an address, and why. */
export function addCheckCommand(program: Command, run: Run): void {
  const command = program
    .command('check <address>')
    .description(
      'say whether an address is blocked, by whom, since when, until when and why; ends with 0 if it is, else 1',
    )
    .option('--allowed', 'end with 0 if it is not blocked, else 1');
  optionsOfMatch(command, 'input').action(
    run((session, address: string, options: CheckOptions) => check(session, address, options)),
  );
}

async function check(session: Session, ip: string, options: CheckOptions): Promise<ExitCode> {
  const { chain, in: into, out, to, allowed } = options;
  const query = {
    ip,
    ...(chain !== undefined && { chain }),
    ...(into !== undefined && { in: into }),
    ...(out !== undefined && { out }),
    ...(to !== undefined && { destination: to }),
  };
  return session.each(async (api) => {
    const value = await api.call('check', { query });
    // Of forward packets there are those from the address and those to it: one that is blocked is the answer.
    const blocked = value.packets.some(({ verdict }) => verdict === 'drop' || verdict === 'reject');
    const text = value.packets.map((packet) => `${lineOf(packet, session.output.style)}\n`).join('');
    const asAsked = blocked !== (allowed === true);
    return { exit: asAsked ? exitCodes.done : exitCodes.negative, value, text };
  });
}

function lineOf({ verdict, sentence }: CheckedPacket, style: Style): string {
  const words = {
    drop: style.bad('blocked'),
    reject: style.bad('rejected'),
    accept: style.good('allowed'),
    continue: style.good('not blocked'),
  };
  return `${words[verdict]}  ${harmless(sentence)}`;
}
