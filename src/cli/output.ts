/** How things are shown to people. Names come from disks and may hold anything: no control character reaches a terminal. */
import { describeError } from '../errors.ts'

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** `1.5 GiB`, `17 B`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}

/** `40 s`, `12 min`, `3.5 h`, `2 days`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`
  if (seconds < 172_800) return `${(seconds / 3600).toFixed(1)} h`
  return `${Math.round(seconds / 86_400)} days`
}

/** `1 file`, `2 files`. */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** The text with control characters (but line feeds and tabs) as `\x1b`. */
export function printable(text: string): string {
  return text.replaceAll(
    /[\0-\x08\x0b-\x1f\x7f-\x9f]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}

/** `dfs: what; mend`, one line. */
export function formatError(error: unknown): string {
  return `dfs: ${printable(describeError(error))}`
}

/** A longer cell has no column made as wide for its sake. */
const COLUMN_MAX = 64

/** Columns padded to their widest cell, two spaces between them; the last is not padded. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [i, { length }] of row.entries()) if (length <= COLUMN_MAX) widths[i] = Math.max(length, widths[i] ?? 0)
  }
  return rows
    .map((row) => row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('  '))
    .join('\n')
}
