/** Turns measured rounds into medians, ratios and a table. */
import { COLUMNS, type Column, type Figures } from './measure.ts'

export interface Report {
  /** Medians, by system. */
  medians: Record<string, Figures>
  /** How many times as good as dfs's best peer, and as the bare disk, dfs is: above 1 is better, whatever the unit. */
  ratios: { toBestPeer?: Figures; toDisk?: Figures }
  /** All counted rounds, by system. */
  rounds: Record<string, Figures[]>
}

const COLUMN_NAMES = Object.keys(COLUMNS) as Column[]

export function makeReport(rounds: Record<string, Figures[]>): Report {
  const medians = mapValues(rounds, (figures) => fromColumns((column) => median(figures.map((round) => round[column]))))
  const { dfs, disk, ...peers } = medians
  if (dfs === undefined) return { medians, ratios: {}, rounds }
  const best = bestOf(Object.values(peers))
  return {
    medians,
    ratios: {
      ...(best && { toBestPeer: fromColumns((column) => advantage(column, dfs[column], best[column])) }),
      ...(disk && { toDisk: fromColumns((column) => advantage(column, dfs[column], disk[column])) }),
    },
    rounds,
  }
}

/** A Markdown table: one row a system, then dfs's ratios. */
export function formatReport({ medians, ratios }: Report): string {
  const rows = [
    ['system', ...COLUMN_NAMES.map((column) => COLUMNS[column].title)],
    ...Object.entries(medians).map(([name, figures]) => [name, ...COLUMN_NAMES.map((c) => formatFigure(figures[c]))]),
    ...(ratios.toBestPeer ? [ratioRow('dfs : best peer', ratios.toBestPeer)] : []),
    ...(ratios.toDisk ? [ratioRow('dfs : disk', ratios.toDisk)] : []),
  ]
  const widths = rows[0]!.map((_, index) => Math.max(...rows.map((row) => row[index]!.length)))
  const lines = rows.map((row) => `| ${row.map((cell, index) => cell.padStart(widths[index]!)).join(' | ')} |`)
  lines.splice(1, 0, `| ${widths.map((width) => `${'-'.repeat(width - 1)}:`).join(' | ')} |`)
  return lines.join('\n')
}

function ratioRow(title: string, figures: Figures): string[] {
  return [title, ...COLUMN_NAMES.map((column) => `${figures[column].toFixed(2)}x`)]
}

function formatFigure(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(value >= 10 ? 1 : 2)
}

function bestOf(systems: Figures[]): Figures | undefined {
  if (systems.length === 0) return undefined
  return fromColumns((column) => {
    const values = systems.map((figures) => figures[column])
    return COLUMNS[column].better === 'more' ? Math.max(...values) : Math.min(...values)
  })
}

function advantage(column: Column, ours: number, theirs: number): number {
  return COLUMNS[column].better === 'more' ? ours / theirs : theirs / ours
}

function fromColumns(value: (column: Column) => number): Figures {
  return Object.fromEntries(COLUMN_NAMES.map((column) => [column, value(column)])) as Figures
}

function mapValues<A, B>(record: Record<string, A>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]))
}

/** NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
