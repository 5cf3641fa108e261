/**
 * One folder and its index, kept alike: what was done to the folder becomes changes of the index, and what the index has
 * heard of comes to the folder.
 *
 * Unless more than half of the files are gone and nobody was seen to remove them: then nothing is done, either way, until
 * somebody says whether they are to be gone.
 */
import type { ByteString, ObjectChange } from '../dfs.ts'
import { type Applied, DiskApply } from './disk-apply.ts'
import { DiskScan, type DiskScanOptions } from './disk-scan.ts'
import { DirtyPaths } from './head-dirty.ts'
import { IgnoredPaths, type ReadFile } from './ignored-paths.ts'
import { type Found, type Inspect, type Missing, MissingFiles } from './missing-files.ts'

export interface FolderSyncOptions extends Omit<DiskScanOptions, 'ignored'> {
  /** Reads files of the folder. Without it no file `.dfsignore` is heeded. */
  readonly readFile?: ReadFile
  /** So many files, if they are more than half, are asked about. */
  readonly missingMin?: number
}

export interface Round {
  /** The index was changed by what was found on the disk. */
  readonly hasChanged: boolean
  /** So many objects could not be brought to the disk yet, or files `.dfsignore` not be read. */
  readonly waiting: number
  /** Why one of these cannot be brought to this disk; all else was. */
  readonly refused?: unknown
}

/** What is missing was removed on purpose, or is to be there again, as far as the index knows it. */
export type Answer = 'removed' | 'restore'

/** While somebody changes what is to be brought, faster than it can be looked at. */
const ATTEMPTS_MAX = 5

export class FolderSync {
  readonly #options: FolderSyncOptions
  readonly #ignored: IgnoredPaths
  readonly #scan: DiskScan
  readonly #apply: DiskApply
  readonly #missingFiles: MissingFiles
  readonly #dirty = new DirtyPaths()
  /** What was told of since it was looked at: somebody who uses the folder did that. */
  #seen: readonly [DirtyPaths, DirtyPaths] = [new DirtyPaths(), new DirtyPaths()]
  #isRecovered = false
  #hasInspected = false
  #missing: Missing | undefined
  #answer: Answer | undefined

  /** All of the folder is to be looked at. */
  constructor(options: FolderSyncOptions) {
    this.#options = options
    this.#ignored = new IgnoredPaths(options.disk, options.readFile)
    this.#scan = new DiskScan({ ...options, ignored: this.#ignored })
    this.#apply = new DiskApply({ ...options, ignored: this.#ignored })
    const isSeen = (path: ByteString) => this.#seen.some((seen) => seen.covers(path))
    this.#missingFiles = new MissingFiles({ ...options, isSeen })
    this.#dirty.addAll()
  }

  /** Whether there is something to look at, or to bring. */
  get hasWork(): boolean {
    return this.#dirty.size > 0 || this.#options.index.behind.size + this.#ignored.unread.size > 0
  }

  /** Whether it is known that what was done while nobody looked is nothing that has to be asked about. */
  get hasInspected(): boolean {
    return this.#hasInspected
  }

  /** What the last run found to be missing, until it is answered. */
  get missing(): Missing | undefined {
    return this.#missing
  }

  /** For the next run. What is missing by then beyond what was asked about is asked about again. */
  answer(answer: Answer): void {
    this.#answer = answer
  }

  /** Somebody who uses the folder changed this. */
  note(change: ObjectChange): void {
    this.#dirty.add(change)
    this.#seen[1].add(change)
  }

  /**
   * Looks at what may have changed, and brings what can be brought; one at a time. Fails as the disk or the index fails:
   * then the rest is done by the next. Fails with `Missing` if that has to be answered first, and changes nothing.
   */
  async run(signal: AbortSignal): Promise<Round> {
    const { disk, index } = this.#options
    using _remembered = index.remember()
    if (!this.#isRecovered) await this.#apply.recover()
    this.#isRecovered = true
    const before = index.own.sequence
    for (const path of this.#ignored.unread) this.#dirty.add({ path, isTree: true })
    const unread = () => this.#ignored.unread.size
    let applied: Applied = { changed: new Set(), waiting: 0, refused: undefined }
    let isStuck = false
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      await disk.settle()
      if (isStuck) this.#dirty.addAll()
      await this.#look(!isStuck)
      signal.throwIfAborted()
      if (index.behind.size === 0) return { hasChanged: index.own.sequence > before, waiting: unread() }
      const { changed } = applied
      applied = await this.#apply.apply(signal)
      // What a crash left half done, and others changed since, looks like nothing that we would have done.
      isStuck = changed.size > 0 && changed.symmetricDifference(applied.changed).size === 0
      for (const path of applied.changed) this.#dirty.add({ path, isTree: true })
      if (this.#dirty.size === 0) break
    }
    const { waiting, refused } = applied
    // It may be left half done.
    if (refused !== undefined) this.#isRecovered = false
    return { hasChanged: index.own.sequence > before, waiting: waiting + unread(), refused }
  }

  async #look(expectsOwn: boolean): Promise<void> {
    const taken = this.#dirty.take()
    if (taken.size === 0) return
    const inspect: Inspect = (found) => this.#inspect(found, taken.isAll)
    // What is told of from now on may be found now, or the next time.
    const [earlier, seen] = this.#seen
    for (const change of seen.take().places()) earlier.add(change)
    try {
      for (const place of await this.#scan.scan(taken.places(), { expectsOwn, inspect })) this.#dirty.add(place)
      this.#seen = [new DirtyPaths(), this.#seen[1]]
    } catch (error) {
      this.#dirty.putBack(taken)
      throw error
    }
  }

  async #inspect(found: Found, isAll: boolean): Promise<void> {
    const missing = await this.#missingFiles.find(found)
    if (missing !== undefined) await this.#decide(missing)
    this.#hasInspected ||= isAll
    this.#missing = undefined
  }

  async #decide(missing: Missing): Promise<void> {
    const [asked, answer] = [this.#missing, this.#answer]
    this.#missing = missing
    this.#answer = undefined
    if (answer === 'restore') return this.#forgetOnDisk(missing.ids)
    if (answer !== 'removed' || asked === undefined || missing.files > asked.files) throw missing
  }

  /** The disk is known to show nothing of these; so they are to be brought to it. */
  async #forgetOnDisk(ids: ReadonlySet<string>): Promise<void> {
    const { index } = this.#options
    await index.noteApplied(new Map([...ids].map((id) => [id, undefined])))
    await index.saveApplied(ids, async () => {})
  }
}
