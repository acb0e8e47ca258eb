import type { Command, Option } from 'commander';
import type { Page } from './roff.ts';

/**
 * The synopsis, the description and the options of a program, and its commands with theirs.
 * @param purpose in a few words, where the description doesn't begin with the name and that
 */
export function describeProgram(page: Page, program: Command, purpose?: string): void {
  const description = program.description();
  page.section('NAME').paragraph(purpose === undefined ? description : `${program.name()} - ${purpose}`);
  page.section('SYNOPSIS').synopsis(`${program.name()} ${program.usage()}`);
  if (purpose !== undefined) page.section('DESCRIPTION').paragraph(description);
  page.section('OPTIONS');
  const groups = new Map<string, Option[]>();
  for (const option of optionsOf(program)) {
    const title = option.helpGroupHeading ?? '';
    groups.set(title, [...(groups.get(title) ?? []), option]);
  }
  for (const [title, options] of groups) {
    if (title !== '') page.subsection(title.replace(/:$/, ''));
    describeOptions(page, options);
  }
  const commands = program.commands.flatMap((command) => leavesOf(command, ''));
  if (commands.length === 0) return;
  page.section('COMMANDS');
  for (const { path, command } of commands) {
    page.subsection(`${path} ${command.usage().replace(/^\[options\] ?/, '')}`.trim());
    page.paragraph(sentence(command.description()));
    describeOptions(page, command.options);
  }
}

function optionsOf(program: Command): readonly Option[] {
  return program.createHelp().visibleOptions(program);
}

function describeOptions(page: Page, options: readonly Option[]): void {
  for (const option of options) page.entry(option.flags, sentence(withChoices(option)));
}

function withChoices({ description, argChoices, defaultValue }: Option): string {
  const choices = argChoices === undefined ? '' : `; one of ${argChoices.join(', ')}`;
  const usual = defaultValue === undefined || defaultValue === false ? '' : `; by default ${String(defaultValue)}`;
  return `${description}${choices}${usual}`;
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}

interface Leaf {
  readonly path: string;
  readonly command: Command;
}

/** The commands that can be given: not those that only have others below them. */
function leavesOf(command: Command, above: string): Leaf[] {
  const path = `${above} ${command.name()}`.trim();
  return command.commands.length === 0 ? [{ path, command }] : command.commands.flatMap((each) => leavesOf(each, path));
}
