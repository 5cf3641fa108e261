/** Completion for fish. */
import { allCommands, type CommandGrammar, nameOf, type OptionGrammar, type Value } from './grammar.ts'

/** The script, to be read by the shell. */
export function fishCompletion(grammar: CommandGrammar): string {
  const lines = allCommands(grammar).flatMap((command) => {
    const here = `-n ${quote(conditionOf(command))}`
    return [
      ...command.commands.map((below) => `complete -c dfs ${here} -a ${nameOf(below)} -d ${quote(below.about)}`),
      ...command.options.map((option) => `complete -c dfs ${here} ${optionWords(option)}`),
      ...operandKinds(command).map((value) => `complete -c dfs ${here}${sourceOf(value)}`),
    ]
  })
  return `# Completion of dfs for fish. To have it in every shell: dfs completion fish > ~/.config/fish/completions/dfs.fish

# The words so far without options.
function __dfs_names
    for word in (commandline -opc)[2..]
        string match -q -- '-*' $word; or echo $word
    end
end

# Whether they begin with these.
function __dfs_at
    set -l names (__dfs_names)
    test (count $names) -ge (count $argv); or return 1
    for i in (seq (count $argv))
        test $names[$i] = $argv[$i]; or return 1
    end
end

# Whether they are these and no more, so that a command comes next.
function __dfs_just_at
    __dfs_at $argv; and test (count (__dfs_names)) -eq (count $argv)
end

complete -c dfs -e
complete -c dfs -f
${lines.join('\n')}
`
}

function conditionOf({ path, commands }: CommandGrammar): string {
  return [commands.length > 0 ? '__dfs_just_at' : '__dfs_at', ...path.slice(1)].join(' ')
}

function optionWords({ flags, about, value }: OptionGrammar): string {
  const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`))
  return `${names.join(' ')}${value === undefined ? '' : ` -r${sourceOf(value)}`} -d ${quote(about)}`
}

/** Fish does not count operands: all that one of them may be, each once. */
function operandKinds({ operands }: CommandGrammar): Value[] {
  return operands
    .map(({ value }) => value)
    .filter((value, i, all) => value.kind !== 'any' && all.findIndex(({ kind }) => kind === value.kind) === i)
}

function sourceOf(value: Value): string {
  switch (value.kind) {
    case 'choice':
      return ` -a ${quote(value.words.join(' '))}`
    case 'file':
      return ' -F'
    case 'directory':
      return " -a '(__fish_complete_directories)'"
    case 'any':
      return ''
    default:
      return ` -a '(dfs completion --ask ${value.kind} 2>/dev/null)'`
  }
}

function quote(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '\\$&')}'`
}
