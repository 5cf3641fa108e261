/** A progress bar on a terminal, and nothing elsewhere. */
import type { SingleBar } from 'cli-progress'
import type { OnProgress } from '../dfs.ts'
import { formatBytes, printable } from './output.ts'

const OPTIONS = { hideCursor: true, clearOnComplete: true, barsize: 24 }
const ITEM_CHARS_MAX = 40

export interface ProgressBar extends Disposable {
  readonly onProgress: OnProgress
}

/** cli-progress is loaded when there is progress to show: most commands end before. */
export function progressBar(label: string, stream: NodeJS.WriteStream): ProgressBar {
  if (!stream.isTTY) return { onProgress: () => undefined, [Symbol.dispose]: () => undefined }
  let bar: SingleBar | undefined
  let asked = false
  let ended = false
  const load = async (total: number, done: number) => {
    const { Presets, SingleBar } = await import('cli-progress')
    if (ended) return
    bar = new SingleBar({ ...OPTIONS, stream, format: `${label} {bar} {shown} {item}` }, Presets.shades_classic)
    bar.start(total, done, { shown: '', item: '' })
  }
  return {
    onProgress: ({ done, total, unit, item = '' }) => {
      if (!asked) load(total ?? 0, done).catch(() => undefined)
      asked = true
      bar?.setTotal(total ?? 0)
      bar?.update(done, { shown: describe(done, total, unit), item: printable(item).slice(-ITEM_CHARS_MAX) })
    },
    [Symbol.dispose]: () => {
      ended = true
      bar?.stop()
    },
  }
}

function describe(done: number, total: number | undefined, unit: string): string {
  const show = (count: number) => (unit === 'bytes' ? formatBytes(count) : String(count))
  if (total === undefined) return `${show(done)} ${unit}`
  return `${show(done)} of ${show(total)} ${unit === 'bytes' ? '' : unit}`
}
