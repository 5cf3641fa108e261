/**
 * One open folder that other devices of one's own have too: its index, and whatever keeps the two alike while it is open.
 *
 * What is done to it is looked at a moment after, and what others did is brought at once. What could not be done is tried
 * again, later each time.
 */
import { DfsError, describeError, kindOf } from '../../errors.ts'
import { logger, warn } from '../../log.ts'
import type { DeviceNames } from '../../sync/conflict-name.ts'
import { type Answer, FolderSync } from '../../sync/folder-sync.ts'
import { Missing } from '../../sync/missing-files.ts'
import type { SyncIndex } from '../../sync/sync-index.ts'
import type { Folder } from '../../vfs/folder.ts'
import { readBeginning } from './read-beginning.ts'
import type { SyncLinks } from './sync-links.ts'

const log = logger('sync')

export type SyncedFolder = Pick<
  Folder,
  'id' | 'path' | 'directoryFd' | 'filesystem' | 'outside' | 'onChange' | 'onCommit'
>

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
/** While it is asked what became of files: they may come back by themselves. */
const ASKED_AGAIN_MS = 300_000

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
  /** How the last run failed. */
  #failure: DfsError | Error | undefined
  readonly #hasRun = Promise.withResolvers<void>()

  /** Fails with `corrupt`, `newer-version`, `locked`, `io` if the index cannot be opened. */
  static async open(options: RunningSyncOptions): Promise<RunningSync> {
    return new RunningSync(options, await options.openIndex())
  }

  private constructor(options: RunningSyncOptions, open: OpenIndex) {
    const { folder, links, deviceName } = options
    const { index } = open
    this.#options = options
    this.#open = open
    this.#sync = new FolderSync({
      disk: folder.outside,
      index,
      deviceName,
      readFile: (path, bytesMax) => readBeginning(folder.filesystem, path, bytesMax),
    })
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

  /** Why the folder is not kept the same for now; undefined if it is. */
  get problem(): string | undefined {
    return this.#failure && describeError(this.#failure)
  }

  /**
   * Resolves once it is known that nothing has to be asked about the folder. Fails with `needs-confirmation` while something
   * has to be, and as the folder or its index does if that cannot be told.
   */
  async requireNothingAsked(): Promise<void> {
    await this.#hasRun.promise
    const { missing, hasInspected } = this.#sync
    if (this.#failure !== undefined && (missing !== undefined || !hasInspected)) throw this.#failure
  }

  /** The files that somebody has to say something about. Fails with `not-found` if there are none. */
  async missing(): Promise<Missing> {
    await this.#hasRun.promise
    const { missing } = this.#sync
    if (missing !== undefined) return missing
    throw new DfsError('not-found', 'nothing is asked about this folder', {
      subject: this.#options.folder.path,
      mend: 'see "dfs folders"',
    })
  }

  /** Goes on as somebody has said; resolves when that is done, as far as it can be now. Fails as `missing`, and as the folder does. */
  async answer(answer: Answer): Promise<Missing> {
    const missing = await this.missing()
    this.#sync.answer(answer)
    await this.lookNow()
    if (this.#failure !== undefined) throw this.#failure
    return missing
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
    this.#hasRun.resolve()
    await this.#options.links.remove(this.#options.folder.id)
    await this.#open.close()
  }

  #wake(): void {
    const now = performance.now()
    this.#since ??= now
    if (this.#sync.missing !== undefined) return
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
      this.#hasRun.resolve()
      this.#running = undefined
      if (this.#since !== undefined) this.#wake()
    })
  }

  async #run(): Promise<void> {
    this.#since = undefined
    const { folder, links } = this.#options
    try {
      const { hasChanged, waiting, refused } = await this.#sync.run(this.#stopping.signal)
      if (hasChanged) links.changed(folder.id)
      log('%s: %d wait', folder.path, waiting)
      if (waiting === 0) this.#againMs = AGAIN_MS_MIN
      else this.#runAgain()
      if (refused === undefined) this.#failure = undefined
      else this.#blame(refused as Error)
    } catch (error) {
      if (this.#stopping.signal.aborted) return
      this.#blame(error instanceof Missing ? asking(folder.path, error) : (error as Error))
      this.#runAgain()
    }
  }

  /** Said once, until all is well again. */
  #blame(error: Error): void {
    const isBlamed = this.#failure !== undefined
    this.#failure = error
    if (!isBlamed) warn(`${this.#options.folder.path} is not kept the same as on other devices: ${this.problem}`)
    log('%s: %s', kindOf(error), error.stack)
  }

  #runAgain(): void {
    const isAsked = this.#sync.missing !== undefined
    const ms = isAsked ? ASKED_AGAIN_MS : this.#againMs
    this.#againMs = Math.min(AGAIN_MS_MAX, 2 * this.#againMs)
    setTimeout(() => this.#runIn(0), ms).unref()
  }
}

function asking(path: string, { files, left }: Missing): DfsError {
  const message = `${files} of its ${files + left} files are gone, and nobody removed them in the mounted folder`
  return new DfsError('needs-confirmation', message, {
    op: 'sync',
    subject: path,
    mend: `bring them back with "dfs folders restore ${path}", or say with "dfs folders confirm ${path}" that they were deleted`,
  })
}
