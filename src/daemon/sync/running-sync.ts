/**
 * One open folder that other devices of one's own have too: its index, and whatever keeps the two alike while it is open.
 *
 * What is done to it is looked at a moment after, and what others did is brought at once. What could not be done is tried
 * again, later each time.
 */
import { describeError, kindOf } from '../../errors.ts'
import { logger, warn } from '../../log.ts'
import type { DeviceNames } from '../../sync/conflict-name.ts'
import { FolderSync } from '../../sync/folder-sync.ts'
import type { SyncIndex } from '../../sync/sync-index.ts'
import type { Folder } from '../../vfs/folder.ts'
import type { SyncLinks } from './sync-links.ts'

const log = logger('sync')

export type SyncedFolder = Pick<Folder, 'id' | 'path' | 'outside' | 'onChange' | 'onCommit'>

export interface RunningSyncOptions {
  readonly folder: SyncedFolder
  /** Fails with `corrupt`, `newer-version`, `locked`, `io`. */
  readonly openIndex: () => Promise<OpenIndex>
  readonly links: SyncLinks
  readonly deviceName: DeviceNames
}

export interface OpenIndex {
  readonly index: SyncIndex
  close(): Promise<void>
}

/** Programs do several things in a row. */
const QUIET_MS = 100
const LATEST_MS = 500
const AGAIN_MS_MIN = 1_000
const AGAIN_MS_MAX = 60_000

export class RunningSync implements AsyncDisposable {
  readonly #options: RunningSyncOptions
  readonly #open: OpenIndex
  readonly #sync: FolderSync
  readonly #stopping = new AbortController()
  readonly #unlisten: (() => void)[]
  #timer: NodeJS.Timeout | undefined
  /** When the first change came that nobody has looked at, in ms of the monotonic clock. */
  #since: number | undefined
  #running: Promise<void> | undefined
  #againMs = AGAIN_MS_MIN
  #isBlamed = false

  /** Fails with `corrupt`, `newer-version`, `locked`, `io` if the index cannot be opened. */
  static async open(options: RunningSyncOptions): Promise<RunningSync> {
    return new RunningSync(options, await options.openIndex())
  }

  private constructor(options: RunningSyncOptions, open: OpenIndex) {
    const { folder, links, deviceName } = options
    const { index } = open
    this.#options = options
    this.#open = open
    this.#sync = new FolderSync({ disk: folder.outside, index, deviceName })
    this.#unlisten = [
      folder.onChange((change) => {
        this.#sync.note(change)
        this.#wake()
      }),
      folder.onCommit(() => this.#wake()),
    ]
    links.add(folder.id, index, () => this.#wake())
    this.#wake()
  }

  /** Whether the folder shows all that is known of it, and nothing in it is to be looked at. */
  get isIdle(): boolean {
    return !this.#sync.hasWork && this.#running === undefined && this.#timer === undefined
  }

  get index(): SyncIndex {
    return this.#open.index
  }

  /** Looks at what was done by now, without waiting for more; resolves once that is in the index, or could not be brought there. */
  async lookNow(): Promise<void> {
    await this.#running
    this.#begin()
    await this.#running
  }

  /** Resolves when nothing uses the folder any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new Error('the folder is being closed'))
    for (const unlisten of this.#unlisten) unlisten()
    clearTimeout(this.#timer)
    await this.#running
    await this.#options.links.remove(this.#options.folder.id)
    await this.#open.close()
  }

  #wake(): void {
    const now = performance.now()
    this.#since ??= now
    this.#runIn(Math.max(0, Math.min(QUIET_MS, this.#since + LATEST_MS - now)))
  }

  #runIn(ms: number): void {
    if (this.#stopping.signal.aborted || this.#running !== undefined) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#begin(), ms)
  }

  #begin(): void {
    if (this.#stopping.signal.aborted || this.#running !== undefined) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#running = this.#run().finally(() => {
      this.#running = undefined
      if (this.#since !== undefined) this.#wake()
    })
  }

  async #run(): Promise<void> {
    this.#since = undefined
    const { folder, links } = this.#options
    try {
      const { hasChanged, waiting } = await this.#sync.run(this.#stopping.signal)
      if (hasChanged) links.changed(folder.id)
      log('%s: %d wait', folder.path, waiting)
      if (waiting === 0) this.#againMs = AGAIN_MS_MIN
      else this.#runAgain()
      this.#isBlamed = false
    } catch (error) {
      if (this.#stopping.signal.aborted) return
      if (!this.#isBlamed) warn(`${folder.path} is not kept the same as on other devices: ${describeError(error)}`)
      log('%s: %s', kindOf(error), (error as Error).stack)
      this.#isBlamed = true
      this.#runAgain()
    }
  }

  #runAgain(): void {
    const ms = this.#againMs
    this.#againMs = Math.min(AGAIN_MS_MAX, 2 * ms)
    setTimeout(() => this.#wake(), ms).unref()
  }
}
