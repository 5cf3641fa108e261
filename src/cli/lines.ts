/**
 * Lines for a person at a terminal: folded at its width below their last column, coloured where something is wrong. Where
 * it goes elsewhere, a line stays a line and has no colour, as with NO_COLOR.
 */
import { styleText } from 'node:util'
import { printable } from './output.ts'

/** `bad`: does not work, or is not safe. `warn`: will not soon. */
export type Tone = 'bad' | 'warn'

/** A text, or one that says something is wrong. */
export type Line = string | { readonly tone: Tone; readonly text: string }

const COLOURS = { bad: 'red', warn: 'yellow' } as const
/** Narrower than this nothing can be read, folded or not. */
const COLUMNS_MIN = 20

export function formatLines(lines: readonly Line[], stream: NodeJS.WriteStream): string {
  return lines.map((line) => formatLine(line, stream)).join('\n')
}

function formatLine(line: Line, stream: NodeJS.WriteStream): string {
  const { tone, text } = typeof line === 'string' ? { tone: undefined, text: line } : line
  const shown = printable(text)
    .split('\n')
    .map((one) => (stream.isTTY ? fold(one, stream.columns ?? 80) : one))
    .join('\n')
  return tone === undefined ? shown : styleText(COLOURS[tone], shown, { stream })
}

/** Breaks a line between words. What follows stands below the last of the columns, which two spaces part. */
export function fold(line: string, columns: number): string {
  if (line.length <= columns || columns < COLUMNS_MIN) return line
  const indent = indentOf(line, columns)
  const folded: string[] = []
  let rest = line
  while (rest.length > columns) {
    const from = folded.length === 0 ? indent : indent + 1
    const space = rest.lastIndexOf(' ', columns)
    const at = space >= from ? space : rest.indexOf(' ', columns)
    if (at < 0) break
    folded.push(rest.slice(0, at).trimEnd())
    rest = ' '.repeat(indent) + rest.slice(at).trimStart()
  }
  return [...folded, rest].join('\n')
}

/** Where the last column begins, unless too little would be left of it. */
function indentOf(line: string, columns: number): number {
  const starts = [...line.matchAll(/(?:^ *|\S {2,})(?=\S)/g)].map((match) => match.index + match[0].length)
  return starts.findLast((start) => start <= columns / 2) ?? 0
}
