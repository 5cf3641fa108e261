/** A progress bar on a terminal, and nothing elsewhere. */
import { Presets, SingleBar } from 'cli-progress'
import type { OnProgress } from '../dfs.ts'
import { formatBytes, printable } from './output.ts'

export interface ProgressBar extends Disposable {
  readonly onProgress: OnProgress
}

export function progressBar(label: string, stream: NodeJS.WriteStream): ProgressBar {
  if (!stream.isTTY) return { onProgress: () => undefined, [Symbol.dispose]: () => undefined }
  const options = {
    stream,
    hideCursor: true,
    clearOnComplete: true,
    format: `${label} {bar} {shown} {item}`,
    barsize: 24,
  }
  const bar = new SingleBar(options, Presets.shades_classic)
  let started = false
  return {
    onProgress: ({ done, total, unit, item = '' }) => {
      const show = (count: number) => (unit === 'bytes' ? formatBytes(count) : String(count))
      const shown =
        total === undefined
          ? `${show(done)} ${unit}`
          : `${show(done)} of ${show(total)} ${unit === 'bytes' ? '' : unit}`
      const payload = { shown, item: printable(item).slice(-40) }
      if (!started) bar.start(total ?? 0, done, payload)
      started = true
      bar.setTotal(total ?? 0)
      bar.update(done, payload)
    },
    [Symbol.dispose]: () => bar.stop(),
  }
}
