/** What may stand where on the command line of dfs, as commander knows it: what completion is generated from. */
import type { Argument, Command, Option } from 'commander'

/** What a word is. Devices and settings are asked of the daemon, if it runs. */
export type Value =
  | { readonly kind: 'file' | 'directory' | 'device' | 'setting' | 'any' }
  | { readonly kind: 'choice'; readonly words: readonly string[] }

export interface OptionGrammar {
  /** `-f`, `--foreground`. */
  readonly flags: readonly string[]
  readonly about: string
  /** What follows it; undefined if nothing does. */
  readonly value: Value | undefined
}

export interface OperandGrammar {
  readonly name: string
  readonly value: Value
  /** It may be left out. */
  readonly isOptional: boolean
  /** It may be given many times. */
  readonly isVariadic: boolean
}

export interface CommandGrammar {
  /** From `dfs` on. */
  readonly path: readonly string[]
  readonly about: string
  readonly options: readonly OptionGrammar[]
  readonly operands: readonly OperandGrammar[]
  readonly commands: readonly CommandGrammar[]
}

/** By the names of operands and of options' values. */
const KINDS: Readonly<Record<string, Exclude<Value['kind'], 'choice'>>> = {
  path: 'file',
  stub: 'file',
  out: 'file',
  folder: 'directory',
  mountpoint: 'directory',
  directory: 'directory',
  id: 'device',
  key: 'setting',
}

export function grammarOf(command: Command, above: readonly string[] = []): CommandGrammar {
  const path = [...above, command.name()]
  const help = command.createHelp()
  return {
    path,
    about: command.description(),
    options: help.visibleOptions(command).map(optionGrammar),
    operands: command.registeredArguments.map(operandGrammar),
    commands: command.commands.map((one) => grammarOf(one, path)),
  }
}

/** A command and all below it. */
export function allCommands(grammar: CommandGrammar): CommandGrammar[] {
  return [grammar, ...grammar.commands.flatMap(allCommands)]
}

export function nameOf({ path }: CommandGrammar): string {
  return path.at(-1)!
}

function optionGrammar({ short, long, description, required, optional, flags, argChoices }: Option): OptionGrammar {
  const [, name = ''] = /[<[]([\w-]+)/.exec(flags) ?? []
  return {
    flags: [short, long].filter((flag) => flag != null),
    about: description,
    value: required || optional ? valueNamed(name, argChoices) : undefined,
  }
}

function operandGrammar(argument: Argument): OperandGrammar {
  return {
    name: argument.name(),
    value: valueNamed(argument.name(), argument.argChoices),
    isOptional: !argument.required,
    isVariadic: argument.variadic,
  }
}

function valueNamed(name: string, choices: readonly string[] | undefined): Value {
  if (choices !== undefined) return { kind: 'choice', words: choices }
  return { kind: Object.hasOwn(KINDS, name) ? KINDS[name]! : 'any' }
}
