/** A progress bar on a terminal, and nothing elsewhere. */
import type { SingleBar } from 'cli-progress'
import type { OnProgress } from '../dfs.ts'
import { formatBytes, formatSeconds, printable } from './output.ts'

const OPTIONS = { hideCursor: true, clearOnComplete: true }
const BAR_CHARS_MAX = 24
const ITEM_CHARS_MAX = 40
/** Before, a rate is guesswork. */
const RATE_AFTER_MS = 2_000

export interface ProgressBar extends Disposable {
  readonly onProgress: OnProgress
}

/** cli-progress is loaded when there is progress to show: most commands end before. */
export function progressBar(label: string, stream: NodeJS.WriteStream): ProgressBar {
  if (!stream.isTTY) return { onProgress: () => undefined, [Symbol.dispose]: () => undefined }
  let bar: SingleBar | undefined
  let asked = false
  let ended = false
  const pace = new Pace()
  const load = async (total: number, done: number) => {
    const { Presets, SingleBar } = await import('cli-progress')
    if (ended) return
    const barsize = Math.min(BAR_CHARS_MAX, (stream.columns ?? 80) >> 2)
    bar = new SingleBar(
      { ...OPTIONS, barsize, stream, format: `${label} {bar} {shown} {item}` },
      Presets.shades_classic,
    )
    bar.start(total, done, { shown: '', item: '' })
  }
  return {
    onProgress: ({ done, total, unit, item = '' }) => {
      if (!asked) load(total ?? 0, done).catch(() => undefined)
      asked = true
      bar?.setTotal(total ?? 0)
      bar?.update(done, {
        shown: describe(done, total, unit) + pace.describe(done, total, unit),
        item: printable(item).slice(-ITEM_CHARS_MAX),
      })
    },
    [Symbol.dispose]: () => {
      ended = true
      bar?.stop()
    },
  }
}

/** How fast it goes, since the first that was heard of it, and how long it goes on at that rate. */
export class Pace {
  readonly #nowMs: () => number
  #start: { done: number; ms: number } | undefined

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs
  }

  /** `, 12 MiB/s, 40 s left`; nothing as long as nobody knows. */
  describe(done: number, total: number | undefined, unit: string): string {
    const ms = this.#nowMs()
    this.#start ??= { done, ms }
    const seconds = (ms - this.#start.ms) / 1000
    const perSecond = (done - this.#start.done) / seconds
    if (seconds * 1000 < RATE_AFTER_MS || perSecond <= 0) return ''
    const rate = unit === 'bytes' ? `, ${formatBytes(perSecond)}/s` : ''
    const left = total === undefined || total <= done ? '' : `, ${formatSeconds((total - done) / perSecond)} left`
    return `${rate}${left}`
  }
}

function describe(done: number, total: number | undefined, unit: string): string {
  const show = (count: number) => (unit === 'bytes' ? formatBytes(count) : String(count))
  if (total === undefined) return `${show(done)} ${unit}`
  return `${show(done)} of ${show(total)} ${unit === 'bytes' ? '' : unit}`
}
