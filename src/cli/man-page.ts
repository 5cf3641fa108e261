/** The manual page dfs(1), made of what the commands say of themselves: groff's man macros. */
import type { Argument, Command, Option } from 'commander'

export function manPage(program: Command): string {
  const { description, after } = textsOf(program)
  return [
    `.TH DFS 1 "" "dfs ${program.version()}" "User Commands"`,
    '.SH NAME',
    `dfs \\- ${roff(description.replace(/\.$/, ''))}`,
    '.SH SYNOPSIS',
    '.B dfs',
    '.I command',
    '.RI [ options ]',
    '.SH DESCRIPTION',
    roff('Every command explains itself: "dfs COMMAND --help".'),
    '.SH OPTIONS',
    ...optionsOf(program),
    '.SH COMMANDS',
    ...program.commands.flatMap((command) => commandSections(command, 'dfs')),
    ...blocksOf(after).flatMap(({ title, lines }) =>
      title === undefined ? paragraph(lines) : [`.SH ${roff(title.toUpperCase())}`, ...literal(lines)],
    ),
    '',
  ].join('\n')
}

/** A command that only groups others has the text that they share, and they have sections of their own. */
function commandSections(command: Command, above: string): string[] {
  const name = `${above} ${command.name()}`
  const { description, after } = textsOf(command)
  const words = command.commands.length > 0 ? ['command'] : command.registeredArguments.map(wordOfArgument)
  return [
    `.SS ${roff([name, ...words].join(' '))}`,
    `${roff(capitalised(description))}.`,
    ...command.registeredArguments.flatMap((one) => item(wordOfArgument(one), one.description)),
    ...optionsOf(command),
    ...blocksOf(after).flatMap(({ title, lines }) =>
      title === undefined ? paragraph(lines) : ['.PP', roff(`${title}:`), ...literal(lines)],
    ),
    ...command.commands.flatMap((below) => commandSections(below, name)),
  ]
}

/** What is said before and after the lists of options and commands. */
function textsOf(command: Command): { description: string; after: string } {
  const output = command.configureOutput()
  let whole = ''
  command.configureOutput({ writeOut: (text) => (whole += text) })
  command.outputHelp()
  command.configureOutput(output)
  return { description: command.description(), after: whole.slice(command.helpInformation().length) }
}

function optionsOf(command: Command): string[] {
  const options = command.createHelp().visibleOptions(command)
  return options.filter(({ long }) => long !== '--help').flatMap((option) => item(option.flags, aboutOption(option)))
}

function aboutOption({ description, argChoices }: Option): string {
  return argChoices === undefined ? description : `${description}: ${argChoices.join(', ')}`
}

function wordOfArgument(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`
  return argument.required ? name : `[${name}]`
}

function item(term: string, about: string): string[] {
  return ['.TP', `.B ${roff(term)}`, `${roff(capitalised(about))}.`]
}

interface Block {
  /** What stands before a colon, over lines that are shown as they are. */
  readonly title: string | undefined
  readonly lines: readonly string[]
}

function blocksOf(text: string): Block[] {
  return text
    .split(/\n{2,}/)
    .map((block) => block.split('\n').filter((line) => line !== ''))
    .filter((lines) => lines.length > 0)
    .map(([first = '', ...rest]) => {
      const isTitle = first.endsWith(':') && rest.every((line) => line.startsWith('  '))
      return isTitle ? { title: first.slice(0, -1), lines: rest } : { title: undefined, lines: [first, ...rest] }
    })
}

function paragraph(lines: readonly string[]): string[] {
  return ['.PP', ...lines.map(roff)]
}

function literal(lines: readonly string[]): string[] {
  return ['.PP', '.nf', ...lines.map((line) => roff(line.slice(2))), '.fi']
}

/** Text that groff shows as it is: a point or quote at a line's beginning would be a request. */
function roff(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replaceAll('`', '\\(ga')
    .replaceAll('"', '\\(dq')
  return escaped.startsWith('.') ? `\\&${escaped}` : escaped
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
