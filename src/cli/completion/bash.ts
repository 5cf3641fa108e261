/** Completion for bash 4 and later, without the package bash-completion. */
import { allCommands, type CommandGrammar, nameOf, type Value } from './grammar.ts'

/** The script, to be read by the shell. */
export function bashCompletion(grammar: CommandGrammar): string {
  const commands = allCommands(grammar)
  const steps = commands.flatMap((command) =>
    command.commands.map((below) => `      '${keyOf(command)} ${nameOf(below)}') at='${keyOf(below)}' ;;`),
  )
  const values = commands.flatMap((command) =>
    command.options.flatMap(({ flags, value }) =>
      value === undefined ? [] : [`      ${patterns(command, flags)}) value=${wordOf(value)} ;;`],
    ),
  )
  const words = commands.map((command) => {
    const flags = command.options.flatMap((option) => option.flags).join(' ')
    const below = command.commands.map(nameOf).join(' ')
    return `    '${keyOf(command)}') flags='${flags}' below='${below}' operands=(${operandsOf(command)}) ;;`
  })
  return `# Completion of dfs for bash. To have it in every shell: dfs completion bash > ~/.local/share/bash-completion/completions/dfs
_dfs() {
  local cur=\${COMP_WORDS[COMP_CWORD]} at=dfs value= count=0 only= word i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    [[ $word == '=' ]] && continue
    if [[ -n $value ]]; then value=; continue; fi
    if [[ -n $only ]]; then count=$((count + 1)); continue; fi
    case "$at $word" in
${[...steps, ...values].join('\n')}
      *' --') only=1 ;;
      *' -'*) ;;
      *) count=$((count + 1)) ;;
    esac
  done
  [[ $cur == '=' ]] && cur=
  local flags= below= operands=()
  case $at in
${words.join('\n')}
  esac
  if [[ -z $value ]]; then
    if [[ -z $only && $cur == -* ]]; then value="choice:$flags"
    elif [[ -n $below ]]; then value="choice:$below"
    elif ((count < \${#operands[@]})); then value=\${operands[count]}
    elif ((\${#operands[@]} > 0)) && [[ \${operands[-1]} == *... ]]; then value=\${operands[-1]}
    fi
  fi
  case \${value%...} in
    choice:*) mapfile -t COMPREPLY < <(compgen -W "\${value#choice:}" -- "$cur") ;;
    file) compopt -o default ;;
    directory) compopt -o dirnames ;;
    device | setting) _dfs_ask "\${value%...}" "$cur" ;;
  esac
}

# What the running daemon knows, a word and what it means a line.
_dfs_ask() {
  local word about
  while IFS=$'\\t' read -r word about; do
    [[ $word == "$2"* ]] && COMPREPLY+=("$(printf %q "$word")")
  done < <(dfs completion --ask "$1" 2>/dev/null)
}

complete -F _dfs dfs
`
}

function keyOf({ path }: CommandGrammar): string {
  return path.join(' ')
}

function patterns(command: CommandGrammar, flags: readonly string[]): string {
  return flags.map((flag) => `'${keyOf(command)} ${flag}'`).join(' | ')
}

function operandsOf({ operands }: CommandGrammar): string {
  return operands.map(({ value, isVariadic }) => `${wordOf(value)}${isVariadic ? '...' : ''}`).join(' ')
}

/** One word for sh. */
function wordOf(value: Value): string {
  return value.kind === 'choice' ? `'choice:${value.words.join(' ')}'` : value.kind
}
