/**
 * How long this store has been in use, over all runs: the only clock that may authorise a deletion.
 *
 * It never goes back, and stands still while no process runs and while the machine sleeps. What passed since the
 * last `save` is lost by a crash, which makes waits longer, never shorter.
 *
 * On disk: one JSON object `{"version":1,"runningMs":N}`.
 */
import { DfsError } from '../errors.ts'
import { warn } from '../log.ts'
import { readFileIfThere, replaceFile } from './small-file.ts'

const VERSION = 1

export interface RunningClock {
  nowMs(): number
}

export class RunningTime implements RunningClock {
  readonly #file: string
  readonly #monotonicMs: () => number
  readonly #earlierMs: number
  readonly #startMs: number

  private constructor(file: string, earlierMs: number, monotonicMs: () => number) {
    this.#file = file
    this.#earlierMs = earlierMs
    this.#monotonicMs = monotonicMs
    this.#startMs = monotonicMs()
  }

  /** Goes on from the time saved in `file`, from 0 without one or with one that cannot be read. Fails with `newer-version`, `io`. */
  static async open(file: string, monotonicMs: () => number = () => performance.now()): Promise<RunningTime> {
    const bytes = await readFileIfThere(file)
    return new RunningTime(file, bytes === undefined ? 0 : parseRunningTime(bytes, file), monotonicMs)
  }

  /** Milliseconds, whole. */
  nowMs(): number {
    return this.#earlierMs + Math.floor(this.#monotonicMs() - this.#startMs)
  }

  /** To be called now and then (a minute is good), and at the end. */
  async save(): Promise<void> {
    await replaceFile(this.#file, Buffer.from(`${JSON.stringify({ version: VERSION, runningMs: this.nowMs() })}\n`))
  }
}

function parseRunningTime(bytes: Buffer, file: string): number {
  const { version, runningMs } = parseObject(bytes)
  if (typeof version === 'number' && version > VERSION) {
    throw new DfsError('newer-version', `running time of version ${version}, this dfs knows ${VERSION}`, {
      op: 'open store',
      subject: file,
      mend: 'install a newer dfs on this device',
    })
  }
  if (version === VERSION && Number.isSafeInteger(runningMs) && (runningMs as number) >= 0) return runningMs as number
  warn(`${file} cannot be read: the store's running time starts anew, deletions wait longer`)
  return 0
}

function parseObject(bytes: Buffer): Record<string, unknown> {
  try {
    const value = JSON.parse(bytes.toString('utf8'))
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}
