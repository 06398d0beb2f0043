// signet-relay completion: what a shell offers behind the Tab key, made of the very commands and options there are.
import type { Command, Option } from 'commander';

/** What an option's value is, by the word that stands for it in the help. */
const values: Record<string, 'folder' | 'file' | 'none' | readonly string[]> = {
  folder: 'folder',
  file: 'file',
  level: ['silent', 'error', 'warn', 'info', 'debug'],
};
const valueOf = ({ flags }: Option): (typeof values)[string] | undefined => {
  const word = /<([^>]+)>/.exec(flags)?.[1];
  return word === undefined ? undefined : (values[word] ?? 'none');
};
const optionsOf = (command: Command): Option[] => [...command.createHelp().visibleOptions(command)];
const namesOf = (command: Command): string[] => optionsOf(command).map(({ long }) => long!);
/** Commands that take a file. */
const takesFile = (command: Command): boolean =>
  command.registeredArguments.some((argument) => argument.name() === 'file');

function bash(program: Command): string {
  const { commands } = program;
  const all = commands.flatMap(optionsOf);
  const withValue = (kind: string): string =>
    [...new Set(all.filter((option) => valueOf(option) === kind).map(({ long }) => long!))].join('|');
  const lists = [...new Map(all.filter((o) => Array.isArray(valueOf(o))).map((o) => [o.long!, valueOf(o)]))];
  const names = commands.map((command) => command.name());
  return `# bash completion for signet-relay
_signet_relay() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command=serve word
  COMPREPLY=()
  case $prev in
    ${withValue('folder')}) mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
    ${withValue('file')}) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
${lists.map(([name, list]) => `    ${name}) mapfile -t COMPREPLY < <(compgen -W '${(list as string[]).join(' ')}' -- "$cur"); return ;;`).join('\n')}
    ${withValue('none')}) return ;;
  esac
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in ${names.join('|')}) command=$word; break ;; esac
  done
  local options
  case $command in
${commands.map((command) => `    ${command.name()}) options='${namesOf(command).join(' ')}' ;;`).join('\n')}
  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
  elif ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W '${names.join(' ')}' -- "$cur")
  else
    case $command in
      ${commands
        .filter(takesFile)
        .map((command) => command.name())
        .join('|')}) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
      completion) mapfile -t COMPREPLY < <(compgen -W '${Object.keys(shells).join(' ')}' -- "$cur") ;;
    esac
  fi
}
complete -o filenames -F _signet_relay signet-relay
`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

function zsh(program: Command): string {
  const action = (option: Option): string => {
    const value = valueOf(option);
    if (value === undefined) return '';
    const what =
      value === 'folder'
        ? '_files -/'
        : value === 'file'
          ? '_files'
          : value === 'none'
            ? ' '
            : `(${value.join(' ')})`;
    return `:value:${what}`;
  };
  const plain = (text: string): string =>
    text.replaceAll('[', '(').replaceAll(']', ')').replaceAll(':', ' -');
  const describe = (option: Option): string =>
    quoted(`${option.long}[${plain(option.description)}]${action(option)}`);
  const cases = program.commands.map((command) => {
    const files = takesFile(command) ? ` '*:file:_files'` : '';
    const shellNames = command.name() === 'completion' ? ` ':shell:(${Object.keys(shells).join(' ')})'` : '';
    return `    ${command.name()}) _arguments ${optionsOf(command).map(describe).join(' ')}${files}${shellNames} ;;`;
  });
  return `#compdef signet-relay
_signet_relay() {
  local -a commands=(
${program.commands.map((command) => `    ${quoted(`${command.name()}:${plain(command.description())}`)}`).join('\n')}
  )
  local command=serve
  if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then
    _describe command commands
    return
  fi
  if [[ $words[2] != -* ]]; then
    command=$words[2]
    shift words
    ((CURRENT--))
  fi
  case $command in
${cases.join('\n')}
  esac
}
compdef _signet_relay signet-relay
`;
}

function fish(program: Command): string {
  const lines = program.commands.flatMap((command) => {
    const name = command.name();
    const seen =
      name === 'serve'
        ? `'not __fish_seen_subcommand_from ${others(program)}'`
        : `'__fish_seen_subcommand_from ${name}'`;
    const options = optionsOf(command).map((option) => {
      const value = valueOf(option);
      const takes =
        value === undefined
          ? ''
          : value === 'folder'
            ? ` -x -a '(__fish_complete_directories)'`
            : value === 'file'
              ? ' -r -F'
              : value === 'none'
                ? ' -x'
                : ` -x -a '${value.join(' ')}'`;
      return `complete -c signet-relay -n ${seen} -l ${option.long!.slice(2)}${takes} -d ${quoted(option.description)}`;
    });
    const files = takesFile(command) ? [`complete -c signet-relay -n ${seen} -F`] : [];
    const shellNames =
      name === 'completion'
        ? [`complete -c signet-relay -n ${seen} -a '${Object.keys(shells).join(' ')}'`]
        : [];
    return [
      `complete -c signet-relay -n __fish_use_subcommand -a ${name} -d ${quoted(command.description())}`,
      ...options,
      ...files,
      ...shellNames,
    ];
  });
  return `# fish completion for signet-relay\ncomplete -c signet-relay -f\n${lines.join('\n')}\n`;
}

const others = (program: Command): string =>
  program.commands
    .map((command) => command.name())
    .filter((name) => name !== 'serve')
    .join(' ');

const shells = { bash, zsh, fish };
export type Shell = keyof typeof shells;

/** The script that teaches a shell the program's commands and options. */
export const completionFor = (shell: Shell, program: Command): string => shells[shell](program);
