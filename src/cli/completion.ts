import type { Command, Option } from 'commander';

/** The shells that a script is made for. */
export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** A script that has a shell complete the commands and options of a program, made from its tree. */
export function completionOf(shell: Shell, program: Command): string {
  if (shell === 'fish') return fishScript(program);
  return shell === 'bash' ? bashScript(program) : zshScript(program);
}

/** A command, by the words that lead to it: `list put`. */
interface Node {
  readonly path: string;
  readonly command: Command;
}

function nodesOf(command: Command, path = ''): Node[] {
  const below = command.commands.flatMap((each) => nodesOf(each, path === '' ? each.name() : `${path} ${each.name()}`));
  return [{ path, command }, ...below];
}

/** The options of a command, those of the program included, which stand anywhere. */
function optionsOf(program: Command, command: Command): readonly Option[] {
  return command === program ? program.options : [...command.options, ...program.options];
}

function flagsOf({ short, long }: Option): string[] {
  return [short, long].filter((flag) => flag !== undefined);
}

function isFile({ flags }: Option): boolean {
  return /<(?:file|path)>/.test(flags);
}

function takesValue({ required, optional }: Option): boolean {
  return required || optional;
}

function bashScript(program: Command): string {
  const name = program.name();
  const nodes = nodesOf(program);
  const paths = nodes.filter(({ path }) => path !== '').map(({ path }) => `      '${path}') path='${path}' ;;`);
  const words = nodes.map(({ path, command }) => {
    const names = command.commands.map((each) => each.name());
    const flags = optionsOf(program, command).flatMap(flagsOf);
    return `    '${path}') words='${[...names, ...flags].join(' ')}' ;;`;
  });
  const options = [...new Set(nodes.flatMap(({ command }) => command.options))];
  const values = options.filter(takesValue).map((option) => {
    const pattern = flagsOf(option).join('|');
    if (option.argChoices !== undefined)
      return `    ${pattern}) COMPREPLY=($(compgen -W '${option.argChoices.join(' ')}' -- "$cur")); return ;;`;
    return `    ${pattern}) ${isFile(option) ? 'COMPREPLY=($(compgen -f -- "$cur")); ' : ''}return ;;`;
  });
  return `# Completion of ${name} for bash: source <(${name} completion bash)
_${name}() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" path='' word words=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
${paths.join('\n')}
    esac
  done
  COMPREPLY=()
  case "$prev" in
${values.join('\n')}
  esac
  case "$path" in
${words.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  # What isn't an option may be a file, as that of import.
  [[ \${#COMPREPLY[@]} -gt 0 || "$cur" == -* ]] || COMPREPLY=($(compgen -f -- "$cur"))
}
complete -F _${name} ${name}
`;
}

function zshScript(program: Command): string {
  // zsh runs what was made for bash.
  return `#compdef ${program.name()}
autoload -U +X bashcompinit && bashcompinit
${bashScript(program)}`;
}

function fishScript(program: Command): string {
  const name = program.name();
  const lines = nodesOf(program).flatMap(({ path, command }) => {
    const condition = path === '' ? '' : ` -n '${conditionOf(path)}'`;
    const own = command.options.map((option) => fishOption(name, condition, option));
    const names = command.commands.map(
      (each) =>
        `complete -c ${name} -n '${belowOf(path, command)}' -a ${each.name()} -d ${fishText(each.description())}`,
    );
    return [...names, ...own];
  });
  return [`# Completion of ${name} for fish: ${name} completion fish | source`, ...lines, ''].join('\n');
}

/** Whether the words of a path were typed. */
function conditionOf(path: string): string {
  return path
    .split(' ')
    .map((word) => `__fish_seen_subcommand_from ${word}`)
    .join('; and ');
}

/** Whether a command below this one is to be named next. */
function belowOf(path: string, command: Command): string {
  const names = command.commands.map((each) => each.name()).join(' ');
  const here = path === '' ? '' : `${conditionOf(path)}; and `;
  return `${here}not __fish_seen_subcommand_from ${names}`;
}

function fishOption(name: string, condition: string, option: Option): string {
  const { short, long, argChoices, description } = option;
  const choices = argChoices === undefined ? '' : ` -xa '${argChoices.join(' ')}'`;
  const value = argChoices === undefined && takesValue(option) ? (isFile(option) ? ' -rF' : ' -x') : choices;
  const flags = [short === undefined ? '' : ` -s ${short.slice(1)}`, long === undefined ? '' : ` -l ${long.slice(2)}`];
  return `complete -c ${name}${condition}${flags.join('')}${value} -d ${fishText(description)}`;
}

function fishText(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
