import { Failure, usageFailure } from '../failure.ts';
import { type IptablesCommand, parseCommand } from './command.ts';
import { wordsOfLine } from './words.ts';

/** A command of a script, and where it stands. */
export interface ScriptLine {
  readonly line: number;
  readonly command: IptablesCommand;
}

/** Lines of iptables-save that say nothing of rules, or what rfw doesn't change. */
const silent = /^(?:#|:|COMMIT$|\*filter$)/;

/** What may come before the words of a command. */
const programs = new Set([
  'sudo',
  'iptables',
  'ip6tables',
  'iptables-nft',
  'ip6tables-nft',
  'iptables-legacy',
  'ip6tables-legacy',
]);

/**
 * Reads a script: a command a line, with or without the name of the program; what iptables-save writes too.
 * @throws Failure `usage` that names each line which rfw can't do
 */
export function parseScript(text: string): readonly ScriptLine[] {
  const found: ScriptLine[] = [];
  const wrong: string[] = [];
  for (const [at, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || silent.test(line)) continue;
    try {
      found.push({ line: at + 1, command: commandOf(line) });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      wrong.push(`  line ${at + 1}: ${error.message}`);
    }
  }
  if (wrong.length === 0) return found;
  const more = wrong.length > 20 ? `\n  and ${wrong.length - 20} more` : '';
  throw usageFailure(`Nothing is done, because of what rfw can't do:\n${wrong.slice(0, 20).join('\n')}${more}`);
}

function commandOf(line: string): IptablesCommand {
  if (line.startsWith('*')) throw usageFailure(`rfw has nothing to do with the table ${line.slice(1)}`);
  const words = [...wordsOfLine(line)];
  let family: string[] = [];
  while (programs.has(words[0] ?? '')) {
    const name = words.shift() ?? '';
    if (name.includes('tables')) family = [name.startsWith('ip6') ? '-6' : '-4'];
  }
  const command = parseCommand([...words, ...family]);
  if (command.kind === 'list') throw usageFailure('A script changes rules: -S and -L are for the command line');
  return command;
}
