/** Completion for zsh, by its own `_arguments`. */
import {
  allCommands,
  type CommandGrammar,
  nameOf,
  type OperandGrammar,
  type OptionGrammar,
  type Value,
} from './grammar.ts'

/** The script: to be read by the shell, or put as `_dfs` into a directory of its `fpath`. */
export function zshCompletion(grammar: CommandGrammar): string {
  return `#compdef dfs
# Completion of dfs for zsh. To have it in every shell: dfs completion zsh > a directory of your fpath/_dfs

# What the running daemon knows, a word and what it means a line.
_dfs_ask() {
  local -a known
  local word about
  while IFS=$'\\t' read -r word about; do
    known+=("\${word//:/\\\\:}:$about")
  done < <(dfs completion --ask "$1" 2>/dev/null)
  _describe "$1" known
}

${allCommands(grammar).reverse().map(commandFunction).join('\n\n')}

if [ "$funcstack[1]" = _dfs ]; then _dfs "$@"; else compdef _dfs dfs; fi
`
}

function commandFunction(command: CommandGrammar): string {
  return command.commands.length === 0 ? leafFunction(command) : branchFunction(command)
}

function leafFunction(command: CommandGrammar): string {
  const specs = [...command.options.map(optionSpec), ...command.operands.map(operandSpec)]
  return `${functionOf(command)}() {\n  _arguments -S ${specs.join(' \\\n    ')}\n}`
}

function branchFunction(command: CommandGrammar): string {
  const described = command.commands.map((below) => quote(`${nameOf(below)}:${below.about}`))
  const cases = command.commands.map((below) => `      ${nameOf(below)}) ${functionOf(below)} ;;`)
  const specs = [...command.options.map(optionSpec), "'1:command:->command'", "'*::argument:->argument'"]
  return `${functionOf(command)}() {
  local context state state_descr line
  typeset -A opt_args
  local -a commands=(
    ${described.join('\n    ')}
  )
  _arguments -C ${specs.join(' \\\n    ')}
  case $state in
    command) _describe command commands ;;
    argument)
      case $line[1] in
${cases.join('\n')}
      esac ;;
  esac
}`
}

function functionOf({ path }: CommandGrammar): string {
  return `_${path.join('_')}`
}

/** `'(-o --out)'{-o+,--out=}'[what it does]:value:action'`: a value may follow, or come with the option. */
function optionSpec({ flags, about, value }: OptionGrammar): string {
  const takes = value === undefined ? flags : flags.map((flag) => `${flag}${flag.startsWith('--') ? '=' : '+'}`)
  const rest = quote(
    `[${about.replaceAll(/[[\]\\:]/g, '\\$&')}]${value === undefined ? '' : `:value:${actionOf(value)}`}`,
  )
  return takes.length === 1 ? `${takes[0]}${rest}` : `'(${flags.join(' ')})'{${takes.join(',')}}${rest}`
}

function operandSpec({ name, value, isOptional, isVariadic }: OperandGrammar, index: number): string {
  const place = isVariadic ? '*' : `${index + 1}${isOptional ? ':' : ''}`
  return quote(`${place}:${name}:${actionOf(value)}`)
}

function actionOf(value: Value): string {
  switch (value.kind) {
    case 'choice':
      return `(${value.words.join(' ')})`
    case 'file':
      return '_files'
    case 'directory':
      return '_files -/'
    case 'any':
      return ' '
    default:
      return `_dfs_ask ${value.kind}`
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
